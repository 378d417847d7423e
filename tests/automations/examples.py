"""One example of each kind of a sequence's parts, by its class."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from automations.conditions import CONDITIONS
from automations.parts import Part
from automations.steps import STEPS
from automations.triggers import TRIGGERS

ID = str(UUID(int=1))
OPEN = {"kind": "lead_is_open"}
DAY = {"kind": "wait_for", "days": 1}
STOP = {"kind": "stop"}

_GIVEN: Mapping[str, Mapping[str, Any]] = {
    "requested_again": {"pipeline_id": ID, "stage_id": ID},
    "stage_entered": {"stage_id": ID},
    "tag_added": {"tag": "VIP"},
    "stage_stuck": {"days": 7},
    "no_reply": {"days": 3},
    "date_reached": {"days": -1, "time": "10:00"},
    "language_is": {"language": "es"},
    "source_is": {"sources": ["form"]},
    "stage_is": {"stage_id": ID},
    "stage_kind_is": {"kinds": ["open"]},
    "pipeline_is": {"pipeline_id": ID},
    "value_is_at_least": {"cents": 1000},
    "lead_is_older": {"days": 3},
    "stands_in_stage": {"days": 3},
    "has_tag": {"tag": "VIP"},
    "may_contact": {"channel": "sms"},
    "was_texted": {"days": 3},
    "has_asked": {"times": 2},
    "weekday_is": {"weekdays": ["monday"]},
    "time_is_between": {"start": "09:00", "end": "17:00"},
    "all_of": {"of": [OPEN]},
    "any_of": {"of": [OPEN]},
    "not": {"of": OPEN},
    "send_text": {"template_id": ID},
    "send_email": {"template_id": ID},
    "wait_for": {"days": 1},
    "wait_until": {"time": "09:30"},
    "wait_for_event": {"event": "replied", "days": 2, "timed_out": [STOP]},
    "wait_for_date": {"days": -1},
    "if_else": {"conditions": [OPEN], "then": [STOP]},
    "split": {"branches": [{"percent": 50}, {"percent": 50, "steps": [STOP]}]},
    "create_task": {"title": "Call"},
    "notify": {"message": "Please call"},
    "assign": {"user_ids": [ID]},
    "tag": {"add": ["VIP"]},
    "set_field": {"field": "value", "value": 5000},
    "start_sequence": {"automation_id": ID},
    "stop_sequence": {"automation_id": ID},
    "move_stage": {"pipeline_id": ID, "stage_id": ID},
}


def example(kind: type[Part]) -> dict[str, Any]:
    """Return the document of an example of this kind."""
    name = str(kind.model_fields["kind"].default)
    return {"kind": name, **_GIVEN.get(name, {})}


EXAMPLES: Mapping[type[Part], Mapping[str, Any]] = {
    kind: example(kind) for kind in (*TRIGGERS, *CONDITIONS, *STEPS)
}
