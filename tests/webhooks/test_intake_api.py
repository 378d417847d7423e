"""Appointment requests as JSON: kept once, answered after the commit, refused by name."""

import io
import json
import logging
from concurrent.futures import ThreadPoolExecutor
from contextlib import redirect_stderr, redirect_stdout
from uuid import UUID

import pytest
from sqlmodel import select

from crm.accounts.actions import create_key, revoke_key
from crm.compliance.models import Consent
from crm.core.principal import SYSTEM
from crm.core.runtime import Runtime
from pipelines.models import AppointmentRequest, Lead
from tests.webhooks.intake_support import NOTHING, PATH, Edge, open_edge


def wrong_fields(body: dict[str, object]) -> set[str]:
    errors = body["errors"]
    assert isinstance(errors, list)
    return {str(error["field"]) for error in errors}


def test_a_request_is_kept_and_on_a_lead(edge: Edge) -> None:
    status, body = edge.send(consent={"sms_care": True}, email="ana@example.com")
    assert status == 202
    with edge.runtime.database.transaction(edge.clinic, SYSTEM) as uow:
        [request] = uow.session.scalars(select(AppointmentRequest))
        [lead] = uow.session.scalars(select(Lead))
    assert body == {"request_id": str(request.id), "lead_id": str(lead.id)}
    assert request.source == f"api:{edge.key_id}"
    assert lead.source == "api"
    assert edge.stored() == {
        "Address": 2,
        "AppointmentRequest": 1,
        "Consent": 2,  # to texts, as ticked, and to be answered at the address
        "Contact": 1,
        "Lead": 1,
    }


def test_the_same_key_gets_the_first_answer(edge: Edge) -> None:
    first = edge.send()
    assert edge.send() == first
    assert edge.stored()["AppointmentRequest"] == 1


def test_the_same_key_with_another_body_is_refused(edge: Edge) -> None:
    edge.send()
    status, body = edge.send(message="other")
    assert status == 422
    assert body["type"] == "urn:frontdesk:problem:idempotency_conflict"
    assert wrong_fields(body) == {"Idempotency-Key"}
    assert edge.stored()["AppointmentRequest"] == 1


def test_twenty_parallel_copies_become_one_lead(edge: Edge) -> None:
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: edge.send(), range(20)))
    assert len({json.dumps(body) for status, body in answers if status == 202}) == 1
    assert {status for status, _ in answers} == {202}
    assert edge.stored() == {**dict.fromkeys(NOTHING, 1), "Consent": 0}


def test_parallel_requests_each_get_their_own_answer(edge: Edge) -> None:
    def send(turn: int) -> tuple[int, object]:
        bad = turn % 5 == 0
        phone = "123" if bad else f"212 555 {1000 + turn}"
        status, body = edge.send(f"k{turn}", phone=phone, name=f"Ana {turn}", message=str(turn))
        return status, body.get("lead_id")

    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(send, range(40)))
    assert [status for status, _ in answers] == [422 if n % 5 == 0 else 202 for n in range(40)]
    assert len({lead for status, lead in answers if status == 202}) == 32
    assert edge.stored()["Lead"] == 32


def test_two_people_on_one_phone_and_a_known_one_again(edge: Edge) -> None:
    _, ana = edge.send("k1")
    _, luis = edge.send("k2", name="Luis Díaz")
    _, again = edge.send("k3", name="Ana", message="Still waiting")
    assert ana["lead_id"] != luis["lead_id"]
    assert again["lead_id"] == ana["lead_id"]
    assert again["request_id"] != ana["request_id"]


def test_without_a_key_nothing_is_taken(edge: Edge) -> None:
    body = {"name": "Ana", "phone": "2125550142"}
    wrong = {"Authorization": f"Bearer {edge.api_key[:-1]}x"}
    for headers in ({}, {"Authorization": "Bearer x"}, {"Authorization": "Basic eDp5"}, wrong):
        answer = edge.client.post(PATH, json=body, headers={"Idempotency-Key": "k", **headers})
        assert answer.status_code == 401
        assert answer.headers["content-type"] == "application/problem+json"
    assert edge.stored() == NOTHING


def test_a_revoked_key_ends_at_once(edge: Edge) -> None:
    assert edge.send()[0] == 202
    with edge.runtime.database.transaction(edge.clinic, SYSTEM) as uow:
        revoke_key(uow, edge.key_id)
    assert edge.send("k2")[0] == 401
    assert edge.stored()["Lead"] == 1


def test_each_key_has_its_own_idempotency_keys(edge: Edge) -> None:
    _, first = edge.send()
    with edge.runtime.database.transaction(edge.clinic, SYSTEM) as uow:
        edge.api_key = create_key(uow, "Second", ["requests:write"]).raw
    _, other = edge.send(message="other")
    assert other["request_id"] != first["request_id"]


def test_a_key_belongs_to_its_clinic(edge: Edge, runtime: Runtime, other_clinic: UUID) -> None:
    other = open_edge(runtime, other_clinic)
    other.client = edge.client
    assert edge.send()[1] != other.send()[1]
    assert edge.stored() == other.stored()


def test_the_idempotency_key_is_needed(edge: Edge) -> None:
    body = b'{"name": "Ana", "phone": "2125550142"}'
    for key in (None, "", " ", "x" * 201, "ké"):
        headers: dict[str, str | bytes] = {**edge.headers(None), "Content-Type": "application/json"}
        if key is not None:
            headers["Idempotency-Key"] = key.encode()
        answer = edge.client.post(PATH, content=body, headers=headers)  # type: ignore[arg-type]
        assert answer.status_code == 422
        assert wrong_fields(answer.json()) == {"Idempotency-Key"}
    assert edge.stored() == NOTHING


GARBAGE = [
    (b"", "body"),
    (b"{", "body"),
    (b"[]", "body"),
    (b'{"name": "\xff"}', "body"),
    (b'{"name": "Ana", "phone": "2125550142", "x": NaN}', "x"),
    (b'{"name": "a\\u0000b", "phone": "2125550142"}', "name"),
    (b'{"name": "a\\ud800b", "phone": "2125550142"}', "name"),
    (b'{"name": "Ana", "phone": 2125550142}', "phone"),
    (b'{"name": "Ana", "phone": "999 999 9999"}', "phone"),
    (b'{"name": "Ana", "email": "nobody"}', "email"),
    (b'{"name": "Ana"}', "phone"),
    (b'{"phone": "2125550142"}', "name"),
    (b'{"name": "Ana", "phone": "2125550142", "vip": 1}', "vip"),
    (
        b'{"name": "Ana", "phone": "2125550142", "consent": {"sms_care": "yes"}}',
        "consent.sms_care",
    ),
    (b'{"name": ["Ana"], "phone": "2125550142"}', "name"),
    (b'{"name": "%b", "phone": "2125550142"}' % (b"x" * 201), "name"),
    (b"[" * 100_000, "body"),
]


def test_garbage_is_refused_by_its_name(edge: Edge) -> None:
    headers = {**edge.headers(), "Content-Type": "application/json"}
    for content, field in GARBAGE:
        answer = edge.client.post(PATH, content=content, headers=headers)
        assert answer.status_code == 422, content[:80]
        assert answer.headers["content-type"] == "application/problem+json"
        assert wrong_fields(answer.json()) == {field}, content[:80]
    assert edge.stored() == NOTHING


def test_all_mistakes_of_a_request_are_told_at_once(edge: Edge) -> None:
    wrong = {"name": "", "phone": "999 999 9999", "email": "nobody", "vip": 1, "language": "fr"}
    status, body = edge.send(**wrong)
    assert status == 422
    assert wrong_fields(body) == set(wrong)
    assert len(body["errors"]) == len(wrong)  # type: ignore[arg-type]
    told = {error["field"]: error["message"] for error in body["errors"]}  # type: ignore[attr-defined]
    assert told["phone"] == "This phone number cannot be right. Check it, with its area code."

    # A number is read as the key's clinic reads it, and what is of another kind is said once.
    assert wrong_fields(edge.send(name="")[1]) == {"name"}
    assert wrong_fields(edge.send(name="", phone=5)[1]) == {"name", "phone"}
    assert wrong_fields(edge.send(name="", phone=None)[1]) == {"name", "phone"}
    assert edge.stored() == NOTHING


def test_the_mistakes_are_told_in_spanish(edge: Edge) -> None:
    headers = {**edge.headers(), "Accept-Language": "es"}
    answer = edge.client.post(PATH, json={"name": "", "phone": "5"}, headers=headers)
    told = {error["field"]: error["message"] for error in answer.json()["errors"]}
    assert "nombre" in told["name"]
    assert "teléfono" in told["phone"]


def test_an_agreement_to_texts_without_a_phone_loses_no_request(edge: Edge) -> None:
    fields = {"phone": None, "email": "ana@example.com", "consent": {"sms_care": True}}
    assert edge.send(**fields)[0] == 202
    # What is on record is that he may be answered by email, and nothing about texts.
    assert edge.stored() == {**NOTHING, "Address": 1, "AppointmentRequest": 1} | {
        "Consent": 1,
        "Contact": 1,
        "Lead": 1,
    }
    with edge.runtime.database.transaction(edge.clinic, SYSTEM) as uow:
        assert [one.channel for one in uow.session.scalars(select(Consent))] == ["email"]


def test_utf16_is_not_taken_for_text(edge: Edge) -> None:
    content = json.dumps({"name": "Ana", "phone": "2125550142"}).encode("utf-16")
    headers = {**edge.headers(), "Content-Type": "application/json"}
    answer = edge.client.post(PATH, content=content, headers=headers)
    assert answer.status_code == 422
    assert wrong_fields(answer.json()) == {"body"}


def test_a_huge_body_is_not_read(edge: Edge) -> None:
    answer = edge.client.post(PATH, content=b"x" * (1024 * 1024 + 1), headers=edge.headers())
    assert answer.status_code == 413
    assert edge.stored() == NOTHING


def test_a_runaway_sender_is_told_when_to_go_on(runtime: Runtime, clinic: UUID) -> None:
    runtime.settings.api_requests_per_minute = 2
    edge = open_edge(runtime, clinic)
    assert [edge.send(f"k{turn}")[0] for turn in range(3)] == [202, 202, 429]
    answer = edge.client.post(PATH, json={}, headers=edge.headers())
    assert 1 <= int(answer.headers["retry-after"]) <= 60


def test_a_patient_is_named_nowhere_but_in_the_database(
    edge: Edge, caplog: pytest.LogCaptureFixture
) -> None:
    said = io.StringIO()
    canary = {"name": "Zebulon Quux", "phone": "+1 212 555 0199", "email": "zebulon@example.com"}
    with caplog.at_level(logging.DEBUG), redirect_stdout(said), redirect_stderr(said):
        assert edge.send("k1", **canary, message="my aching molar")[0] == 202
        assert edge.send("k2", **{**canary, "phone": "+1 212 555 01"}, message="molar")[0] == 422
    everything = said.getvalue() + caplog.text
    for word in ("Zebulon", "5550199", "555 01", "zebulon@", "molar"):
        assert word not in everything
