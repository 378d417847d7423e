"""What must be true in the end: one lead, one text and one email for each request, nothing dead.

Twilio can be asked what became of a text: none is lost and none doubled. SendGrid cannot: an email
whose outcome nobody learned is never sent again, and a person is asked what became of it.
"""

from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import psycopg

from crm.messaging.settling.deciding import FLAG_AFTER
from crm.messaging.states import NEEDS_PERSON
from tests.fakes.provider_ledger import Asked
from tests.fakes.waiting import until
from tests.faults.clients import Answer
from tests.faults.practice import Practice

DELIVERED = ("delivered",)
NO_TEXTS = ()
"""The states of texts where the sequence sends none."""

OPEN_EMAIL = "unconfirmed"
_EMAIL_ENDS = ("sent", OPEN_EMAIL)
_NOT_TAKEN = ("429",)
"""How the provider says that it did not take an email, which alone may then be sent again."""

_TOLD_WITHIN_SECONDS = 180


def assert_each_once(
    practice: Practice,
    answers: Sequence[Answer],
    *,
    seconds: float,
    states: Sequence[str] = DELIVERED,
) -> int:
    """Wait until all is done, then compare what was answered, what is stored and what was sent.

    `states` are those that a text may end in; without callbacks nobody learns of a delivery.
    Returns how many emails a person was asked about.
    """
    await_quiet(practice, answers, seconds=seconds, states=states)
    assert_one_lead_each(practice, answers)
    assert_one_text_each(practice, answers, 1 if states else 0)
    asked_about = assert_one_email_each(practice, answers)
    await_nobody_waits(practice, answers, states)
    assert not practice.records.dead()
    assert not practice.supervisor.broken, practice.supervisor.last_words()
    return asked_about


def await_quiet(
    practice: Practice, answers: Sequence[Answer], *, seconds: float, states: Sequence[str]
) -> None:
    """Wait until what became of each text and email is known or unknown, and nothing is to do."""
    phones, emails = phones_of(answers), emails_of(answers)

    def is_quiet() -> bool:
        try:
            texts, sent = practice.records.sent_to(phones), practice.records.sent_to(emails)
            has_settled = (
                len(texts) >= (len(phones) if states else 0)
                and len(sent) >= len(emails)
                and all(text["status"] in states for text in texts)
                and all(email["status"] in _EMAIL_ENDS for email in sent)
            )
            return has_settled and not practice.records.undone()
        except psycopg.OperationalError:
            return False  # the server is being restarted

    try:
        until(is_quiet, seconds=seconds, every=0.2)
    except AssertionError:
        raise AssertionError(describe(practice, answers, states)) from None


def assert_one_lead_each(practice: Practice, answers: Sequence[Answer]) -> None:
    """Each request is kept once, under the ids that its client was told, on a lead of its own."""
    told = {answer.person.key: (answer.request_id, answer.lead_id) for answer in answers}
    kept = practice.records.requests(list(told))
    assert len(kept) == len(told)
    assert {row["key"]: (row["id"], row["lead_id"]) for row in kept} == told
    leads = practice.records.leads([answer.person.phone for answer in answers])
    wanted = {answer.person.phone: answer.lead_id for answer in answers}
    assert len(leads) == len(wanted)
    assert {row["phone"]: row["id"] for row in leads} == wanted


def assert_one_text_each(practice: Practice, answers: Sequence[Answer], number: int) -> None:
    """The provider's own ledger has so many texts for each, and so have we."""
    phones = set(phones_of(answers))
    wanted = Counter(dict.fromkeys(phones, number))
    accepted = Counter(asked.to for asked in practice.provider.ledger() if asked.to in phones)
    assert accepted == wanted
    stored = practice.records.sent_to(sorted(phones))
    assert Counter(text["address"] for text in stored) == wanted


def assert_one_email_each(practice: Practice, answers: Sequence[Answer]) -> int:
    """Each is kept once and taken once at most; whose outcome is unknown is a person's, not sent.

    The person is told by then, answers as the provider's ledger has it, and is asked no more.
    Returns how many emails were such.
    """
    asked = emails_asked(practice, answers)
    stored = practice.records.sent_to(emails_of(answers))
    assert Counter(email["address"] for email in stored) == Counter(emails_of(answers))
    for email in stored:
        assert_never_again_unknowing(email, asked[email["address"]])
    unknown = {email["id"]: email for email in stored if email["status"] == OPEN_EMAIL}
    await_person_is_asked(practice, answers, set(unknown))
    assert emails_asked(practice, answers) == asked, "an email was sent again unknowing"
    has_it = {asked_id: _is_taken(asked[email["address"]]) for asked_id, email in unknown.items()}
    practice.tell(has_it)
    ends = {email["address"]: email["status"] for email in practice.records.sent_to(list(asked))}
    taken = {address: "sent" if _is_taken(each) else "failed" for address, each in asked.items()}
    assert ends == {address: taken[address] for address in emails_of(answers)}
    return len(unknown)


def assert_never_again_unknowing(email: dict[str, Any], asked: Sequence[Asked]) -> None:
    """All tries but the last were told that the email was not taken; what we have of it is true."""
    assert all(each.outcome in _NOT_TAKEN for each in asked[:-1]), (email, asked)
    if email["status"] == "sent":
        assert asked[-1].outcome == "accepted", (email, asked)
    else:
        assert not asked or asked[-1].outcome not in _NOT_TAKEN, (email, asked)


def await_person_is_asked(practice: Practice, answers: Sequence[Answer], wanted: set[str]) -> None:
    """Let the time pass after which a person is asked, and wait until he is, about just these."""
    if not wanted:
        return
    practice.jump_to(practice.records.offset + FLAG_AFTER + timedelta(minutes=1))

    def is_asked() -> bool:
        stored = practice.records.sent_to(emails_of(answers))
        return {each["id"] for each in stored if each["reason"] == NEEDS_PERSON} == wanted

    until(is_asked, seconds=_TOLD_WITHIN_SECONDS, every=0.2, what=practice.supervisor.last_words())


def await_nobody_waits(
    practice: Practice, answers: Sequence[Answer], states: Sequence[str]
) -> None:
    """Wait until no passage waits any more for a text or an email: all is known."""
    leads = [answer.lead_id for answer in answers]

    def is_over() -> bool:
        return not practice.records.waiting(leads) and not practice.records.undone()

    try:
        until(is_over, seconds=_TOLD_WITHIN_SECONDS, every=0.2)
    except AssertionError:
        waiting = practice.records.waiting(leads)[:5]
        raise AssertionError(f"{waiting}\n{describe(practice, answers, states)}") from None


def emails_asked(practice: Practice, answers: Sequence[Answer]) -> dict[str, list[Asked]]:
    """Return what the provider was asked to send by email, by address, in its order."""
    by_address: dict[str, list[Asked]] = {address: [] for address in emails_of(answers)}
    for asked in practice.provider.asked():
        if asked.to in by_address:
            by_address[asked.to].append(asked)
    return by_address


def _is_taken(asked: Sequence[Asked]) -> bool:
    return any(each.is_accepted for each in asked)


def phones_of(answers: Sequence[Answer]) -> list[str]:
    """Return everybody's phone."""
    return [answer.person.phone for answer in answers]


def emails_of(answers: Sequence[Answer]) -> list[str]:
    """Return everybody's email address."""
    return [answer.person.email for answer in answers]


def figures_of(practice: Practice, answers: Sequence[Answer]) -> dict[str, object]:
    """Return what was gone through: how many texts were asked for, and sent once more."""
    texts = practice.records.sent_to(phones_of(answers))
    emails = practice.records.sent_to(emails_of(answers))
    return {
        "texts": dict(Counter(text["status"] for text in texts)),
        "emails": dict(Counter(email["status"] for email in emails)),
        "asked": sum(text["asked"] > 0 for text in texts),
        "sent_once_more": sum(text["resends"] > 0 for text in texts),
        "providers": dict(
            Counter(f"{asked.channel} {asked.outcome}" for asked in practice.provider.asked())
        ),
        "callbacks": dict(Counter(called.answer for called in practice.provider.callbacks())),
    }


def describe(practice: Practice, answers: Sequence[Answer], states: Sequence[str]) -> str:
    """Say what is not done, for the message of a failing test."""
    texts = practice.records.sent_to(phones_of(answers))
    emails = practice.records.sent_to(emails_of(answers))
    open_texts = [text for text in texts if text["status"] not in states]
    open_emails = [email for email in emails if email["status"] not in _EMAIL_ENDS]
    lines = [
        f"{len(answers)} requests, {len(texts)} texts, {len(open_texts)} of them not settled",
        f"{len(emails)} emails, {len(open_emails)} of them not settled: {open_emails[:5]}",
        f"undone: {practice.records.undone()}",
        f"dead: {practice.records.dead()[:5]}",
        *(f"{text} {practice.records.statuses(text['id'])}" for text in open_texts[:5]),
        f"callbacks: {callbacks_of(practice, open_texts)}",
        f"webhooks: {practice.records.webhooks()}",
        f"processes that ended by themselves: {practice.supervisor.broken}",
        practice.supervisor.last_words(),
    ]
    return "\n".join(lines)


def callbacks_of(practice: Practice, texts: Sequence[dict[str, Any]]) -> dict[str, list[str]]:
    """Return what was answered to the provider's callbacks about texts, by phone."""
    phones = {text["address"] for text in texts}
    by_sid = {asked.sid: asked.to for asked in practice.provider.ledger() if asked.to in phones}
    told: dict[str, list[str]] = {phone: [] for phone in sorted(phones)}
    for called in practice.provider.callbacks():
        if called.sid in by_sid:
            told[by_sid[called.sid]].append(f"{called.status}: {called.answer}")
    return told
