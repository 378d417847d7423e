"""Sequences as files, from one clinic into another, and those that come with the product."""

import json

import pytest
from sqlmodel import select

from automations.building.reading import open_automation, wrong_with
from automations.building.tree import draft_of
from automations.drafts import publish_draft
from automations.library import LIBRARY
from automations.library.ready import Ready
from automations.portable import bring_in, download, upload
from crm.core.errors import Invalid
from crm.core.uow import UnitOfWork
from crm.messaging.actions import add_template
from crm.messaging.queries import templates_shown
from pipelines.actions import add_pipeline
from pipelines.models import Pipeline
from pipelines.structure import FIRST_STAGES, StageWords, add_stage
from tests.automations.conftest import CREATED, DAY, SEND, Practice

FORK = {
    "kind": "if_else",
    "conditions": [{"kind": "not", "of": {"kind": "stage_is", "stage": "Qualified"}}],
    "then": [{"kind": "move_stage", "stage": "Contacted"}],
    "otherwise": [SEND],
}


def file_of(practice: Practice) -> str:
    automation = practice.publish("A", CREATED, SEND, DAY, FORK)

    def give(uow: UnitOfWork) -> str:
        opened = open_automation(uow, automation.id)
        return json.dumps(download(uow, opened.document, opened.choices.names))

    return str(practice.do(give))


def test_a_file_holds_names_and_texts_and_no_id(practice: Practice) -> None:
    text = file_of(practice)
    file = json.loads(text)
    assert "_id" not in text
    assert file["definition"]["steps"][0]["template"] == "Hello"
    assert file["definition"]["steps"][2]["conditions"][0]["of"]["stage"] == "Qualified"
    assert file["templates"]["Hello"]["bodies"]["en"].startswith("Hi {{ first_name }}")


def test_another_clinic_takes_a_file_over_and_publishes_it(practice: Practice) -> None:
    text = file_of(practice).replace("Hello", "Hello again")
    automation = practice.do(upload, text)
    assert automation.name == "A 2"
    opened = practice.do(open_automation, automation.id)
    assert practice.do(wrong_with, opened.document) == {}
    version = practice.do(publish_draft, automation.id, opened.version)
    names = {one.name: str(one.id) for one in practice.do(templates_shown)}
    assert version.definition["steps"][0]["template_id"] == names["Hello again"]


def test_an_email_comes_back_from_a_file_as_the_email_that_it_was(practice: Practice) -> None:
    words, subjects = {"en": "Hello", "es": "Hola"}, {"en": "Your visit", "es": "Su visita"}
    practice.do(add_template, "Mail", words, "care", subjects)
    automation = practice.publish("A", CREATED, {"kind": "send_email", "template": "Mail"})
    opened = practice.do(open_automation, automation.id)
    file = practice.do(download, opened.document, opened.choices.names)
    again = json.dumps(file).replace('"Mail"', '"Mail again"')
    taken = practice.do(upload, again)

    made = next(one for one in practice.do(templates_shown) if one.name == "Mail again")
    assert (made.channel, made.subjects, made.bodies) == ("email", subjects, words)
    here = practice.do(open_automation, taken.id)
    assert practice.do(wrong_with, here.document) == {}
    back = practice.do(download, here.document, here.choices.names)
    assert back["templates"]["Mail again"] == file["templates"]["Mail"]


def test_what_a_clinic_lacks_is_named_at_its_part_and_found_once_it_is_there(
    practice: Practice,
) -> None:
    text = file_of(practice).replace("Contacted", "Nurture")
    automation = practice.do(upload, text)
    opened = practice.do(open_automation, automation.id)
    [move] = opened.document["steps"][2]["then"]
    wrong = practice.do(wrong_with, opened.document)
    assert wrong == {move["id"]: {"stage_id": "There is no such stage here."}}
    practice.do(_add_nurture)
    assert practice.do(wrong_with, opened.document) == {}


@pytest.mark.parametrize(
    "text",
    [
        *("", "[]", "3", "{", '{"definition": []}', '{"definition": {}, "templates": []}'),
        *('{"steps": [{"kind": "wait_for", "days": 1e999}]}', '{"steps": [NaN]}', "[" * 5000),
        '{"name": "\\u0000"}',
        '{"trigger": {"x.y": {"template": "t"}}, "steps": []}',
        '{"definition": {}, "templates": {"X": {"bodies": {}, "message_class": "promo"}}}',
    ],
)
def test_what_is_no_sequence_is_refused(practice: Practice, text: str) -> None:
    with pytest.raises(Invalid):
        practice.do(upload, text)


@pytest.mark.parametrize(
    "text",
    [
        *('{"steps": "x"}', '{"steps": [1, [2]], "trigger": []}', '{"steps": [{"kind": ["a"]}]}'),
        '{"steps": [{"kind": "split", "branches": [{"percent": "x", "steps": [{"kind": "?"}]}]}]}',
        '{"conditions": [{"kind": "not", "of": 3}], "exits": 5, "reentry": {}, "steps": [{}]}',
    ],
)
def test_a_strange_file_becomes_a_draft_that_says_what_is_wrong(
    practice: Practice, text: str
) -> None:
    automation = practice.do(upload, text)
    opened = practice.do(open_automation, automation.id)
    assert practice.do(wrong_with, opened.document)


def _add_nurture(uow: UnitOfWork) -> None:
    pipeline = uow.session.scalars(select(Pipeline)).one()
    add_stage(uow, pipeline.id, StageWords("Nurture"))


def _begin_with_usual_stages(uow: UnitOfWork) -> None:
    usual = add_pipeline(uow, "Usual", FIRST_STAGES)
    for one in uow.session.scalars(select(Pipeline)):
        one.is_default = one.id == usual.id


@pytest.mark.parametrize("ready", LIBRARY, ids=lambda one: one.code)
def test_every_ready_sequence_can_be_published_where_a_clinic_has_the_usual_stages(
    practice: Practice, ready: Ready
) -> None:
    practice.do(_begin_with_usual_stages)
    automation = practice.do(bring_in, ready.as_file())
    opened = practice.do(open_automation, automation.id)
    assert practice.do(wrong_with, opened.document) == {}
    practice.do(publish_draft, automation.id, opened.version)


def test_ready_texts_name_the_clinic_and_speak_two_languages() -> None:
    assert len(LIBRARY) >= 8
    for ready in LIBRARY:
        for name, bodies in ready.texts.items():
            assert bodies.keys() == {"en", "es"}, name
            assert all("{{ clinic_name }}" in body for body in bodies.values()), name
            if ready.message_class == "marketing":
                assert all("STOP" in body for body in bodies.values()), name


def test_a_version_reads_as_the_same_draft_each_time(practice: Practice) -> None:
    document = {"name": "A", "trigger": CREATED, "steps": [SEND, DAY, FORK]}
    assert draft_of(document) == draft_of(document)
