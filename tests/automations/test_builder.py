"""The builder's pages: a draft that is made part by part, and what they show of it."""

import re
from collections.abc import Callable

import pytest
from httpx2 import Response
from sqlmodel import col, select

from automations.building.tree import STEP_LISTS, places
from automations.models import Automation, SequenceDraft, SequenceVersion
from crm.messaging.actions import add_template
from tests.automations.conftest import CREATED, DAY, MOVE, SEND, STOP, Practice
from tests.automations.test_pages import app, signed_in
from tests.support.browsing import Browser

__all__ = ["app", "signed_in"]

SignIn = Callable[..., Browser]


class Builder:
    """Somebody who builds one sequence through its pages."""

    def __init__(self, practice: Practice, browser: Browser, automation: Automation) -> None:
        self.practice = practice
        self.browser = browser
        self.automation = automation
        self.path = f"/sequences/{automation.id}"

    @property
    def draft(self) -> SequenceDraft:
        query = select(SequenceDraft).where(col(SequenceDraft.automation_id) == self.automation.id)
        found: SequenceDraft = self.practice.do(lambda uow: uow.session.scalars(query).one())
        return found

    @property
    def kinds(self) -> list[str]:
        """The kinds of the draft's steps, each with how deep it stands."""
        return [
            f"{'  ' * place.depth}{place.node['kind']}"
            for place in places(self.draft.document or {})
            if place.list in STEP_LISTS
        ]

    def id_of(self, kind: str, number: int = 0) -> str:
        found = [p.node["id"] for p in places(self.draft.document or {}) if p.node["kind"] == kind]
        return str(found[number])

    def send(self, action: str, **values: str) -> Response:
        version = values.pop("version", None) or str(self.version)
        return self.browser.submit(self.path, f"{self.path}/{action}", version=version, **values)

    @property
    def version(self) -> int:
        query = select(SequenceDraft.version).where(
            col(SequenceDraft.automation_id) == self.automation.id
        )
        return int(self.practice.do(lambda uow: uow.session.scalar(query)) or 0)

    def add(self, kind: str, into: str = "root.steps", **fields: str) -> str:
        assert self.send("parts", kind=kind, into=into).status_code == 303
        key = self.id_of(kind, -1)
        if fields:
            self.save(key, **fields)
        return key

    def save(self, part: str, **fields: str) -> Response:
        typed = {f"f.{name}": value for name, value in fields.items()}
        answer = self.send("save", part=part, **typed)
        assert answer.status_code == 303
        return answer

    def page(self, query: str = "") -> str:
        return str(self.browser.get(f"{self.path}{query}").text)


def begin(practice: Practice, browser: Browser, name: str = "Mine") -> Builder:
    answer = browser.submit("/sequences/new", "/sequences/new", name=name)
    assert answer.status_code == 303
    query = select(Automation).where(col(Automation.name) == name)
    return Builder(practice, browser, practice.do(lambda uow: uow.session.scalars(query).one()))


def template(practice: Practice) -> str:
    found = practice.do(lambda uow: uow.session.scalars(select(SequenceVersion)).all())
    assert found
    return str(found[0].definition["steps"][0]["template_id"])


def test_a_sequence_is_built_from_nothing_and_published(
    practice: Practice, signed_in: SignIn
) -> None:
    practice.publish("Other", {"kind": "stage_left"}, SEND)
    builder = begin(practice, signed_in())
    assert "It does nothing yet" in builder.page()

    builder.save("trigger", kind="lead_created")
    builder.add("send_text", template_id=template(practice))
    builder.add("wait_for", days="1")
    fork = builder.add("if_else")
    builder.add("lead_is_open", f"{fork}.conditions")
    builder.add("send_text", f"{fork}.then", template_id=template(practice))
    builder.add("stop", f"{fork}.otherwise")
    builder.add("wait_for", days="7")
    builder.add("move_stage", stage_id=str(practice.stage("Qualified")))

    page = builder.page()
    for words in ("Send the text “Hello”", "Wait 1 day", "If Lead is open", "Then", "Otherwise"):
        assert words in page
    assert "To be completed" not in page
    assert "Draft v1" in page
    assert "Live" not in page

    before = builder.page("/publish")
    assert "Publish 7 steps" in before
    published = builder.send("publish")
    assert published.status_code == 303
    assert "Live v1" in builder.page()
    lead = practice.lead(practice.person())
    practice.work()
    assert len(practice.texts()) == 1
    assert [one.lead_id for one in practice.enrollments("Mine")] == [lead]


def test_what_is_emptied_is_gone_and_a_name_is_asked_for(
    practice: Practice, signed_in: SignIn
) -> None:
    builder = begin(practice, signed_in())
    whole = {"name": "Mine", "reentry": "after_end", "sends_on.monday": "yes"}
    builder.save("root", **whole, sends_from="09:00", sends_until="18:00")
    assert builder.draft.document["sends_from"] == "09:00"

    builder.save("root", **whole, sends_from="", sends_until="")
    assert {"sends_from", "sends_until"}.isdisjoint(builder.draft.document)
    builder.save("root", **{**whole, "name": ""})
    [field] = re.findall(r'<input[^>]*name="f.name"[^>]*>', builder.page("/settings"))
    assert 'aria-invalid="true"' in field
    assert 'value="Mine"' not in field


def test_a_field_that_no_database_keeps_is_refused(practice: Practice, signed_in: SignIn) -> None:
    builder = begin(practice, signed_in())
    assert builder.send("save", part="root", **{"f.exits.\x00": "yes"}).status_code == 422


def test_what_is_missing_is_named_and_leads_to_where_it_is_changed(
    practice: Practice, signed_in: SignIn
) -> None:
    builder = begin(practice, signed_in())
    builder.save("root", name="", **{"sends_on.monday": "yes"})
    key = builder.add("wait_for", days="0")
    page = builder.page("/publish")
    for link, words in (
        (f"{builder.path}/settings", "Name, end and entering again"),
        (f"{builder.path}/settings", "What starts it"),
        (f"{builder.path}?edit={key}#edit-{key}", "Wait for"),
    ):
        assert re.search(rf'<a href="{re.escape(link)}">{words}</a>: \S', page)
    builder.send("shift", part=key, do="remove")
    assert f'<a href="{builder.path}">Steps</a>' in builder.page("/publish")


def test_a_long_email_is_shown_as_it_is_read(practice: Practice, signed_in: SignIn) -> None:
    words = {"en": "Dear {{ first_name }}, " + "one more word " * 200}
    made = practice.do(add_template, "Long", words, "care", {"en": "News"})
    builder = begin(practice, signed_in())
    key = builder.add("send_email", template_id=str(made.id))
    for query in ("", f"?edit={key}"):
        page = builder.page(query)
        assert "one more word one more word" in page
        assert "{{ first_name }}" not in page


def test_what_is_missing_is_said_beside_its_field_and_keeps_it_from_being_published(
    practice: Practice, signed_in: SignIn
) -> None:
    builder = begin(practice, signed_in())
    key = builder.add("wait_for", days="0")
    page = builder.page(f"?edit={key}")
    assert "Say how long to wait: days, hours or minutes." in page
    builder.save(key, days="soon")
    page = builder.page(f"?edit={key}")
    assert "Write this as a whole number." in page
    assert 'value="soon"' in page
    assert "To be completed" in page

    assert "2 parts are not complete yet" in builder.page("/publish")
    refused = builder.send("publish")
    assert refused.status_code == 422
    assert "Live" not in builder.page()


def test_two_who_edit_one_part_lose_nothing(practice: Practice, signed_in: SignIn) -> None:
    builder = begin(practice, signed_in())
    key = builder.add("wait_for", days="1")
    seen = builder.version
    builder.save(key, days="2")

    late = builder.send("save", part=key, version=str(seen), **{"f.days": "3"})

    assert late.status_code == 409
    assert "Changed by someone else" in late.text
    assert re.search(r'id="\w+-days"[^>]*value="3"', late.text)
    assert builder.draft.document is not None
    assert builder.draft.document["steps"][0]["days"] == 2
    # What is typed is sent again, now over what has been seen.
    hidden = re.search(r'name="version" value="(\d+)"', late.text)
    assert hidden is not None
    again = builder.send("save", part=key, version=hidden[1], **{"f.days": "3"})
    assert again.status_code == 303
    assert builder.draft.document["steps"][0]["days"] == 3


def test_parts_are_moved_copied_and_removed_and_each_edit_is_undone(
    practice: Practice, signed_in: SignIn
) -> None:
    builder = begin(practice, signed_in())
    fork = builder.add("if_else")
    wait = builder.add("wait_for")
    assert builder.kinds == ["if_else", "wait_for"]

    builder.send("shift", part=wait, do="in")
    assert builder.kinds == ["if_else", "  wait_for"]
    builder.send("shift", part=wait, do="down")
    assert builder.draft.document is not None
    assert [one["id"] for one in builder.draft.document["steps"][0]["otherwise"]] == [wait]
    builder.send("shift", part=wait, do="duplicate")
    assert builder.kinds == ["if_else", "  wait_for", "  wait_for"]
    builder.send("shift", part=wait, do="up")
    builder.send("place", part=wait, into="root.steps", before=fork)
    assert builder.kinds == ["wait_for", "if_else", "  wait_for"]
    builder.send("shift", part=fork, do="remove")
    assert builder.kinds == ["wait_for"]
    builder.send("undo")
    assert builder.kinds == ["wait_for", "if_else", "  wait_for"]
    for _ in range(5):
        assert builder.send("undo").status_code == 303
    assert builder.kinds == ["if_else", "wait_for"]


def test_a_draft_stands_beside_the_live_version_and_people_keep_theirs(
    practice: Practice, signed_in: SignIn
) -> None:
    automation = practice.publish("A", CREATED, DAY, SEND, STOP)
    practice.lead(practice.person())
    practice.work()
    builder = Builder(practice, signed_in(), automation)
    assert "1 person is here" in builder.page()

    builder.send("shift", part="p1", do="remove")
    builder.add("move_stage", stage_id=str(practice.stage("Qualified")))
    assert "Draft v2" in builder.page()
    assert "Live v1" in builder.page()

    before = builder.page("/publish")
    assert re.search(r"Removed</span> <span>Wait 1 day</span> .*1 person is here", before)
    assert "Added</span> <span>Move the lead to “Qualified”" in before
    assert "1 person is in it, and stays in the version they entered" in before
    assert "Publish 2 changes" in before
    builder.send("publish")
    assert "1 person is still in an older version" in builder.page()
    practice.runtime.clock.advance(days=1)
    practice.work()
    # The one who was in it waited a day, and was sent its text as it was.
    assert len(practice.texts()) == 1


def test_a_draft_is_discarded_and_a_version_restored(practice: Practice, signed_in: SignIn) -> None:
    practice.publish("A", CREATED, DAY)
    automation = practice.publish("A", CREATED, MOVE)
    builder = Builder(practice, signed_in(), automation)
    builder.send("shift", part="p1", do="remove")
    assert builder.send("discard").status_code == 303
    assert "Draft" not in builder.page()

    history = builder.page("/history")
    assert history.count("Restore as draft:") == 2
    first = practice.do(
        lambda uow: uow.session.scalars(
            select(SequenceVersion).where(col(SequenceVersion.number) == 1)
        ).one()
    )
    assert "Wait 1 day" in builder.browser.get(f"/sequences/versions/{first.id}").text
    restored = builder.browser.submit(
        f"/sequences/versions/{first.id}",
        f"/sequences/versions/{first.id}/restore",
        version=str(builder.version),
    )
    assert restored.status_code == 303
    assert builder.kinds == ["wait_for"]


@pytest.mark.parametrize("role", ["front_desk", "provider"])
def test_who_may_not_edit_sees_no_form_and_is_refused(
    practice: Practice, signed_in: SignIn, role: str
) -> None:
    automation = practice.publish("A", CREATED, DAY)
    builder = Builder(practice, signed_in(role), automation)
    if role == "front_desk":
        page = builder.page()
        assert "Wait 1 day" in page
        assert "Add a step" not in page
        assert "Publish" not in page
    guards = builder.browser.guards("/settings/profile")
    answer = builder.browser.post_form(
        f"{builder.path}/shift", {**guards, "do": "up", "part": "p1"}
    )
    assert answer.status_code == 403
