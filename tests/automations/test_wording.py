"""Every part of a sequence reads as words, with what it was given and without."""

from uuid import UUID

import pytest

from automations.conditions import CONDITIONS, LeadIsOpen, StageIs
from automations.names import Names
from automations.parts import Part
from automations.steps import STEPS
from automations.steps.wait_for import WaitFor
from automations.triggers import TRIGGERS, InboundReply, LeadWasCreated, RequestedAgain, StageLeft
from crm.web.language import speaking
from tests.automations.examples import EXAMPLES

ONE, OTHER = UUID(int=1), UUID(int=2)
NAMES = Names({ONE: "Hello"}, {ONE: "Leads"}, {ONE: "New"})


@pytest.mark.parametrize(
    ("part", "words"),
    [
        (LeadWasCreated(), "A lead is created"),
        (
            LeadWasCreated(pipeline_id=ONE, source="api"),
            "A lead is created: in the pipeline “Leads”, from the source “api”",
        ),
        (RequestedAgain(pipeline_id=ONE, stage_id=ONE), "An open lead asks again: “New”"),
        (StageLeft(stage_id=OTHER), "A lead leaves a stage: “no longer there”"),
        (InboundReply(source="form"), "A text comes in: from the source “form”"),
        (StageIs(stage_id=ONE), "Stage is “New”"),
        (LeadIsOpen(), "Lead is open"),
        (WaitFor(days=3), "Wait 3 days"),
        (WaitFor(hours=36, minutes=61), "Wait 37 hours and 1 minute"),
    ],
)
def test_a_part_says_what_it_was_given(part: Part, words: str) -> None:
    assert part.words(NAMES) == words


@pytest.mark.parametrize("kind", [*TRIGGERS, *CONDITIONS, *STEPS])
def test_a_kind_speaks_spanish(kind: type[Part]) -> None:
    part = kind.model_validate(EXAMPLES[kind])
    with speaking("es"):
        spanish = part.words(NAMES)
    assert spanish
    assert spanish != part.words(NAMES)
