"""A text that dies of our own fault: its sequence goes on, people are told, Retry sends it once."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlmodel import col, select

from crm.core import work
from crm.core.events import EventRow
from crm.core.performing import claim_and_perform, perform
from crm.messaging.models import Communication
from crm.messaging.sending import COMMUNICATIONS, taking
from tests.conftest import Drain
from tests.support.houses import PHONE, House

WHY = "Something went wrong on our side"


@contextmanager
def fault() -> Iterator[None]:
    """Let no text be judged."""
    with pytest.MonkeyPatch.context() as patch:

        def fails(*_: Any) -> None:
            raise ZeroDivisionError

        patch.setattr(taking, "judge", fails)
        yield


def let_die(house: House, drain: Drain) -> Communication:
    """Offer the clinic's only text until it is dead; return it."""
    with fault():
        for _ in range(house.runtime.settings.work_attempts):
            drain()
            house.runtime.clock.advance(minutes=10)
    [text] = house.all(Communication)
    return text


def told(house: House) -> list[tuple[str, str | None]]:
    """Return what was told of texts: statuses with reasons, in order."""
    query = select(EventRow).order_by(col(EventRow.seq))
    rows = house.do(lambda uow: uow.session.scalars(query).all())
    return [
        (row.payload["status"], row.payload["reason"])
        for row in rows
        if row.name == "communication.settled"
    ]


def retry(house: House, text_id: UUID) -> int:
    """Press *Retry* on the page of late work; return the answer's status."""
    page = "/settings/work"
    path = f"{page}/communications/{text_id}/retry"
    return int(house.signed_in("manager").submit(page, path).status_code)


def test_its_sequence_goes_on_and_the_leads_page_says_why(house: House, drain: Drain) -> None:
    lead_id = house.ask()
    text = let_die(house, drain)
    assert (text.status, text.dead_at is None) == ("queued", False)
    assert told(house) == [("failed", "gave_up")]

    drain()
    [enrollment] = house.enrollments()
    assert (enrollment.state, enrollment.awaits) == ("live", None)
    page = house.page(f"/leads/{lead_id}")
    assert page.count(WHY) == 2  # Among what waits, and on the timeline.
    assert "/settings/work" not in page
    assert "/settings/work" in house.page(f"/leads/{lead_id}", "manager")
    assert "ZeroDivisionError" in house.page("/settings/work", "manager")


def test_retried_it_is_sent_once_and_its_sequence_stays_where_it_is(
    house: House, drain: Drain
) -> None:
    house.ask()
    text = let_die(house, drain)
    drain()
    [before] = house.enrollments()
    assert retry(house, text.id) == 303
    assert retry(house, text.id) == 404
    drain()
    assert len(house.sent(PHONE)) == 1
    assert told(house) == [("failed", "gave_up"), ("sent", None)]
    [after] = house.enrollments()
    assert (after.step, after.due_at) == (before.step, before.due_at)


def test_brought_back_before_its_sequence_looked_it_is_waited_for(
    house: House, drain: Drain
) -> None:
    house.ask()
    with fault():
        drain()
        for _ in range(house.runtime.settings.work_attempts):
            house.runtime.clock.advance(minutes=10)
            claim_and_perform(house.runtime, "communications")
    [text] = house.all(Communication)
    assert text.dead_at is not None
    assert retry(house, text.id) == 303
    with fault():
        drain()
    assert house.enrollments()[0].awaits == text.dedupe_key
    house.runtime.clock.advance(minutes=1)
    drain()
    assert len(house.sent(PHONE)) == 1
    assert house.enrollments()[0].awaits is None


@pytest.mark.parametrize("is_mine", [False, True])
def test_only_who_holds_a_text_tells_that_it_died(
    house: House, drain: Drain, is_mine: bool
) -> None:
    house.ask()
    with fault():
        drain()
    [text] = house.all(Communication)
    assert text.attempts > 0
    assert told(house) == []

    def fails(*_: Any) -> None:
        raise ZeroDivisionError

    house.runtime.clock.advance(minutes=10)
    with house.runtime.database.system() as system:
        [claim] = work.claim(system, COMMUNICATIONS, lease=timedelta(minutes=1))
    held = claim if is_mine else replace(claim, token=text.address_id)
    settings = house.runtime.settings.model_copy(update={"work_attempts": text.attempts + 1})
    runtime = replace(house.runtime, settings=settings)
    perform(runtime, replace(COMMUNICATIONS, run=fails), held)
    assert (house.all(Communication)[0].dead_at is not None) == is_mine
    assert told(house) == [("failed", "gave_up")] * is_mine
