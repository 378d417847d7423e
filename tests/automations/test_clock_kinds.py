"""What comes by the clock: a day of the lead's, an answer that stays out, a task that is late."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from sqlalchemy import update

from crm.accounts.models import Clinic
from crm.core.uow import UnitOfWork
from crm.messaging.actions.calls import log_call
from pipelines.lead.details import Change, change_detail
from pipelines.tasks.actions import (
    Due,
    NewTask,
    TaskChange,
    add_tasks,
    change_task,
    finish_tasks,
)
from pipelines.tasks.models import Task
from tests.automations.conftest import Practice
from tests.automations.test_clocks import TAG, entered, look
from tests.conftest import Drain
from tests.flows.conftest import app, house, other_house
from tests.flows.test_limits import TEXT, publish
from tests.flows.test_one_voice import ASKS, only
from tests.pipelines.test_notices import user
from tests.support.houses import PHONE, House

__all__ = ["app", "house", "other_house"]


def at_noon(practice: Practice, day: str) -> None:
    """Let it be noon in UTC of a day, which is the morning in New York."""
    wanted = datetime.fromisoformat(f"{day}T12:00").replace(tzinfo=UTC)
    practice.runtime.clock.offset += wanted - practice.do(lambda uow: uow.now)


def follow_up(practice: Practice, lead_id: UUID, day: str) -> None:
    practice.do(change_detail, lead_id, Change("follow_up", day))


def test_a_day_is_reached_at_its_time_on_the_clinics_clock(practice: Practice) -> None:
    at_noon(practice, "2027-03-01")
    practice.publish("A", {"kind": "date_reached", "days": -1, "time": "10:00"}, TAG)
    lead_id = practice.lead(practice.person())
    follow_up(practice, lead_id, "2027-03-15")
    # The night before it the clocks go forward in New York: ten is 14:00 in UTC, no longer 15:00.
    at_noon(practice, "2027-03-14")
    look(practice, hours=1, minutes=58)
    assert entered(practice) == 0

    look(practice, minutes=2)

    assert entered(practice) == 1


def test_a_moved_day_is_a_new_one_and_one_that_is_over_is_none(practice: Practice) -> None:
    at_noon(practice, "2027-02-01")
    practice.publish("A", {"kind": "date_reached"}, TAG)
    lead_id = practice.lead(practice.person())
    follow_up(practice, lead_id, "2027-02-05")
    look(practice, days=2)
    follow_up(practice, lead_id, "2027-02-09")
    look(practice, days=3)
    assert entered(practice) == 0

    look(practice, days=4)
    assert entered(practice) == 1
    follow_up(practice, lead_id, "2027-02-03")
    look(practice, days=1)
    assert entered(practice) == 1
    follow_up(practice, lead_id, "2027-02-20")
    look(practice, days=12)

    assert entered(practice) == 2


def test_a_clinic_that_moves_to_another_zone_starts_nobody_twice(practice: Practice) -> None:
    at_noon(practice, "2027-02-05")
    practice.publish("A", {"kind": "date_reached"}, TAG, reentry="restart")
    lead_id = practice.lead(practice.person())
    follow_up(practice, lead_id, "2027-02-06")
    look(practice, days=1, hours=2, minutes=1)
    assert entered(practice) == 1
    west = update(Clinic).values(timezone="America/Los_Angeles")
    practice.do(lambda uow: uow.session.execute(west))

    look(practice, hours=5)

    assert entered(practice) == 1


def test_another_time_of_day_starts_nobody_a_second_time_for_the_same_day(
    practice: Practice,
) -> None:
    at_noon(practice, "2027-02-06")
    practice.publish("A", {"kind": "date_reached"}, TAG, reentry="restart")
    lead_id = practice.lead(practice.person())
    follow_up(practice, lead_id, "2027-02-06")
    look(practice, hours=2, minutes=1)
    assert entered(practice) == 1

    practice.publish("A", {"kind": "date_reached", "time": "16:00"}, TAG, reentry="restart")
    look(practice, hours=10)

    assert entered(practice) == 1


NO_REPLY = {"kind": "no_reply", "days": 3}


def asked(house: House, drain: Drain, *names: str) -> UUID:
    """Let somebody ask and get a text, with these sequences alone; return the lead's id."""
    publish(house, "Asks", ASKS, TEXT, exits=[])
    only(house, "Asks", *names)
    house.set_clock("2027-02-02 10:00")
    lead_id = house.ask()
    drain()
    assert len(house.sent(PHONE)) == 1
    return lead_id


def pass_by(house: House, drain: Drain, **later: float) -> None:
    house.runtime.clock.advance(**later)
    drain()


def test_who_does_not_answer_enters_once(house: House, drain: Drain) -> None:
    publish(house, "Silent", NO_REPLY, TAG)
    lead_id = asked(house, drain, "Silent")
    pass_by(house, drain, days=2, hours=23)
    assert house.enrollments("Silent") == []

    for _ in range(3):
        pass_by(house, drain, days=1)

    assert [one.lead_id for one in house.enrollments("Silent")] == [lead_id]


def test_who_answers_in_time_does_not_enter_and_who_is_written_to_again_waits_anew(
    house: House, drain: Drain
) -> None:
    publish(house, "Silent", NO_REPLY, TAG)
    publish(house, "More", {"kind": "stage_entered", "stage": "Contacted"}, TEXT, exits=[])
    lead_id = asked(house, drain, "Silent", "More")
    pass_by(house, drain, days=2)
    house.receive("Tuesday suits me")
    pass_by(house, drain, days=4)
    assert house.enrollments("Silent") == []

    house.set_clock("2027-02-09 10:00")
    house.move(lead_id, "Contacted")
    drain()
    pass_by(house, drain, days=2)
    assert house.enrollments("Silent") == []
    pass_by(house, drain, days=2)

    assert len(house.enrollments("Silent")) == 1


def test_whoever_one_spoke_with_has_answered(house: House, drain: Drain) -> None:
    publish(house, "Silent", NO_REPLY, TAG)
    lead_id = asked(house, drain, "Silent")
    [sent] = house.texts(PHONE)
    pass_by(house, drain, days=1)

    def call(uow: UnitOfWork) -> None:
        about = {"contact_id": sent.row.contact_id, "lead_id": lead_id, "key": "1"}
        log_call(uow, sent.row.address_id, "completed", **about)

    house.do(call)
    pass_by(house, drain, days=4)

    assert house.enrollments("Silent") == []


OVERDUE = {"kind": "task_overdue"}


def test_a_task_that_is_late_starts_once_and_anew_when_it_was_put_off(
    house: House, drain: Drain
) -> None:
    publish(house, "Late", OVERDUE, TAG)
    lead_id = asked(house, drain, "Late")
    done, late = give(house, lead_id), give(house, lead_id)
    house.do(finish_tasks, [done])
    pass_by(house, drain, hours=23)
    assert house.enrollments("Late") == []

    pass_by(house, drain, hours=2)
    pass_by(house, drain, days=2)
    assert len(house.enrollments("Late")) == 1

    def put_off(uow: UnitOfWork) -> None:
        task = uow.get(Task, late)
        due = Due(uow.now + timedelta(days=1), False)
        change_task(uow, TaskChange(late, "Call", due, task.assignee_id, task.version))

    house.do(put_off)
    pass_by(house, drain, days=2)

    assert len(house.enrollments("Late")) == 2


def give(house: House, lead_id: UUID) -> UUID:
    """Set a task about the lead that is due in a day."""

    def add(uow: UnitOfWork) -> UUID:
        due = Due(uow.now + timedelta(days=1), False)
        task = NewTask("Call", due, user(house, "front_desk"), lead_id)
        add_tasks(uow, [task])
        return task.id

    return house.do(add)
