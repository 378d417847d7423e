"""Everybody is told of what is new for them, and of nothing that they did themselves."""

import re
from datetime import timedelta
from uuid import UUID

from sqlmodel import col, select

from crm.accounts.models import Membership, User
from crm.core.principal import Principal
from crm.core.uow import UnitOfWork
from pipelines.models import Lead
from pipelines.notices.actions import mark_seen
from pipelines.notices.queries import HORIZON, SHOWN, Notice, notices
from pipelines.tasks.actions import Due, NewTask, add_tasks, finish_tasks
from tests.conftest import Drain
from tests.support.houses import NAME, House, email_of


def user(house: House, role: str) -> UUID:
    [found] = house.do(
        lambda uow: uow.session.scalars(
            select(col(User.id)).where(col(User.email) == email_of(role, house.clinic))
        ).all()
    )
    return found


def told(house: House, role: str = "front_desk") -> list[Notice]:
    return house.do(notices, user(house, role))


def kinds(house: House, role: str = "front_desk") -> list[str]:
    return [notice.kind for notice in told(house, role)]


def count(house: House, role: str = "front_desk") -> int:
    page = house.page("/counts", role)
    return int(re.findall(r'id="count-notices"[^>]*>(\d+)', page)[0])


def give(house: House, by: str, to: str) -> UUID:
    new = house.do(lambda uow: NewTask("Verify insurance", Due(uow.now, False), user(house, to)))
    with house.runtime.database.transaction(
        house.clinic, Principal("user", user(house, by))
    ) as uow:
        add_tasks(uow, [new])
    return new.id


def test_requests_replies_and_opt_outs_are_told_the_latest_first(
    house: House, drain: Drain
) -> None:
    lead_id = house.ask()
    drain()
    house.ask()
    house.runtime.clock.advance(minutes=1)
    house.receive("Tuesday would suit me")
    house.runtime.clock.advance(minutes=1)
    house.receive("STOP")
    found = told(house)
    assert [one.kind for one in found] == ["opted_out", "reply", "requested_again", "request"]
    assert {one.lead_id for one in found} == {lead_id}
    assert {one.name for one in found} == {NAME}
    assert "Tuesday" not in repr(found)


def test_a_reply_from_an_unknown_phone_has_no_lead_to_show(house: House) -> None:
    house.receive("Hello?", phone="+12125550199")
    assert kinds(house) == []


def test_a_lead_of_somebody_else_is_theirs_alone(house: House) -> None:
    lead_id = house.ask()

    def own(uow: UnitOfWork) -> None:
        uow.get(Lead, lead_id).owner_id = user(house, "manager")

    house.do(own)
    assert kinds(house) == []
    assert kinds(house, "manager") == ["request"]


def test_a_task_is_told_to_who_got_it_from_somebody_else(house: House) -> None:
    given = give(house, "manager", "front_desk")
    give(house, "front_desk", "front_desk")
    [notice] = told(house)
    assert (notice.kind, notice.id, notice.title) == ("task", given, "Verify insurance")
    assert kinds(house, "manager") == []
    house.do(finish_tasks, [given])
    assert kinds(house) == []


def test_what_was_seen_is_read_and_what_comes_after_is_not(house: House) -> None:
    house.ask()
    give(house, "manager", "front_desk")
    assert count(house) == 2
    house.do(mark_seen, user(house, "front_desk"))
    assert count(house) == 0
    assert [one.is_unread for one in told(house)] == [False, False]
    assert count(house, "manager") == 1
    house.runtime.clock.advance(minutes=1)
    house.receive("Yes, please")
    assert (count(house), kinds(house)[0]) == (1, "reply")
    house.do(mark_seen, user(house, "front_desk"))
    house.do(mark_seen, user(house, "front_desk"))
    assert count(house) == 0


def test_what_is_long_past_is_no_news(house: House) -> None:
    house.ask()
    house.runtime.clock.offset += HORIZON + timedelta(minutes=1)
    assert (kinds(house), count(house)) == ([], 0)


def test_there_are_only_so_many(house: House) -> None:
    for number in range(SHOWN + 2):
        house.ask(f"+1212555{number:04d}", consent=False)
    assert len(told(house)) == SHOWN
    assert count(house) == SHOWN + 2


def test_the_neighbours_are_told_of_nothing(house: House, other_house: House) -> None:
    house.ask()
    house.receive("Yes")
    assert house.all(Membership)
    assert kinds(other_house) == []
