"""Which events start an automation, and which conditions hold: pure questions."""

from datetime import UTC, datetime, time, timedelta
from typing import Any
from uuid import UUID

import pytest

from automations.conditions import CONDITIONS, LanguageIs, LeadIsOpen, SourceIs, StageIs
from automations.events import DateCame, LeadStoodStill, ReplyStayedOut, TaskBecameOverdue
from automations.facts import Facts, LeadFacts, Texted
from automations.triggers import (
    TRIGGERS,
    DateReached,
    FormSubmitted,
    InboundReply,
    LeadWasCreated,
    MessageDelivered,
    MessageFailed,
    NoReply,
    RequestedAgain,
    StageEntered,
    StageLeft,
    StageStuck,
    TagAdded,
    TaskOverdue,
    TaskWasDone,
    Trigger,
)
from crm.core.events import Event
from crm.messaging.events import DeliveryFailed, DeliveryReported, TextReceived
from pipelines.events import LeadCreated, LeadRequestedAgain, LeadStageChanged
from pipelines.lead.events import LeadTagged
from pipelines.tasks.events import TaskDone

LEAD, PIPELINE, OLD, NEW, OTHER = (UUID(int=number) for number in range(1, 6))
THEN, LATER = datetime(2026, 12, 1, 15, tzinfo=UTC), datetime(2026, 12, 8, 15, tzinfo=UTC)
TIMES: dict[str, Any] = {"stage_entered_at": THEN, "follow_up_on": THEN.date()}
FACTS = Facts("es", LeadFacts(LEAD, PIPELINE, NEW, "open", "form", **TIMES))
SUBJECT: dict[str, Any] = {"order_key": LEAD, "lead_id": LEAD, "contact_id": OTHER}

CREATED = LeadCreated(**SUBJECT, pipeline_id=PIPELINE, stage_id=NEW, source="form")
AGAIN = LeadRequestedAgain(
    **SUBJECT, pipeline_id=PIPELINE, stage_id=NEW, source="api", request_id=OTHER
)
MOVED = LeadStageChanged(
    **SUBJECT,
    move_id=OTHER,
    pipeline_id=PIPELINE,
    from_stage_id=OLD,
    to_stage_id=NEW,
    from_kind="open",
    to_kind="open",
)
TEXT = TextReceived(**SUBJECT, communication_id=OTHER, address_id=OTHER, conversation_id=OTHER)
TAGGED = LeadTagged(**SUBJECT, tag_id=OTHER)
DONE = TaskDone(**SUBJECT, task_id=OTHER, assignee_id=OTHER)
MESSAGE: dict[str, Any] = {**SUBJECT, "communication_id": OTHER, "origin_kind": "enrollment"}
ARRIVED = DeliveryReported(**MESSAGE, status="delivered", origin_id=OTHER)
LOST = DeliveryFailed(**MESSAGE, origin_id=OTHER, channel="email")
BY_HAND = ARRIVED.model_copy(update={"origin_kind": "user", "origin_id": LEAD})
CAME: dict[str, Any] = {**SUBJECT, "occurrence": OTHER, "moment": LATER}
STILL = LeadStoodStill(**CAME, stage_id=NEW, since=THEN, days=7)
SILENT = ReplyStayedOut(**CAME, communication_id=OTHER, since=THEN, days=3)
OVERDUE = TaskBecameOverdue(**CAME, task_id=OTHER)
DATED = DateCame(**CAME, field="follow_up", day=THEN.date(), days=-1, time="09:00")
STOP = TEXT.model_copy(update={"keyword": "stop"})


@pytest.mark.parametrize(
    ("trigger", "event", "expected"),
    [
        (LeadWasCreated(), CREATED, True),
        (LeadWasCreated(pipeline_id=PIPELINE, source="form"), CREATED, True),
        (LeadWasCreated(pipeline_id=OTHER), CREATED, False),
        (LeadWasCreated(source="api"), CREATED, False),
        (LeadWasCreated(), AGAIN, False),
        (RequestedAgain(), AGAIN, True),
        (RequestedAgain(stage_id=NEW, source="api"), AGAIN, True),
        (RequestedAgain(stage_id=OLD), AGAIN, False),
        (RequestedAgain(source="form"), AGAIN, False),
        (StageEntered(), MOVED, True),
        (StageEntered(pipeline_id=PIPELINE, stage_id=NEW), MOVED, True),
        (StageEntered(stage_id=OLD), MOVED, False),
        (StageEntered(pipeline_id=OTHER), MOVED, False),
        (StageEntered(stage_id=NEW), CREATED, False),
        (StageLeft(stage_id=OLD), MOVED, True),
        (StageLeft(stage_id=NEW), MOVED, False),
        (InboundReply(), TEXT, True),
        (InboundReply(), STOP, False),
        (InboundReply(pipeline_id=PIPELINE, stage_id=NEW, source="form"), TEXT, True),
        (InboundReply(stage_id=OLD), TEXT, False),
        (InboundReply(source="api"), TEXT, False),
        (FormSubmitted(), CREATED, False),
        (FormSubmitted(source="form"), CREATED.model_copy(update={"request_id": OTHER}), True),
        (FormSubmitted(pipeline_id=PIPELINE), AGAIN, True),
        (FormSubmitted(source="form"), AGAIN, False),
        (FormSubmitted(), MOVED, False),
        (TagAdded(), TAGGED, True),
        (TagAdded(tag="VÍP"), TAGGED, True),
        (TagAdded(tag="other"), TAGGED, False),
        (TagAdded(tag="old"), TAGGED, False),
        (TagAdded(pipeline_id=OTHER), TAGGED, False),
        (TaskWasDone(), DONE, True),
        (TaskWasDone(stage_id=NEW), DONE, True),
        (TaskWasDone(pipeline_id=OTHER), DONE, False),
        (TaskWasDone(), TAGGED, False),
        (MessageDelivered(), ARRIVED, True),
        (MessageDelivered(), BY_HAND, True),
        (MessageDelivered(), ARRIVED.model_copy(update={"status": "undelivered"}), False),
        (MessageDelivered(), ARRIVED.model_copy(update={"origin_kind": "keyword"}), False),
        (MessageDelivered(automation_id=NEW, channel="sms"), ARRIVED, True),
        (MessageDelivered(automation_id=OLD), ARRIVED, False),
        (MessageDelivered(automation_id=NEW), BY_HAND, False),
        (MessageDelivered(channel="email"), ARRIVED, False),
        (MessageDelivered(pipeline_id=OTHER), ARRIVED, False),
        (MessageDelivered(), LOST, False),
        (MessageFailed(), LOST, True),
        (MessageFailed(channel="sms"), LOST, False),
        (MessageFailed(), ARRIVED, False),
        (StageStuck(days=7), STILL, True),
        (StageStuck(days=7, stage_id=NEW), STILL, True),
        (StageStuck(days=6), STILL, False),
        (StageStuck(days=7, stage_id=OLD), STILL, False),
        (StageStuck(days=7, pipeline_id=OTHER), STILL, False),
        (StageStuck(days=7), STILL.model_copy(update={"stage_id": OLD}), False),
        (StageStuck(days=7), STILL.model_copy(update={"since": LATER}), False),
        (StageStuck(days=3), SILENT, False),
        (NoReply(days=3), SILENT, True),
        (NoReply(days=4), SILENT, False),
        (NoReply(days=3), SILENT.model_copy(update={"since": LATER}), False),
        (NoReply(days=3, stage_id=OLD), SILENT, False),
        (TaskOverdue(), OVERDUE, True),
        (TaskOverdue(), OVERDUE.model_copy(update={"moment": THEN}), False),
        (TaskOverdue(), OVERDUE.model_copy(update={"task_id": LEAD}), False),
        (TaskOverdue(pipeline_id=OTHER), OVERDUE, False),
        (DateReached(days=-1), DATED, True),
        (DateReached(), DATED, False),
        (DateReached(days=-1, time=time(10)), DATED, False),
        (DateReached(days=-1), DATED.model_copy(update={"day": LATER.date()}), False),
    ],
)
def test_a_trigger_matches_its_events_through_its_filters(
    trigger: Trigger, event: Event, expected: bool
) -> None:
    groups: dict[Any, Any] = {"tags": {"vip": OTHER, "old": OLD}, "passages": {OTHER: NEW}}
    groups |= {"replies": None, "texts": Texted(wrote_at=THEN), "tasks": {OTHER: LATER}}
    assert trigger.matches(event, Facts("es", FACTS.lead, groups)) is expected


@pytest.mark.parametrize(
    ("replied_at", "expected"),
    [(None, True), (THEN - timedelta(days=1), True), (THEN + timedelta(hours=1), False)],
)
def test_an_answer_after_our_words_is_a_reply(replied_at: datetime | None, expected: bool) -> None:
    groups: dict[Any, Any] = {"replies": replied_at, "texts": Texted(wrote_at=THEN)}
    assert NoReply(days=3).matches(SILENT, Facts("es", FACTS.lead, groups)) is expected


@pytest.mark.parametrize("kind", ["booked", "won", "lost"])
def test_only_open_leads_stand_still_unless_a_stage_is_named(kind: str) -> None:
    decided = Facts("es", LeadFacts(LEAD, PIPELINE, NEW, kind, "form", **TIMES))

    assert StageStuck(days=7).matches(STILL, decided) is False
    assert StageStuck(days=7, stage_id=NEW).matches(STILL, decided) is True
    assert DateReached(days=-1).matches(DATED, decided) is False


def test_a_filter_on_the_lead_lets_nobody_through_who_has_none() -> None:
    assert InboundReply().matches(TEXT, Facts("en")) is True
    assert InboundReply(stage_id=NEW).matches(TEXT, Facts("en")) is False


@pytest.mark.parametrize(
    ("condition", "with_lead", "without"),
    [
        (LanguageIs(language="es"), True, True),
        (LanguageIs(language="en"), False, False),
        (SourceIs(sources=("api", "form")), True, False),
        (SourceIs(sources=("api",)), False, False),
        (StageIs(stage_id=NEW), True, False),
        (StageIs(stage_id=OLD), False, False),
        (LeadIsOpen(), True, False),
    ],
)
def test_a_condition_holds_by_the_facts_alone(
    condition: Any, with_lead: bool, without: bool
) -> None:
    assert condition.holds(FACTS) is with_lead
    assert condition.holds(Facts("es")) is without


def test_a_lead_that_was_decided_is_not_open() -> None:
    booked = Facts("es", LeadFacts(LEAD, PIPELINE, NEW, "booked", "form"))

    assert LeadIsOpen().holds(booked) is False


def test_every_trigger_listens_and_every_condition_says_where_its_past_is_kept() -> None:
    assert all(trigger.listens and trigger.label for trigger in TRIGGERS)
    for condition in CONDITIONS:
        assert condition.label
        for history in condition.history:
            assert history in Event.types or history.startswith("field_changes:")
