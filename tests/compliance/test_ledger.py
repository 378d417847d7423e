"""The consent ledger, its wordings and the suppression list."""

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from uuid import UUID

import pytest
from sqlmodel import col, select

from crm.compliance import actions
from crm.compliance.actions import NewConsent, lift_suppression, record_consents, suppress
from crm.compliance.models import Consent, Suppression
from crm.compliance.queries import latest_consents, live_suppressions
from crm.compliance.wordings import CARE, MARKETING, default_wording, find_wordings, publish_wording
from crm.contacts.actions import Person, match_or_create
from crm.core.events import EventRow
from crm.core.principal import PATIENT, SYSTEM
from crm.core.runtime import Runtime
from crm.core.uow import UnitOfWork


@pytest.fixture
def phone(runtime: Runtime, clinic: UUID) -> UUID:
    """The id of a phone of the clinic's people."""
    with runtime.database.transaction(clinic, SYSTEM) as uow:
        [matched] = match_or_create(uow, [Person("Ana", "+12125550142")])
        return matched.address_ids["phone"]


def consent(phone: UUID, action: str = "granted", **more: object) -> NewConsent:
    return NewConsent(phone, None, "sms", "care", "express", action, **more)  # type: ignore[arg-type]


def events(uow: UnitOfWork) -> list[tuple[str, UUID]]:
    rows = uow.session.scalars(select(EventRow).order_by(col(EventRow.seq)))
    return [(row.name, row.order_key) for row in rows]


def test_a_consent_keeps_its_evidence_encrypted(uow: UnitOfWork, phone: UUID) -> None:
    wording = default_wording(uow, "Riverside Dental", "en", "care")
    evidence = {"ip": "203.0.113.7", "words": "sí, escríbame"}
    [consent_id] = record_consents(
        uow, [consent(phone, wording_id=wording.id, source="form:1", evidence=evidence)]
    )
    row = uow.get(Consent, consent_id)
    assert row.evidence is not None
    assert "203.0.113.7" not in row.evidence
    assert json.loads(uow.decrypt(consent_id, row.evidence)) == evidence
    assert (row.wording_id, row.at, row.principal_kind) == (wording.id, uow.now, "system")
    assert events(uow) == [("consent.recorded", phone)]


def test_the_last_word_counts_and_the_first_one_stays(uow: UnitOfWork, phone: UUID) -> None:
    granted, revoked = record_consents(uow, [consent(phone), consent(phone, "revoked")])
    last = latest_consents(uow, [phone])[phone, "sms", "care"]
    assert (last.consent_id, last.granted_tier) == (revoked, "none")
    [again] = record_consents(uow, [consent(phone)])
    last = latest_consents(uow, [phone])[phone, "sms", "care"]
    assert (last.consent_id, last.granted_tier) == (again, "express")
    assert {row.id for row in uow.session.scalars(select(Consent))} == {granted, revoked, again}
    assert latest_consents(uow, []) == {}
    assert record_consents(uow, []) == []


def test_the_last_word_counts_when_the_clock_has_jumped_back(
    uow: UnitOfWork, phone: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    record_consents(uow, [consent(phone)])
    monkeypatch.setattr(actions, "new_id", lambda: UUID(int=1))
    uow.now -= timedelta(days=1)
    record_consents(uow, [consent(phone, "revoked")])
    assert latest_consents(uow, [phone])[phone, "sms", "care"].granted_tier == "none"


def test_purposes_and_channels_are_apart(uow: UnitOfWork, phone: UUID) -> None:
    record_consents(
        uow,
        [consent(phone), NewConsent(phone, None, "sms", "marketing", "written", "granted")],
    )
    assert {key[1:]: one.tier for key, one in latest_consents(uow, [phone]).items()} == {
        ("sms", "care"): "express",
        ("sms", "marketing"): "written",
    }


def test_an_address_is_suppressed_once_and_lifted_once(uow: UnitOfWork, phone: UUID) -> None:
    assert suppress(uow, phone, "sms", "stop")
    assert not suppress(uow, phone, "sms", "stop")
    assert live_suppressions(uow, [phone])[phone, "sms"].reason == "stop"
    assert lift_suppression(uow, phone, "sms")
    assert not lift_suppression(uow, phone, "sms")
    assert live_suppressions(uow, [phone]) == {}
    assert suppress(uow, phone, "sms", "stop")
    assert suppress(uow, phone, "email", "complaint")
    assert events(uow) == [
        ("address.suppressed", phone),
        ("address.suppression_lifted", phone),
        ("address.suppressed", phone),
        ("address.suppressed", phone),
    ]
    # What was lifted is kept with its end (LAW-12).
    rows = uow.session.scalars(select(Suppression).order_by(col(Suppression.id))).all()
    assert [row.lifted_at == uow.now for row in rows] == [True, False, False]


def test_parallel_stops_suppress_once(runtime: Runtime, clinic: UUID, phone: UUID) -> None:
    def stop(_: int) -> bool:
        with runtime.database.transaction(clinic, PATIENT) as uow:
            return suppress(uow, phone, "sms", "stop")

    with ThreadPoolExecutor(6) as pool:
        assert sorted(pool.map(stop, range(12))) == [False] * 11 + [True]


def test_a_wording_is_a_version_by_its_text(uow: UnitOfWork) -> None:
    first = publish_wording(uow, "en", "care", "express", "You may text me.")
    assert publish_wording(uow, "en", "care", "express", "You may text me.") == first
    changed = publish_wording(uow, "en", "care", "express", "You may text me!")
    assert changed.version != first.version
    assert find_wordings(uow, versions=[first.version]) == {first.id: first}
    assert find_wordings(uow, ids=[changed.id]) == {changed.id: changed}


def test_the_same_text_for_two_purposes_is_two_wordings(uow: UnitOfWork) -> None:
    care = publish_wording(uow, "en", "care", "express", "Yes.")
    marketing = publish_wording(uow, "en", "marketing", "written", "Yes.")
    assert (care.purpose, marketing.purpose) == ("care", "marketing")
    assert care.id != marketing.id


@pytest.mark.parametrize("texts", [CARE, MARKETING])
def test_default_words_say_what_they_must(texts: dict[str, str]) -> None:
    for needed in (("{clinic}", "{clinic}"), ("STOP", "STOP"), ("HELP", "HELP")):
        assert needed[0] in texts["en"]
        assert needed[1] in texts["es"]
    assert "Message and data rates may apply" in texts["en"]
    assert "Pueden aplicarse tarifas de mensajes y datos" in texts["es"]


def test_default_words_name_the_clinic_whatever_it_is_called(uow: UnitOfWork) -> None:
    wording = default_wording(uow, "{0} & <b>Sons</b>", "es", "care")
    assert wording.text.startswith("{0} & <b>Sons</b> puede enviarme")
    assert default_wording(uow, "{0} & <b>Sons</b>", "es", "care") == wording
    assert default_wording(uow, "Another", "es", "care").id != wording.id


def test_a_clinic_knows_only_its_own_consents(
    runtime: Runtime, clinic: UUID, other_clinic: UUID, phone: UUID
) -> None:
    with runtime.database.transaction(clinic, SYSTEM) as uow:
        record_consents(uow, [consent(phone)])
        suppress(uow, phone, "sms", "stop")
        at = uow.now
    with runtime.database.transaction(other_clinic, SYSTEM) as uow:
        assert latest_consents(uow, [phone]) == {}
        assert live_suppressions(uow, [phone]) == {}
        assert uow.now - at < timedelta(days=1)
