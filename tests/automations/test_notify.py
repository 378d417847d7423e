"""A sequence tells the clinic's people something: whom it is for, once, and in their pages."""

from typing import Any
from uuid import UUID

import pytest
from sqlmodel import col

from automations.models import StepRun
from crm.accounts.models import Membership, Role
from crm.core.events import EventRow
from crm.core.uow import UnitOfWork
from pipelines.models import Lead
from pipelines.notices.actions import NewNotice, tell_staff
from pipelines.notices.models import StaffNotice
from tests.conftest import Drain
from tests.flows.conftest import app, house, other_house
from tests.flows.test_limits import publish
from tests.flows.test_one_voice import ASKS, only
from tests.pipelines.test_notices import count, told, user
from tests.support.houses import NAME, House

__all__ = ["app", "house", "other_house"]

SAID = "Somebody should call today"


def notify(to: str) -> dict[str, Any]:
    return {"kind": "notify", "to": to, "message": SAID}


def begin(house: House, drain: Drain, to: str, owner: UUID | None = None) -> UUID:
    """Let a lead of this owner enter a sequence that tells somebody something."""
    publish(house, "Tells", {"kind": "tag_added"}, notify(to))
    only(house, "Tells")
    lead_id = house.ask()
    drain()

    def own(uow: UnitOfWork) -> None:
        uow.get(Lead, lead_id).owner_id = owner

    house.do(own)
    publish(house, "Begins", ASKS, {"kind": "tag", "add": ["vip"]})
    browser = house.signed_in()
    browser.submit(f"/leads/{lead_id}", f"/leads/{lead_id}/tags", name="vip")
    drain()
    return lead_id


def heard(house: House, role: Role) -> list[str]:
    return [one.title for one in told(house, role) if one.kind == "told"]


def skipped(house: House) -> list[str | None]:
    runs = house.all(StepRun, col(StepRun.kind) == "notify")
    return [run.outcome.get("skipped") for run in runs]


def test_everybody_is_told_whoever_owns_the_lead(house: House, drain: Drain) -> None:
    begin(house, drain, "everybody", owner=user(house, "manager"))

    assert heard(house, "front_desk") == heard(house, "provider") == [SAID]


def test_the_owner_alone_is_told(house: House, drain: Drain) -> None:
    begin(house, drain, "owner", owner=user(house, "manager"))

    assert heard(house, "manager") == [SAID]
    assert heard(house, "front_desk") == []


def test_one_person_is_told_and_finds_the_lead_in_the_list(house: House, drain: Drain) -> None:
    lead_id = begin(house, drain, str(user(house, "front_desk")))

    assert heard(house, "front_desk") == [SAID]
    assert heard(house, "manager") == []
    page = house.page("/notices")
    assert f'href="/leads/{lead_id}"' in page
    assert SAID in page
    assert f"From a sequence · {NAME}" in page


def test_what_is_told_is_counted_until_it_was_seen(house: House, drain: Drain) -> None:
    begin(house, drain, "everybody")
    before = count(house)

    house.signed_in().submit("/notices", "/notices/seen")

    assert (before > 0, count(house)) == (True, 0)


def test_a_lead_without_an_owner_skips_it_and_says_so(house: House, drain: Drain) -> None:
    begin(house, drain, "owner")

    assert house.all(StaffNotice) == []
    assert skipped(house) == ["no_owner"]


def test_who_works_here_no_more_is_told_nothing(house: House, drain: Drain) -> None:
    gone = user(house, "provider")

    def leave(uow: UnitOfWork) -> None:
        for one in uow.session.query(Membership).filter(col(Membership.user_id) == gone):
            one.ended_at = uow.now

    house.do(leave)
    begin(house, drain, str(gone))

    assert house.all(StaffNotice) == []
    assert skipped(house) == ["nobody_here"]


def test_the_words_are_kept_sealed_and_in_no_event(house: House, drain: Drain) -> None:
    begin(house, drain, "everybody")

    [notice] = house.all(StaffNotice)
    assert SAID not in notice.message
    assert not [row for row in house.all(EventRow) if SAID in str(row.payload)]


@pytest.mark.parametrize("times", [1, 3])
def test_the_same_notice_is_told_once(house: House, times: int) -> None:
    lead_id = house.ask()
    new = NewNotice(UUID(int=7), lead_id, None, SAID)
    for _ in range(times):
        house.do(tell_staff, [new])

    assert len(house.all(StaffNotice)) == 1


def test_another_clinic_hears_nothing_of_it(house: House, other_house: House, drain: Drain) -> None:
    begin(house, drain, "everybody")

    assert heard(other_house, "owner") == []
