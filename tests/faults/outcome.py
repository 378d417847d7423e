"""What must be true in the end: one lead and one first text for each request, and nothing dead."""

from collections import Counter
from collections.abc import Container, Sequence
from typing import Any

import psycopg

from tests.fakes.waiting import until
from tests.faults.clients import Answer
from tests.faults.practice import Practice


def assert_each_once(
    practice: Practice,
    answers: Sequence[Answer],
    *,
    seconds: float,
    states: Container[str] = ("delivered",),
) -> None:
    """Wait until all is done, then compare what was answered, what is stored and what was sent.

    `states` are those that a text may end in; without callbacks nobody learns of a delivery.
    """
    await_quiet(practice, answers, seconds=seconds, states=states)
    assert_one_lead_each(practice, answers)
    assert_one_text_each(practice, answers)
    assert not practice.records.dead()
    assert not practice.supervisor.broken, practice.supervisor.last_words()


def await_quiet(
    practice: Practice, answers: Sequence[Answer], *, seconds: float, states: Container[str]
) -> None:
    """Wait until every request's text is settled and nothing is left to do."""
    phones = [answer.person.phone for answer in answers]

    def is_quiet() -> bool:
        try:
            texts = practice.records.texts(phones)
            has_settled = len(texts) >= len(phones) and all(
                text["status"] in states for text in texts
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


def assert_one_text_each(practice: Practice, answers: Sequence[Answer]) -> None:
    """The provider's own ledger has one text for each, and so have we."""
    phones = {answer.person.phone for answer in answers}
    accepted = Counter(asked.to for asked in practice.provider.ledger() if asked.to in phones)
    assert accepted == Counter(phones)
    stored = practice.records.texts(sorted(phones))
    assert Counter(text["phone"] for text in stored) == Counter(phones)


def figures_of(practice: Practice, answers: Sequence[Answer]) -> dict[str, object]:
    """Return what the texts went through: how many were asked for, and sent once more."""
    texts = practice.records.texts([answer.person.phone for answer in answers])
    return {
        "by_status": dict(Counter(text["status"] for text in texts)),
        "asked": sum(text["asked"] > 0 for text in texts),
        "sent_once_more": sum(text["resends"] > 0 for text in texts),
        "provider": dict(Counter(asked.outcome for asked in practice.provider.asked())),
        "callbacks": dict(Counter(called.answer for called in practice.provider.callbacks())),
    }


def describe(practice: Practice, answers: Sequence[Answer], states: Container[str]) -> str:
    """Say what is not done, for the message of a failing test."""
    phones = [answer.person.phone for answer in answers]
    texts = practice.records.texts(phones)
    open_texts = [text for text in texts if text["status"] not in states]
    lines = [
        f"{len(phones)} requests, {len(texts)} texts, {len(open_texts)} of them not settled",
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
    phones = {text["phone"] for text in texts}
    by_sid = {asked.sid: asked.to for asked in practice.provider.ledger() if asked.to in phones}
    told: dict[str, list[str]] = {phone: [] for phone in sorted(phones)}
    for called in practice.provider.callbacks():
        if called.sid in by_sid:
            told[by_sid[called.sid]].append(f"{called.status}: {called.answer}")
    return told
