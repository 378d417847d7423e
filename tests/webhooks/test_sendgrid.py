"""SendGrid's events: believed if signed, kept once each, and the same in whatever order."""

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlmodel import col, select

from crm.compliance.models import Consent, Suppression
from crm.core.errors import Invalid
from crm.core.principal import SYSTEM
from crm.messaging.actions.connect_email import connect_sendgrid
from crm.messaging.actions.mail_hook import hook_keys, hooks, save_hook_key
from crm.messaging.models import Communication, ProviderStatus
from tests.fakes.sendgrid import KEY
from tests.webhooks.sendgrid_calls import FROM, SendGrid, calls, public_key

__all__ = ["calls"]

OTHER_CURVE = public_key(ec.generate_private_key(ec.SECP384R1()))


@pytest.mark.parametrize("status", ["sending", "unconfirmed"])
@pytest.mark.parametrize("kind", ["processed", "deferred"])
def test_an_event_proves_that_sendgrid_has_an_email_whose_answer_was_lost(
    calls: SendGrid, status: str, kind: str
) -> None:
    email = calls.email(status)
    assert calls.tell(calls.event(email, kind)) == 204
    assert calls.work() == 1
    seen = calls.seen(email.id)
    assert (seen.status, seen.provider_id) == ("sent", f"mid-{email.attempt_id.hex}")  # type: ignore[union-attr]
    [event] = calls.kept()
    assert (event.provider, event.kind, event.outcome) == ("sendgrid", "event", "applied")
    assert "ana@" not in event.body


@pytest.mark.parametrize(
    ("event", "status", "reason"),
    [
        ({"event": "delivered"}, "delivered", None),
        ({"event": "bounce", "type": "bounce"}, "undelivered", "not_textable"),
        ({"event": "bounce", "type": "blocked"}, "undelivered", None),
        ({"event": "dropped", "reason": "Bounced Address"}, "failed", "not_textable"),
        ({"event": "dropped", "reason": "Invalid"}, "failed", "not_textable"),
        ({"event": "dropped", "reason": "Unsubscribed Address"}, "failed", "provider_opted_out"),
        ({"event": "dropped", "reason": "Spam Content"}, "failed", None),
        ({"event": "something new"}, "unconfirmed", None),
        ({"event": "open", "sg_machine_open": True}, "unconfirmed", None),
    ],
)
def test_what_each_event_makes_of_an_email(
    calls: SendGrid, event: dict[str, Any], status: str, reason: str | None
) -> None:
    email = calls.email("unconfirmed")
    kind = event.pop("event")
    calls.tell(calls.event(email, kind, **event))
    calls.work()
    seen = calls.seen(email.id)
    assert (seen.status, seen.reason) == (status, reason)
    assert calls.kept()[0].outcome == "applied"


def test_a_mailbox_that_sends_back_what_it_took_gets_no_more(calls: SendGrid) -> None:
    email = calls.email()
    calls.tell(calls.event(email, "delivered"))
    calls.work()
    calls.tell(calls.event(email, "bounce", type="bounce"))
    calls.work()
    seen = calls.seen(email.id)
    assert (seen.status, seen.error_code, seen.reason) == ("undelivered", "bounced", "not_textable")


def test_who_calls_it_spam_gets_no_email_and_what_waits_is_withdrawn(calls: SendGrid) -> None:
    email, next_one = calls.email(), calls.email("queued")
    calls.tell(calls.event(email, "spamreport"))
    calls.work()
    [listed] = calls.rows(select(Suppression))
    assert (listed.address_id, listed.channel) == (email.address_id, "email")
    assert (calls.seen(next_one.id).status, calls.seen(next_one.id).reason) == (
        "voided",
        "suppressed",
    )


def test_who_unsubscribes_at_sendgrid_gets_no_offers_and_is_not_suppressed(
    calls: SendGrid,
) -> None:
    calls.tell(calls.event(calls.email(), "unsubscribe"))
    calls.work()
    [word] = calls.rows(select(Consent).where(col(Consent.action) == "revoked"))
    assert (word.channel, word.purpose, word.source) == ("email", "marketing", "provider")
    assert calls.rows(select(Suppression)) == []


def test_copies_and_copies_at_once_count_once(calls: SendGrid) -> None:
    email = calls.email()
    event = calls.event(email, "delivered")
    with ThreadPoolExecutor(20) as threads:
        answers = list(threads.map(lambda _: calls.tell(event, event), range(20)))
    assert set(answers) == {204}
    assert len(calls.kept()) == 1
    assert calls.work() == 1
    assert calls.tell(event) == 204
    assert calls.work() == 0
    assert len(calls.rows(select(ProviderStatus))) == 1


EVENTS: list[dict[str, Any]] = [
    {"event": "processed"},
    {"event": "deferred"},
    {"event": "delivered"},
    {"event": "bounce", "type": "bounce"},
    {"event": "bounce", "type": "blocked"},
    {"event": "dropped", "reason": "Invalid"},
    {"event": "spamreport"},
    {"event": "click"},
]


# SendGrid drops an email instead of sending it: none is dropped and bounces.
ARRIVING, DROPPED = (0, 1, 2, 3, 4, 6, 7), (0, 1, 5, 7)


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    told=st.one_of(
        st.lists(st.sampled_from(kinds), min_size=1, max_size=6, unique=True)
        for kinds in (ARRIVING, DROPPED)
    ),
    data=st.data(),
)
def test_any_history_ends_as_the_ordered_one(
    calls: SendGrid, told: list[int], data: st.DataObject
) -> None:
    """Duplicated, shuffled, cut into any calls, applied at any time in between."""
    # People of this history alone: one that was cut off half-way leaves its marks.
    plain, mixed = (calls.email(to=f"{uuid4().hex}@patient.example") for _ in range(2))
    for index in sorted(told):
        calls.tell(_event(calls, plain, index))
        calls.work()
    ids = {index: uuid4().hex for index in told}
    copies = data.draw(st.permutations(told + data.draw(st.lists(st.sampled_from(told)))))
    while copies:
        size = data.draw(st.integers(1, len(copies)))
        batch, copies = copies[:size], copies[size:]
        events = [{**_event(calls, mixed, one), "sg_event_id": ids[one]} for one in batch]
        assert calls.tell(*events) == 204
        if data.draw(st.booleans()):
            calls.work()
    calls.work()
    assert _end(calls, mixed.id) == _end(calls, plain.id)


def _event(calls: SendGrid, email: Communication, index: int) -> dict[str, Any]:
    more = dict(EVENTS[index])
    return calls.event(email, more.pop("event"), **more)


def _end(calls: SendGrid, email_id: UUID) -> tuple[Any, ...]:
    email = calls.seen(email_id)
    live = select(Suppression).where(col(Suppression.address_id) == email.address_id)
    heard = select(ProviderStatus).where(col(ProviderStatus.communication_id) == email_id)
    statuses = sorted((row.status, row.error_code) for row in calls.rows(heard))
    ended = (email.status, email.reason, email.provider_status, email.error_code)
    return (*ended, len(calls.rows(live)), statuses)


def test_an_event_before_our_own_answer_is_written_and_of_another_clinic(
    calls: SendGrid, other_clinic: UUID
) -> None:
    email = calls.email()
    foreign = {**calls.event(email, "bounce", type="bounce"), "clinic_id": str(other_clinic)}
    other = calls.event(email, "delivered")
    for name in ("clinic_id", "communication_id", "attempt_id"):
        del other[name]
    assert calls.tell(foreign, other, {}) == 204
    assert calls.work() == 3
    assert calls.seen(email.id).status == "sending"
    assert {event.outcome for event in calls.kept()} == {"ignored"}
    assert all(event.dead_at is None for event in calls.kept())


@pytest.mark.parametrize("raw", [b"", b"[", b"{}", b"[1]", b"\xff", b"[" * 100_000])
def test_what_is_signed_and_cannot_be_read_is_kept_for_a_person(
    calls: SendGrid, raw: bytes
) -> None:
    if raw == b"\xff":
        assert calls.raw(raw) == 403  # SendGrid signs text.
        assert calls.kept() == []
        return
    assert calls.raw(raw) == calls.raw(raw) == 204
    [event] = calls.kept()
    assert (event.outcome, event.dead_at is not None) == ("unmatched", True)


def test_what_is_not_signed_changes_nothing(calls: SendGrid) -> None:
    email = calls.email()
    raw = json.dumps([calls.event(email, "delivered")]).encode()
    good = calls.sign(raw, "0")
    stranger = replace(calls, private=ec.generate_private_key(ec.SECP256R1()))
    refused = [
        calls.raw(raw, signature=""),
        calls.raw(raw, signature="%%%"),
        calls.raw(raw, signature=good),
        calls.raw(raw, age=26 * 3600),
        calls.raw(raw, hook="x" * 32),
        stranger.raw(raw),
    ]
    assert refused == [403] * 6
    headers = {"X-Twilio-Email-Event-Webhook-Timestamp": "soon"}
    path = f"/webhooks/sendgrid/{calls.hook}/events"
    assert calls.http.post(path, content=raw, headers=headers).status_code == 403
    assert calls.http.post(path, content=raw).status_code == 403
    assert calls.kept() == []


def test_an_old_try_within_a_day_is_taken(calls: SendGrid) -> None:
    assert calls.tell(calls.event(calls.email(), "delivered"), age=24 * 3600) == 204


def test_while_the_key_is_changed_both_are_believed_and_then_the_last_two(
    calls: SendGrid,
) -> None:
    old = calls.private
    for _ in range(2):
        fresh = ec.generate_private_key(ec.SECP256R1())
        with calls.runtime.database.transaction(calls.clinic, SYSTEM) as uow:
            save_hook_key(uow, calls.account_id, f"  {public_key(fresh)}\n")
            save_hook_key(uow, calls.account_id, public_key(fresh))
        calls.private = fresh
        assert calls.tell(calls.event(calls.email(), "delivered")) == 204
        calls.private = old
        expected = 204 if _ == 0 else 403
        assert calls.tell(calls.event(calls.email(), "delivered")) == expected


@pytest.mark.parametrize("key", ["", "MFkw", "x" * 124, "SG." + "k" * 40, OTHER_CURVE])
def test_what_is_no_key_is_refused(calls: SendGrid, key: str) -> None:
    with (
        pytest.raises(Invalid),
        calls.runtime.database.transaction(calls.clinic, SYSTEM) as uow,
    ):
        save_hook_key(uow, calls.account_id, key)


def test_another_api_key_changes_neither_the_address_nor_its_keys(calls: SendGrid) -> None:
    with calls.runtime.database.transaction(calls.clinic, SYSTEM) as uow:
        assert connect_sendgrid(uow, "SG." + "n" * 40, FROM) == calls.account_id
        [hook] = hooks(uow)
        assert (hook.key, hook.is_signed) == (calls.hook, True)
        assert list(hook_keys(uow, calls.account_id)) == [public_key(calls.private)]
    assert KEY not in str(hook)
    assert calls.tell(calls.event(calls.email(), "delivered")) == 204
