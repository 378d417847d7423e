"""An appointment request becomes a contact, a consent and a lead, exactly once."""

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest
from pydantic import ValidationError
from sqlmodel import SQLModel, col, select

from crm.compliance.models import Consent
from crm.compliance.wordings import default_wording, publish_wording
from crm.contacts.models import Address, Contact
from crm.core.database import Database
from crm.core.errors import Invalid
from crm.core.events import EventRow
from crm.core.ids import new_id
from crm.core.principal import PATIENT, SYSTEM
from crm.core.runtime import Runtime
from crm.core.uow import UnitOfWork
from pipelines.actions import Move, add_pipeline, move_leads
from pipelines.errors import NoPipeline
from pipelines.intake import (
    AppointmentRequestIn,
    IdempotencyConflict,
    IncomingRequest,
    accept_requests,
)
from pipelines.models import AppointmentRequest, Lead, Pipeline, Stage, StageCounter

STAGES = [("New", "open"), ("Contacted", "open"), ("Booked", "booked"), ("Lost", "lost")]
PHONE = "(212) 555-0142"


@pytest.fixture
def pipeline(runtime: Runtime, clinic: UUID) -> Pipeline:
    """The clinic's default pipeline."""
    with runtime.database.transaction(clinic, SYSTEM) as uow:
        return add_pipeline(uow, "New patients", STAGES, is_default=True)


def request(key: str = "k1", **fields: Any) -> IncomingRequest:
    data = AppointmentRequestIn.model_validate({"name": "Ana Díaz", "phone": PHONE, **fields})
    return IncomingRequest(data, key, "api:1", json.dumps(fields, default=str, sort_keys=True))


def rows(uow: UnitOfWork, model: type[SQLModel]) -> list[Any]:
    return list(uow.session.scalars(select(model).order_by(col(model.id))))  # type: ignore[attr-defined]


def names(uow: UnitOfWork) -> list[str]:
    found = uow.session.scalars(select(EventRow.name).order_by(col(EventRow.seq)))
    return [name for name in found if name.startswith("lead.")]


def counted(database: Database, clinic: UUID) -> dict[type[SQLModel], int]:
    with database.transaction(clinic, SYSTEM) as uow:
        return {
            model: len(rows(uow, model))
            for model in (Address, AppointmentRequest, Consent, Contact, EventRow, Lead)
        }


def test_a_request_becomes_a_contact_a_consent_and_a_lead(
    uow: UnitOfWork, pipeline: Pipeline
) -> None:
    [accepted] = accept_requests(
        uow,
        [
            request(
                message="Tengo dolor",
                service="Cleaning",
                language="es",
                source="google_ads",
                campaign={"utm_source": "google", "gclid": "x"},
                landing_page="https://clinic.example/start",
                consent={"sms_care": True},
            )
        ],
    )
    [kept] = rows(uow, AppointmentRequest)
    [lead] = rows(uow, Lead)
    [contact] = rows(uow, Contact)
    [consent] = rows(uow, Consent)
    assert (accepted.request_id, accepted.lead_id, accepted.contact_id) == (
        kept.id,
        lead.id,
        contact.id,
    )
    assert not accepted.is_repeat
    assert "dolor" not in kept.body
    assert "Tengo dolor" in uow.decrypt(kept.id, kept.body)
    assert (contact.name, contact.language) == ("Ana Díaz", "es")
    assert (lead.source, lead.service, lead.pipeline_id) == ("google_ads", "Cleaning", pipeline.id)
    assert lead.campaign == {"utm_source": "google", "gclid": "x"}
    assert lead.landing_page == "https://clinic.example/start"
    assert (consent.purpose, consent.tier, consent.action) == ("care", "express", "granted")
    assert names(uow) == ["lead.created"]


def test_the_same_key_gets_the_first_answer(uow: UnitOfWork, pipeline: Pipeline) -> None:
    [first] = accept_requests(uow, [request()])
    again, same = accept_requests(uow, [request(), request()])
    assert again == same == replace(first, is_repeat=True)
    assert len(rows(uow, Lead)) == 1
    assert names(uow) == ["lead.created"]


def test_copies_within_a_chunk_are_one_request(uow: UnitOfWork, pipeline: Pipeline) -> None:
    accepted = accept_requests(uow, [request(), request("k2", phone="212 555 0177"), request()])
    assert [one.is_repeat for one in accepted] == [False, False, True]
    assert accepted[0].lead_id == accepted[2].lead_id != accepted[1].lead_id
    assert len(rows(uow, AppointmentRequest)) == 2


def test_the_same_key_with_another_body_is_refused(uow: UnitOfWork, pipeline: Pipeline) -> None:
    with pytest.raises(IdempotencyConflict):
        accept_requests(uow, [request(), request(message="other")])
    accept_requests(uow, [request()])
    with pytest.raises(IdempotencyConflict) as refused:
        accept_requests(uow, [request("k2"), request(message="other")])
    assert list(refused.value.fields) == ["Idempotency-Key"]


def test_the_same_key_of_another_sender_is_another_request(
    uow: UnitOfWork, pipeline: Pipeline
) -> None:
    first, other = accept_requests(
        uow, [request(), replace(request(), channel="api:2", id=new_id())]
    )
    assert first.request_id != other.request_id
    assert first.lead_id == other.lead_id
    assert names(uow) == ["lead.created", "lead.requested_again"]


def test_a_known_contact_with_an_open_lead_asks_again_on_it(
    uow: UnitOfWork, pipeline: Pipeline
) -> None:
    [first] = accept_requests(uow, [request()])
    [again] = accept_requests(uow, [request("k2", message="Still waiting")])
    assert again.lead_id == first.lead_id
    assert again.request_id != first.request_id
    assert names(uow) == ["lead.created", "lead.requested_again"]
    assert [one.lead_id for one in rows(uow, AppointmentRequest)] == [first.lead_id] * 2


def test_a_lead_that_is_booked_or_lost_is_not_reopened(uow: UnitOfWork, pipeline: Pipeline) -> None:
    stages = {stage.name: stage.id for stage in rows(uow, Stage)}
    leads = []
    for turn, name in enumerate(("Contacted", "Booked", "Lost")):
        [accepted] = accept_requests(uow, [request(f"k{turn}")])
        leads.append(accepted.lead_id)
        move_leads(uow, [Move(accepted.lead_id, stages[name])])
    assert leads[0] == leads[1] != leads[2]
    assert accept_requests(uow, [request("k9")])[0].lead_id not in leads


def test_each_pipeline_has_its_own_lead(uow: UnitOfWork, pipeline: Pipeline) -> None:
    second = add_pipeline(uow, "Implants", STAGES)
    [first] = accept_requests(uow, [request()])
    [other] = accept_requests(uow, [replace(request("k2"), pipeline_id=second.id)])
    assert first.contact_id == other.contact_id
    assert first.lead_id != other.lead_id


def test_the_open_lead_of_a_merged_contact_is_found(uow: UnitOfWork, pipeline: Pipeline) -> None:
    [old] = accept_requests(uow, [request()])
    [new] = accept_requests(
        uow, [request("k2", phone="", email="ana@example.com", name="Ana Díaz")]
    )
    assert old.lead_id != new.lead_id
    stages = {stage.name: stage.id for stage in rows(uow, Stage)}
    move_leads(uow, [Move(new.lead_id, stages["Lost"])])
    uow.get(Contact, old.contact_id).merged_into_id = new.contact_id
    uow.session.flush()
    [again] = accept_requests(uow, [request("k3")])
    assert (again.contact_id, again.lead_id) == (new.contact_id, old.lead_id)


def test_two_people_on_one_phone_have_a_lead_each(uow: UnitOfWork, pipeline: Pipeline) -> None:
    ana, luis = accept_requests(uow, [request(), request("k2", name="Luis Díaz")])
    assert ana.contact_id != luis.contact_id
    assert ana.lead_id != luis.lead_id
    assert len(rows(uow, Address)) == 1
    assert sum(counter.leads for counter in rows(uow, StageCounter)) in (0, 2)


def test_nothing_is_agreed_to_that_was_not_ticked(uow: UnitOfWork, pipeline: Pipeline) -> None:
    accept_requests(
        uow,
        [
            request(),
            request("k2", consent={}),
            request("k3", phone=None, email="ana@example.com", consent={"sms_care": True}),
        ],
    )
    # An email address is given to be answered at: about the request, and nothing else (LAW-1).
    said = [(one.channel, one.purpose, one.tier) for one in rows(uow, Consent)]
    assert said == [("email", "care", "express")]


def test_a_consent_names_the_words_that_were_shown(uow: UnitOfWork, pipeline: Pipeline) -> None:
    care = default_wording(uow, "Riverside Dental", "en", "care")
    marketing = default_wording(uow, "Riverside Dental", "en", "marketing")
    accept_requests(
        uow,
        [
            request(consent={"sms_care": True, "wording_id": str(care.id)}),
            request("k2", consent={"sms_care": True, "wording_version": care.version}),
            request("k3", consent={"sms_marketing": True, "marketing_wording_id": marketing.id}),
        ],
    )
    assert [(one.purpose, one.tier, one.wording_id) for one in rows(uow, Consent)] == [
        ("care", "express", care.id),
        ("care", "express", care.id),
        ("marketing", "written", marketing.id),
    ]


def test_unknown_words_of_consent_are_refused(
    runtime: Runtime, clinic: UUID, other_clinic: UUID, pipeline: Pipeline
) -> None:
    with runtime.database.transaction(other_clinic, SYSTEM) as uow:
        foreign = publish_wording(uow, "en", "care", "express", "Yes.")
    with runtime.database.transaction(clinic, SYSTEM) as uow:
        marketing = publish_wording(uow, "en", "marketing", "written", "Yes.")
    before = counted(runtime.database, clinic)
    for wording_id in (new_id(), foreign.id, marketing.id):
        consent = {"sms_care": True, "wording_id": str(wording_id)}
        with pytest.raises(Invalid) as refused, runtime.database.transaction(clinic, SYSTEM) as uow:
            accept_requests(uow, [request(consent=consent)])
        assert list(refused.value.fields) == ["consent.wording_id"]
    assert counted(runtime.database, clinic) == before


def test_words_about_emails_are_no_consent_to_texts(
    runtime: Runtime, clinic: UUID, pipeline: Pipeline
) -> None:
    with runtime.database.transaction(clinic, SYSTEM) as uow:
        offers = publish_wording(uow, "en", "email_offers", "written", "Offers by email: yes.")
    consent = {"sms_marketing": True, "marketing_wording_id": str(offers.id)}
    with pytest.raises(Invalid) as refused, runtime.database.transaction(clinic, SYSTEM) as uow:
        accept_requests(uow, [request(consent=consent)])
    assert list(refused.value.fields) == ["consent.marketing_wording_id"]


def test_a_clinic_without_a_pipeline_stores_nothing(runtime: Runtime, clinic: UUID) -> None:
    with pytest.raises(NoPipeline), runtime.database.transaction(clinic, SYSTEM) as uow:
        accept_requests(uow, [request()])
    assert set(counted(runtime.database, clinic).values()) == {0}


def test_parallel_copies_become_one_lead(
    runtime: Runtime, clinic: UUID, pipeline: Pipeline
) -> None:
    def arrive(turn: int) -> tuple[UUID, UUID]:
        with runtime.database.transaction(clinic, PATIENT) as uow:
            [accepted] = accept_requests(uow, [request()])
            return accepted.request_id, accepted.lead_id

    with ThreadPoolExecutor(6) as pool:
        assert len(set(pool.map(arrive, range(18)))) == 1
    found = counted(runtime.database, clinic)
    assert (found[Lead], found[Contact], found[AppointmentRequest]) == (1, 1, 1)


def test_parallel_requests_of_one_contact_by_phone_and_by_email_share_a_lead(
    runtime: Runtime, clinic: UUID, pipeline: Pipeline
) -> None:
    with runtime.database.transaction(clinic, SYSTEM) as uow:
        [known] = accept_requests(uow, [request(email="ana@example.com")])
        [lost] = [stage.id for stage in rows(uow, Stage) if stage.name == "Lost"]
        move_leads(uow, [Move(known.lead_id, lost)])

    def arrive(turn: int) -> UUID:
        with runtime.database.transaction(clinic, PATIENT) as uow:
            way = {"phone": PHONE} if turn % 2 else {"phone": None, "email": "ana@example.com"}
            [accepted] = accept_requests(uow, [request(f"p{turn}", **way)])
            return accepted.lead_id

    with ThreadPoolExecutor(6) as pool:
        assert len(set(pool.map(arrive, range(12)))) == 1


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"name": " "}, "name"),
        ({"name": "\x07"}, "name"),
        ({"name": "x" * 201}, "name"),
        ({"name": "a\x00b"}, "name"),
        ({"name": "a\ud800b"}, "name"),
        ({"phone": 12125550142}, "phone"),
        ({"campaign": {"utm_source": "x" * 201}}, "campaign"),
        ({"campaign": {"name": "x"}}, "campaign"),
        ({"campaign": {f"utm_{n}": "x" for n in range(21)}}, "campaign"),
        ({"landing_page": "javascript:alert(1)"}, "landing_page"),
        ({"source": "<b>"}, "source"),
        ({"message": "x" * 5001}, "message"),
        ({"consent": {"sms_care": "yes"}}, "consent"),
        ({"consent": {"sms_marketing": True}}, "consent"),
        ({"consent": {"all": True}}, "consent"),
        ({"vip": True}, "vip"),
        ({"language": "fr"}, "language"),
    ],
)
def test_what_cannot_be_is_refused_by_its_name(fields: dict[str, Any], wrong: str) -> None:
    with pytest.raises(ValidationError) as refused:
        AppointmentRequestIn.model_validate({"name": "Ana", "phone": PHONE, **fields})
    assert {str(error["loc"][0]) for error in refused.value.errors()} == {wrong}


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"phone": "555"}, {"phone"}),
        ({"phone": "999 999 9999"}, {"phone"}),
        ({"email": "nobody"}, {"email"}),
        ({"phone": "1", "email": "@"}, {"phone", "email"}),
        ({}, {"phone"}),
        ({"phone": " ", "email": ""}, {"phone"}),
    ],
)
def test_nobody_without_a_way_to_answer(fields: dict[str, Any], wrong: set[str]) -> None:
    data = AppointmentRequestIn.model_validate({"name": "Ana", **fields})
    with pytest.raises(Invalid) as refused:
        IncomingRequest(data, "k", "api:1", "{}").person  # noqa: B018
    assert set(refused.value.fields) == wrong


def test_names_are_one_line() -> None:
    assert AppointmentRequestIn(name=" Ana\n\tDíaz\x07 ").name == "Ana Díaz"
