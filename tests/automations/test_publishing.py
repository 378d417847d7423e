"""Publishing: strict documents, clear errors, immutable versions."""

from typing import Any
from uuid import UUID

import pytest
from sqlmodel import col, select

from automations.definitions import DEFAULT_EXITS, InvalidDefinition
from automations.models import Automation, SequenceVersion
from automations.seeds import CONTACTED, NEW_REQUEST, SEQUENCES, TEMPLATES, seed_automations
from automations.sequences import load_automation, pause, resume
from automations.versions import definitions, published_automations
from crm.core.errors import NotFound
from crm.core.principal import SYSTEM
from crm.core.runtime import Runtime
from crm.messaging import rendering
from pipelines.actions import add_pipeline
from pipelines.events import LeadCreated
from tests.automations.conftest import DAY, SEND, STAGES, Practice

TRIGGER = {"kind": "lead_created"}


def document(*steps: Any, **more: Any) -> dict[str, Any]:
    return {"name": "A", "trigger": TRIGGER, "steps": list(steps or [SEND]), **more}


def versions(practice: Practice) -> list[SequenceVersion]:
    found = practice.do(
        lambda uow: uow.session.scalars(
            select(SequenceVersion).order_by(col(SequenceVersion.number))
        ).all()
    )
    return list(found)


def refused(practice: Practice, definition: Any) -> InvalidDefinition:
    with pytest.raises(InvalidDefinition) as caught:
        practice.do(load_automation, definition)
    assert practice.do(lambda uow: uow.session.scalars(select(Automation)).all()) == []
    return caught.value


def test_names_become_ids_and_defaults_are_written_out(practice: Practice) -> None:
    contacted = {"kind": "stage_entered", "stage": "Contacted"}

    practice.do(load_automation, {**document(SEND), "trigger": contacted})

    [version] = versions(practice)
    assert version.number == 1
    assert version.definition["trigger"]["stage_id"] == str(practice.stage("Contacted"))
    assert version.definition["exits"] == list(DEFAULT_EXITS)
    assert version.definition["reentry"] == "after_end"
    assert UUID(version.definition["steps"][0]["template_id"])
    assert "template" not in version.definition["steps"][0]


def test_the_same_content_makes_no_new_version_and_a_change_makes_one(practice: Practice) -> None:
    first = practice.do(load_automation, document(SEND))
    same = practice.do(load_automation, document(dict(reversed(SEND.items()))))
    changed = practice.do(load_automation, document(SEND, DAY))
    back = practice.do(load_automation, document(SEND))

    assert first.version_id == same.version_id != changed.version_id != back.version_id
    assert first.id == same.id == changed.id == back.id
    assert [version.number for version in versions(practice)] == [1, 2, 3]


def test_a_definition_may_hold_the_ids_that_a_version_holds(practice: Practice) -> None:
    move = {"kind": "move_stage", "stage": "Qualified"}
    when = [{"kind": "stage_is", "stage": "New"}]
    practice.do(load_automation, document({**SEND, "when": when}, move))
    [version] = versions(practice)

    practice.do(load_automation, version.definition)

    assert len(versions(practice)) == 1


def test_a_new_trigger_kind_is_what_the_automation_listens_to(practice: Practice) -> None:
    practice.do(load_automation, document(SEND))
    again = {**document(SEND), "trigger": {"kind": "requested_again"}}

    assert practice.do(load_automation, again).trigger_kind == "requested_again"
    assert practice.do(lambda uow: published_automations(uow).get(LeadCreated)) is None


def test_publishing_is_seen_in_the_same_transaction(practice: Practice) -> None:
    with practice.runtime.database.transaction(practice.clinic, SYSTEM) as uow:
        assert not published_automations(uow)
        automation = load_automation(uow, document(SEND))
        for change, is_paused in ((resume, False), (pause, True), (resume, False)):
            change(uow, automation.id)
            [published] = published_automations(uow)[LeadCreated]
            assert published.version_id == automation.version_id
            assert published.is_paused is is_paused


@pytest.mark.parametrize(
    ("steps", "field", "words"),
    [
        ([SEND, {"kind": "send_text"}], "steps.1.template_id", "Step 2 (send_text), template_id"),
        ([{"kind": "send_text", "template": "Unknown"}], "steps.0.template", "Step 1 (send_text)"),
        ([{**SEND, "template": 3}], "steps.0.template", "no such template"),
        ([{"kind": "send_text", "template_id": str(UUID(int=1))}], "steps.0.template", "Step 1"),
        ([{"kind": "send_text", "template_id": "x"}], "steps.0.template_id", "not a valid id"),
        ([{"kind": "wait_for", "days": 400}], "steps.0.days", "at most 365"),
        ([{"kind": "wait_for"}], "steps.0", "Step 1 (wait_for): Say how long"),
        ([{"kind": "wait_until", "time": "25:00"}], "steps.0.time", "such as 09:30"),
        ([{"kind": "wait_for", "days": 1, "weeks": 2}], "steps.0.weeks", "not known here"),
        ([{"kind": "dance"}], "steps.0.kind", "Step 1 (dance), kind: Choose one of"),
        ([{"days": 1}], "steps.0.kind", "Say what kind"),
        (["send_text"], "steps.0", "Step 1"),
        ([{"kind": "move_stage", "stage": "Nowhere"}], "steps.0.stage", "no such stage"),
        ([{"kind": "move_stage", "stage": ["New"]}], "steps.0.stage", "no such stage"),
        (
            [{**SEND, "when": [{"kind": "stage_is", "stage": "Nowhere"}]}],
            "steps.0.when.0.stage",
            "Step 1 (send_text), when.0.stage",
        ),
        (
            [{**SEND, "when": [{"kind": "language_is", "language": "xx"}]}],
            "steps.0.when.0.language",
            "Choose one of",
        ),
    ],
)
def test_a_wrong_step_is_named_with_its_field(
    practice: Practice, steps: list[Any], field: str, words: str
) -> None:
    error = refused(practice, {"name": "A", "trigger": TRIGGER, "steps": steps})

    assert field in error.fields
    assert words in error.detail


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": " "}, "name"),
        ({"name": "\x00"}, "name"),
        ({"name": None}, "name"),
        ({"trigger": {"kind": "stage_entered", "stage": "Nowhere"}}, "trigger.stage"),
        ({"trigger": {"kind": "stage_entered", "pipeline": "None"}}, "trigger.pipeline"),
        ({"trigger": {"kind": "lead_created", "colour": "red"}}, "trigger.colour"),
        ({"trigger": {"kind": "never"}}, "trigger.kind"),
        ({"trigger": None}, "trigger"),
        ({"steps": []}, "steps"),
        ({"steps": None}, "steps"),
        ({"steps": [DAY] * 51}, "steps"),
        ({"exits": ["tired"]}, "exits.0"),
        ({"reentry": "twice"}, "reentry"),
        ({"conditions": [{"kind": "source_is", "sources": []}]}, "conditions.0.sources"),
        ({"conditions": [{"kind": "source_is", "sources": ["\x00"]}]}, "conditions"),
        ({"state": "live"}, "state"),
    ],
)
def test_a_wrong_document_is_refused_and_nothing_is_stored(
    practice: Practice, change: dict[str, Any], field: str
) -> None:
    assert field in refused(practice, {**document(SEND), **change}).fields


@pytest.mark.parametrize("definition", [None, [], "A", 3])
def test_what_is_no_document_is_refused(practice: Practice, definition: Any) -> None:
    assert refused(practice, definition).fields


def test_a_stage_name_means_the_default_pipelines_unless_another_is_named(
    practice: Practice, runtime: Runtime
) -> None:
    practice.do(lambda uow: add_pipeline(uow, "Recall", STAGES))
    ambiguous = document({"kind": "move_stage", "stage": "Qualified"})
    assert "pipeline" in refused(practice, ambiguous).fields["steps.0.stage"]

    named = {"kind": "move_stage", "stage": "Qualified", "pipeline": "Recall"}
    practice.do(lambda uow: add_pipeline(uow, "Main", STAGES, is_default=True))
    practice.do(load_automation, document(named, {"kind": "move_stage", "stage": "Qualified"}))

    [version] = versions(practice)
    first, second = version.definition["steps"]
    assert first["pipeline_id"] != second["pipeline_id"]
    assert first["stage_id"] != second["stage_id"]


def test_another_clinics_templates_and_sequences_are_not_there(
    practice: Practice, other_clinic: UUID
) -> None:
    automation = practice.do(load_automation, document(SEND))
    assert practice.do(definitions, [automation.version_id])
    other = Practice(practice.runtime, other_clinic)
    template_id = versions(practice)[0].definition["steps"][0]["template_id"]

    refused(other, document({"kind": "send_text", "template_id": template_id}))
    assert other.do(definitions, [automation.version_id]) == {}
    with pytest.raises(NotFound):
        other.do(pause, automation.id)


def test_the_seeds_can_be_published_and_rendered_in_both_languages(practice: Practice) -> None:
    loaded = practice.do(seed_automations)

    assert [automation.name for automation in loaded] == [NEW_REQUEST["name"], CONTACTED["name"]]
    again = practice.do(seed_automations)
    assert [one.version_id for one in again] == [one.version_id for one in loaded]
    assert len(versions(practice)) == len(SEQUENCES)
    for bodies in TEMPLATES.values():
        assert set(bodies) == {"en", "es"}
        for source in bodies.values():
            for values in ({}, {"first_name": "Ana"}):
                said = rendering.check(source).render({"clinic_name": "Riverside", **values})
                assert "Riverside" in said
                assert ("Ana" in said) is bool(values)


@pytest.mark.parametrize(
    ("hours", "field"),
    [
        ({"sends_from": "09:30"}, "sends_from"),
        ({"sends_from": "17:00", "sends_until": "09:00"}, "sends_until"),
        ({"sends_until": "00:00"}, "sends_until"),
        ({"sends_on": []}, "sends_on"),
    ],
)
def test_hours_that_cannot_be_are_named(
    practice: Practice, hours: dict[str, Any], field: str
) -> None:
    assert list(refused(practice, document(**hours)).fields) == [field]


def test_a_sequence_keeps_to_the_hours_of_its_live_version(practice: Practice) -> None:
    days = ["friday", "monday"]
    practice.do(load_automation, document(sends_from="09:00", sends_until="17:00", sends_on=days))
    [version] = versions(practice)
    assert version.definition["sends_on"] == ["monday", "friday"]
    [automation] = practice.do(lambda uow: uow.session.scalars(select(Automation)).all())
    closed = [0, 0]
    assert automation.week == [[9, 17], closed, closed, closed, [9, 17], closed, closed]
    assert practice.do(load_automation, document()).week is None
