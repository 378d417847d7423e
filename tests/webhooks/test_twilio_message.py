"""Inbound texts: only what Twilio signed counts, it counts once, and it is always answered 2xx."""

import json
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from urllib.parse import urlencode
from uuid import UUID

import pytest
import structlog
from pydantic import SecretStr
from sqlalchemy import func
from sqlmodel import col, select
from twilio.request_validator import RequestValidator

from crm.compliance.models import Consent, Suppression
from crm.contacts.models import Address
from crm.core.errors import Invalid
from crm.messaging.models import ChannelAccount, Communication, Sender
from tests.webhooks.twilio_calls import (
    BASE,
    FORM,
    NUMBER,
    PATIENT,
    SID,
    TOKEN,
    Twilio,
    calls,
    text_fields,
)
from webhooks import opting_out, twilio
from workers import health

__all__ = ["calls"]

PATH = "/webhooks/twilio/message"


def test_a_signed_text_is_kept_raw_and_encrypted_and_received(calls: Twilio) -> None:
    fields = text_fields("Is Tuesday free?")
    assert calls.call("message", fields) == 200
    [event], [text] = calls.kept(), calls.texts()
    assert (event.provider, event.kind, event.outcome) == ("twilio", "message", "applied")
    assert (event.external_id, event.ref_id) == (fields["MessageSid"], text.id)
    assert "Tuesday" not in event.body
    assert calls.words(event) == urlencode(fields)
    assert calls.words(text) == "Is Tuesday free?"


@pytest.mark.parametrize("signature", [None, "", "AAAA", b"\xff\xfe caf\xe9", "A" * 28, "A" * 9000])
def test_without_the_signature_nothing_happens(
    calls: Twilio, signature: str | bytes | None
) -> None:
    body = urlencode(text_fields("STOP")).encode()
    with structlog.testing.capture_logs() as logged:
        assert calls.raw(PATH, body, signature) == 403
    assert calls.kept() == calls.texts() == calls.rows(select(Address)) == []
    assert [entry["event"] for entry in logged] == ["webhook.refused"]
    assert PATIENT[1:] not in str(logged)


def test_what_is_refused_is_counted_by_its_kind_tw6(calls: Twilio) -> None:
    calls.http.app.include_router(health.router)  # type: ignore[attr-defined]
    calls.runtime.settings.metrics_token = SecretStr("scraper")

    def counted(kind: str) -> float:
        told = calls.http.get("/metrics", headers={"Authorization": "Bearer scraper"}).text
        name = f'frontdesk_webhooks_refused_total{{kind="{kind}",provider="twilio"}} '
        [line] = [line for line in told.splitlines() if line.startswith(name)]
        return float(line.removeprefix(name))

    before, others = counted("message"), counted("status")
    assert calls.raw(PATH, urlencode(text_fields("STOP")).encode(), "AAAA") == 403
    assert calls.call("message", text_fields("Hello")) == 200
    assert (counted("message"), counted("status")) == (before + 1, others)


def test_a_changed_value_an_added_one_or_another_address_breaks_the_signature(
    calls: Twilio,
) -> None:
    fields = text_fields("STOP")
    signature = RequestValidator(TOKEN).compute_signature(BASE + PATH, fields)
    for changed in ({**fields, "Body": "START"}, {**fields, "More": "1"}, {"AccountSid": SID}):
        assert calls.raw(PATH, urlencode(changed).encode(), signature) == 403
    assert calls.raw(f"{PATH}?a=1", urlencode(fields).encode(), signature) == 403
    assert calls.raw("/webhooks/twilio/status", urlencode(fields).encode(), signature) == 403
    assert calls.kept() == []
    assert calls.raw(PATH, urlencode(fields).encode(), signature) == 200


@pytest.mark.parametrize("address", [f"https://testserver:443{PATH}", BASE + PATH])
def test_a_signature_counts_with_and_without_the_port(calls: Twilio, address: str) -> None:
    fields = text_fields()
    signature = RequestValidator(TOKEN).compute_signature(address, fields)
    assert calls.raw(PATH, urlencode(fields).encode(), signature) == 200


def test_the_address_is_the_configured_one_whatever_the_host_says(calls: Twilio) -> None:
    fields = text_fields()
    signature = RequestValidator(TOKEN).compute_signature(f"https://evil.example{PATH}", fields)
    headers = {"Content-Type": FORM, "X-Twilio-Signature": signature, "Host": "evil.example"}
    headers |= {"X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "https"}
    assert calls.http.post(PATH, content=urlencode(fields), headers=headers).status_code == 403


@pytest.mark.parametrize(
    "fields",
    [
        text_fields(""),
        text_fields("  two  spaces\r\nand a line "),
        text_fields("Grüße 😀 ñ"),
        text_fields("a=b&c=d+e%20f"),
        text_fields("x", Unknown="new", FromCity=""),
        [*text_fields("x").items(), ("Repeated", "b"), ("Repeated", "a"), ("Repeated", "b")],
    ],
)
def test_values_are_taken_as_they_come(calls: Twilio, fields: dict[str, str]) -> None:
    assert calls.call("message", fields, query="x=1&y=%20z") == 200
    assert calls.words(calls.texts()[0]) == dict(fields)["Body"]


@pytest.mark.parametrize("body", [b"\xff\xfe\x00", b"%FF%FE=%00", b"=&&==;", b"", b"{", b"a" * 99])
def test_what_cannot_be_read_is_refused_and_no_fault(calls: Twilio, body: bytes) -> None:
    signature = RequestValidator(TOKEN).compute_signature(BASE + PATH, {})
    assert calls.raw(PATH, body, signature) == 403
    assert calls.raw(PATH, f"AccountSid={SID}&Body=%FF".encode() + body, signature) == 403


def test_broken_utf_8_and_nul_in_a_signed_text_are_kept_readable(calls: Twilio) -> None:
    fields = text_fields("caf\ufffd\x00!", MessageSid="SM\x001")
    assert calls.call("message", fields) == 200
    assert calls.words(calls.texts()[0]) == "caf\ufffd!"
    assert calls.texts()[0].provider_id == "SM1"


def test_a_json_call_is_signed_by_its_hash_in_the_address(calls: Twilio) -> None:
    body = json.dumps(text_fields("from json")).encode()
    address = f"{PATH}?bodySHA256={sha256(body).hexdigest()}"
    signature = RequestValidator(TOKEN).compute_signature(BASE + address, {})
    assert calls.raw(address, body, signature, "application/json") == 200
    assert calls.words(calls.texts()[0]) == "from json"
    other = json.dumps(text_fields("another")).encode()
    assert calls.raw(address, other, signature, "application/json") == 403


def test_a_json_call_without_its_hash_is_refused(calls: Twilio) -> None:
    body = json.dumps(text_fields()).encode()
    signature = RequestValidator(TOKEN).compute_signature(BASE + PATH, {})
    assert calls.raw(PATH, body, signature, "application/json") == 403
    for broken in (b"[]", b"[" * 100_000, b'"x"', b"null"):
        assert calls.raw(PATH, broken, signature, "application/json") == 403


def test_the_token_before_counts_until_the_next_change(calls: Twilio) -> None:
    calls.connect(token="second")
    assert calls.call("message", text_fields(), token="second") == 200
    assert calls.call("message", text_fields(), token=TOKEN) == 200
    calls.connect(token="third")
    assert calls.call("message", text_fields(), token=TOKEN) == 403
    assert calls.call("message", text_fields(), token="second") == 200
    [account] = calls.rows(select(ChannelAccount))
    assert account.version == 3
    assert "third" not in account.credentials
    assert len(calls.rows(select(Sender))) == 1


def test_an_unknown_account_is_refused(calls: Twilio) -> None:
    assert calls.call("message", text_fields(AccountSid="AC" + "9" * 32)) == 403
    assert calls.call("message", text_fields(AccountSid="")) == 403
    assert calls.kept() == []


def test_an_unknown_number_of_a_known_account_is_kept_unmatched_with_an_alarm(
    calls: Twilio,
) -> None:
    with structlog.testing.capture_logs() as logged:
        assert calls.call("message", text_fields("STOP", To="+12125550199")) == 200
    assert [event.outcome for event in calls.kept()] == ["unmatched"]
    assert calls.texts() == []
    assert [(entry["event"], entry["log_level"]) for entry in logged] == [
        ("webhook.unmatched", "error")
    ]


@pytest.mark.parametrize("missing", ["MessageSid", "From", "To", "Body"])
def test_whatever_is_signed_gets_a_2xx(calls: Twilio, missing: str) -> None:
    fields = text_fields()
    del fields[missing]
    assert calls.call("message", fields) == 200
    assert calls.call("message", fields) == 200
    assert len(calls.kept()) == 1


def test_a_text_that_cannot_be_applied_is_kept_and_told_to_the_operator(
    calls: Twilio, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> UUID:
        raise ZeroDivisionError(PATIENT)

    monkeypatch.setattr(twilio, "receive_text", fails)
    with structlog.testing.capture_logs() as logged:
        assert calls.call("message", text_fields("STOP")) == 200
    assert [event.outcome for event in calls.kept()] == ["failed"]
    assert logged[0]["event"] == "webhook.failed"
    assert PATIENT not in str(logged)


@pytest.mark.parametrize(
    ("fields", "is_stop"),
    [
        (text_fields("please stop texting me"), True),
        (text_fields("arret", OptOutType="STOP"), True),
        (text_fields("Is Tuesday free?"), False),
    ],
)
def test_a_stop_counts_even_where_its_text_cannot_be_applied(
    calls: Twilio, monkeypatch: pytest.MonkeyPatch, fields: dict[str, str], is_stop: bool
) -> None:
    def fails(*_: object) -> UUID:
        raise ZeroDivisionError

    monkeypatch.setattr(twilio, "receive_text", fails)
    assert calls.call("message", fields, token="forged") == 403
    assert calls.rows(select(Suppression)) == []
    assert calls.call("message", fields) == calls.call("message", fields) == 200
    assert [event.outcome for event in calls.kept()] == ["failed"]
    assert len(calls.rows(select(Suppression))) == is_stop
    revoked = {(each.purpose, each.action) for each in calls.rows(select(Consent))}
    expected = {("care", "revoked"), ("marketing", "revoked")} if is_stop else set()
    assert revoked == expected


def test_a_stop_counts_even_where_neither_its_text_nor_the_ledger_can_be_written(
    calls: Twilio, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object, **__: object) -> UUID:
        raise ZeroDivisionError

    monkeypatch.setattr(twilio, "receive_text", fails)
    monkeypatch.setattr(opting_out, "revoke_consents", fails)
    assert calls.call("message", text_fields("STOP")) == 200
    assert len(calls.rows(select(Suppression))) == 1
    assert [event.outcome for event in calls.kept()] == ["failed"]


def test_where_nothing_can_be_stored_the_answer_is_a_5xx(
    calls: Twilio, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object, **__: object) -> UUID:
        raise OSError

    monkeypatch.setattr(twilio.inbox, "keep", fails)
    assert calls.call("message", text_fields("STOP")) == 500
    assert calls.kept() == []


def test_copies_change_nothing_and_get_the_same_answer(calls: Twilio) -> None:
    fields = text_fields("HELP")
    with ThreadPoolExecutor(5) as threads:
        answers = list(threads.map(lambda _: calls.call("message", fields), range(20)))
    assert answers == [200] * 20
    assert len(calls.kept()) == len(calls.texts()) == 1
    answered = select(func.count()).where(col(Communication.origin_kind) == "keyword")
    assert calls.rows(answered) == [1]


def test_a_stop_is_committed_before_the_answer(calls: Twilio) -> None:
    assert calls.call("message", text_fields("STOP")) == 200
    [suppression] = calls.rows(select(Suppression))
    assert suppression.communication_id == calls.texts()[0].id


def test_the_providers_keyword_is_passed_on(calls: Twilio) -> None:
    assert calls.call("message", text_fields("enough", OptOutType="STOP")) == 200
    assert len(calls.rows(select(Suppression))) == 1


def test_two_clinics_with_one_account_each_get_their_numbers_texts(
    calls: Twilio, other_clinic: UUID
) -> None:
    calls.connect(number="+13105550111", clinic=other_clinic)
    assert calls.call("message", text_fields(To="+13105550111")) == 200
    assert calls.texts() == []
    incoming = select(Communication).where(col(Communication.direction) == "in")
    assert len(calls.rows(incoming, other_clinic)) == 1


def test_a_clinic_that_names_anothers_account_and_number_gets_and_forges_nothing(
    calls: Twilio, other_clinic: UUID
) -> None:
    calls.connect(token="made-up", clinic=other_clinic)
    forged = text_fields("STOP")
    assert calls.call("message", forged, token="made-up") == 200
    assert calls.texts() == calls.kept() == []  # It only ever reaches who made it up.
    assert calls.call("message", text_fields("mine")) == 200
    assert calls.words(calls.texts()[0]) == "mine"


@pytest.mark.parametrize(
    ("sid", "token", "number", "field"),
    [
        ("AC1", TOKEN, NUMBER, "account_sid"),
        (SID, "  ", NUMBER, "auth_token"),
        (SID, TOKEN, "12", "number"),
    ],
)
def test_what_cannot_be_connected_is_refused_by_field(
    calls: Twilio, sid: str, token: str, number: str, field: str
) -> None:
    with pytest.raises(Invalid) as refused:
        calls.connect(sid, token, number)
    assert list(refused.value.fields) == [field]


@pytest.mark.parametrize("path", ["voice", "recording"])
def test_calls_about_phone_calls_are_verified_and_kept(calls: Twilio, path: str) -> None:
    fields = {"CallSid": "CA1", "RecordingSid": "RE1", "AccountSid": SID, "To": NUMBER}
    assert calls.call(path, fields, token="wrong") == 403
    assert calls.call(path, fields) == 200
    assert calls.call(path, fields) == 200
    assert [(event.kind, event.outcome) for event in calls.kept()] == [(path, "kept")]
