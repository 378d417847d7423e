"""A text that nobody can tell about is shown to a person, whose word settles it."""

from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlmodel import col, update

from crm.accounts.models import Role
from crm.core import work
from crm.core.performing import perform
from crm.messaging.models import Communication
from crm.messaging.settling import SETTLEMENTS, StatusIn, apply_status
from crm.privacy.queries import audit_entries
from tests.conftest import Drain
from tests.flows.conftest import app, house, other_house
from tests.support.houses import House

__all__ = ["app", "house", "other_house"]

QUESTION = "Was it sent?"


def uncertain(house: House, **values: Any) -> Communication:
    """Return the clinic's first text, of which nobody knows what became."""
    house.ask()
    with pytest.MonkeyPatch.context() as patch:
        # Nobody writes down what the channel answered.
        patch.setattr("crm.messaging.sending.record", lambda *_: None)
        Drain(house.runtime)()
    doubt = {"status": "unconfirmed", "reason": "unconfirmed_needs_person", "due_at": None}
    house.do(lambda uow: uow.session.execute(update(Communication).values({**doubt, **values})))
    [text] = house.all(Communication)
    return text


def settle(house: House, text_id: UUID, word: str, role: Role = "front_desk") -> Any:
    """Say whether a text was sent."""
    path = f"/texts/{text_id}/settle"
    return house.signed_in(role).submit("/pipeline", path, was_sent=word)


@pytest.mark.parametrize(("word", "status"), [("yes", "sent"), ("no", "failed")])
def test_the_front_desk_settles_it_on_the_leads_page(
    house: House, drain: Drain, word: str, status: str
) -> None:
    text = uncertain(house)
    page = house.page(f"/leads/{text.lead_id}")
    assert QUESTION in page
    assert "Hi Robin" in page
    assert f'action="/texts/{text.id}/settle"' in page
    answer = settle(house, text.id, word)
    assert (answer.status_code, answer.headers["location"]) == (303, f"/leads/{text.lead_id}")
    drain()
    [row] = house.all(Communication)
    assert (row.status, row.reason) == (status, None if word == "yes" else "not_sent_says_person")
    assert len(house.events("communication.delivery_failed")) == (word == "no")
    assert house.enrollments()[0].awaits is None
    assert QUESTION not in house.page(f"/leads/{text.lead_id}")
    [entry] = house.do(lambda uow: audit_entries(uow, actions=["communication.settled"]))
    assert (entry.object_id, entry.details["was_sent"]) == (text.id, word == "yes")
    assert entry.principal_kind == "user"
    assert settle(house, text.id, word).status_code == 409


@pytest.mark.parametrize("role", ["marketer", "provider"])
def test_who_may_not_text_is_not_asked(house: House, role: Role) -> None:
    text = uncertain(house)
    assert QUESTION not in house.page(f"/leads/{text.lead_id}", role)
    assert settle(house, text.id, "yes", role).status_code == 403
    assert house.all(Communication)[0].status == "unconfirmed"


def test_another_clinics_text_is_unknown(house: House, other_house: House) -> None:
    text = uncertain(house)
    for text_id in (text.id, uuid4()):
        assert settle(other_house, text_id, "yes", "owner").status_code == 404
    assert QUESTION not in other_house.page("/settings/work", "owner")
    assert house.all(Communication)[0].status == "unconfirmed"


@pytest.mark.parametrize("word", ["", "maybe"])
def test_another_word_is_refused(house: House, word: str) -> None:
    text = uncertain(house)
    assert settle(house, text.id, word).status_code == 422
    assert house.all(Communication)[0].status == "unconfirmed"


def test_one_without_a_lead_is_on_the_page_of_late_work(house: House) -> None:
    text = uncertain(house, lead_id=None)
    assert QUESTION in house.page("/settings/work", "manager")
    answer = settle(house, text.id, "no", "manager")
    assert (answer.status_code, answer.headers["location"]) == (303, "/settings/work")
    page = house.page("/settings/work", "manager")
    assert QUESTION not in page
    assert "Nothing is late and nothing failed." in page


def test_one_that_was_given_up_is_put_right_and_nobody_is_told_twice(house: House) -> None:
    text = uncertain(house, status="failed")
    before = house.events("communication.settled")
    assert settle(house, text.id, "yes").status_code == 303
    assert house.all(Communication)[0].status == "sent"
    assert house.events("communication.settled") == before


def test_the_providers_proof_counts_more_than_a_persons_word(house: House) -> None:
    text = uncertain(house)
    settle(house, text.id, "no")
    proof = StatusIn("SM1", "delivered", attempt_id=text.attempt_id)
    house.do(apply_status, proof)
    [row] = house.all(Communication)
    assert (row.status, row.reason) == ("delivered", None)


def test_one_whose_settling_fails_for_good_is_shown_and_can_be_retried(
    house: House, drain: Drain
) -> None:
    text = uncertain(house, status="sending", reason=None, due_at=house.now())

    def fails(*_: Any) -> None:
        raise ZeroDivisionError

    settings = house.runtime.settings.model_copy(update={"work_attempts": 1})
    house.runtime.clock.advance(seconds=30)
    with house.runtime.database.system() as system:
        [claim] = work.claim(system, SETTLEMENTS, lease=settings.lease)
    perform(replace(house.runtime, settings=settings), replace(SETTLEMENTS, run=fails), claim)
    page = house.page("/settings/work", "manager")
    assert QUESTION in page
    assert f"/settings/work/settlements/{text.id}/retry" in page
    assert settle(house, text.id, "yes").status_code == 303
    [row] = house.all(Communication, col(Communication.status) == "sent")
    assert row.dead_at is None
