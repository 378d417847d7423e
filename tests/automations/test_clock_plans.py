"""How the database finds whose moment came: along an index, and never by reading a clinic."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import event, text
from sqlmodel import select

from crm.contacts.models import Address, Contact
from crm.core.performing import claim_and_perform
from crm.core.uow import UnitOfWork
from crm.messaging.actions import add_sender
from crm.messaging.models import Conversation
from pipelines.models import Lead, Stage
from pipelines.tasks.models import Task
from tests.automations.conftest import Practice
from tests.automations.test_clocks import TAG

LEADS, MOST = 400, 20
STUCK = {"kind": "stage_stuck", "days": 7}
TRIGGERS: list[dict[str, Any]] = [
    STUCK,
    {**STUCK, "stage": "New"},
    {**STUCK, "pipeline": "Leads"},
    {"kind": "no_reply", "days": 3},
    {"kind": "task_overdue"},
    {"kind": "date_reached"},
]


@pytest.mark.parametrize("trigger", TRIGGERS)
def test_a_look_reads_no_more_than_came(practice: Practice, trigger: dict[str, Any]) -> None:
    practice.do(crowd)
    practice.publish("A", trigger, TAG)
    asked: list[tuple[str, Any]] = []

    def note(_c: Any, _cursor: Any, statement: str, values: Any, _x: Any, _m: bool) -> None:
        if "json_agg" in statement:
            asked.append((statement, values))

    engine = practice.runtime.database.engine
    event.listen(engine, "before_cursor_execute", note)
    practice.runtime.clock.advance(minutes=2)
    claim_and_perform(practice.runtime, "trigger_clocks")
    event.remove(engine, "before_cursor_execute", note)

    [(statement, values)] = asked
    assert practice.do(rows_read, statement, values) <= MOST


def test_a_scan_of_the_clinic_would_be_seen(practice: Practice) -> None:
    practice.do(crowd)

    assert practice.do(rows_read, "SELECT id FROM leads", {}) >= LEADS


def crowd(uow: UnitOfWork) -> None:
    """Fill the clinic with leads, tasks and conversations whose moments came long ago."""
    person = Contact(name="A person", language="en", created_at=uow.now)
    sender = add_sender(uow, "sandbox", "+15005550006")
    uow.add(person)
    [stage] = uow.session.scalars(select(Stage).where(Stage.name == "New"))
    for number in range(LEADS):
        at = uow.now - timedelta(days=100 + number)
        ids, times = {"contact_id": person.id}, {"created_at": at, "requested_at": at}
        place = {"pipeline_id": stage.pipeline_id, "stage_id": stage.id, "stage_entered_at": at}
        lead = Lead(**ids, **times, **place, follow_up_on=at.date())
        address = Address(kind="phone", value=f"+1212555{number:04d}", created_at=at)
        uow.session.add_all([lead, address])
        uow.session.flush()
        due = {"due_at": at, "created_at": at, "assigned_at": at, "assignee_id": uuid4()}
        talk = {"address_id": address.id, "sender_id": sender.id, "created_at": at}
        task = Task(title="", lead_id=lead.id, **due)
        uow.session.add_all([task, Conversation(**talk, last_out_at=at)])
    uow.session.flush()


def rows_read(uow: UnitOfWork, statement: str, values: Any) -> int:
    """Return how many rows the scans of a statement read, dropped ones counted."""
    uow.session.execute(text("SET LOCAL enable_seqscan = off"))
    wire = uow.session.connection().connection.cursor()
    wire.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}", values)
    ((found,),) = wire.fetchall()
    return sum(_read(found[0]["Plan"]))


def _read(node: dict[str, Any]) -> list[int]:
    below = [read for child in node.get("Plans", []) for read in _read(child)]
    if "Relation Name" not in node:
        return below
    dropped = node.get("Rows Removed by Filter", 0) + node.get("Rows Removed by Index Recheck", 0)
    return [int((node["Actual Rows"] + dropped) * node["Actual Loops"]), *below]
