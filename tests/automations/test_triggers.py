"""Which events start an automation, and which conditions hold: pure questions."""

from typing import Any
from uuid import UUID

import pytest

from automations.conditions import CONDITIONS, LanguageIs, LeadIsOpen, SourceIs, StageIs
from automations.facts import Facts, LeadFacts
from automations.triggers import (
    TRIGGERS,
    FormSubmitted,
    InboundReply,
    LeadWasCreated,
    MessageDelivered,
    MessageFailed,
    RequestedAgain,
    StageEntered,
    StageLeft,
    TagAdded,
    TaskWasDone,
    Trigger,
)
from crm.core.events import Event
from crm.messaging.events import DeliveryFailed, DeliveryReported, TextReceived
from pipelines.events import LeadCreated, LeadRequestedAgain, LeadStageChanged
from pipelines.lead.events import LeadTagged
from pipelines.tasks.events import TaskDone

LEAD, PIPELINE, OLD, NEW, OTHER = (UUID(int=number) for number in range(1, 6))
FACTS = Facts("es", LeadFacts(LEAD, PIPELINE, NEW, "open", "form"))
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
    ],
)
def test_a_trigger_matches_its_events_through_its_filters(
    trigger: Trigger, event: Event, expected: bool
) -> None:
    groups = {"tags": {"vip": OTHER, "old": OLD}, "passages": {OTHER: NEW}}
    assert trigger.matches(event, Facts("es", FACTS.lead, groups)) is expected


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
