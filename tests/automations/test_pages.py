"""What the front desk sees of sequences, and the three things it may do."""

from collections.abc import Callable, Iterator
from uuid import UUID, uuid4

import pytest
from fastapi import FastAPI

from automations.enrollments import end_by_hand
from automations.sequences import pause
from crm.accounts import cli
from crm.accounts.models import Role
from tests.automations.conftest import DAY, SEND, Practice
from tests.support.browsing import PASSWORD, Browser, open_browser
from tests.support.houses import cheap_app

CREATED = {"kind": "lead_created"}
SPANISH = [{"kind": "language_is", "language": "es"}]


@pytest.fixture
def app(practice: Practice) -> FastAPI:
    return cheap_app(practice.runtime)


@pytest.fixture
def signed_in(practice: Practice, app: FastAPI) -> Iterator[Callable[..., Browser]]:
    """Sign somebody in, with a role, in a language, in a clinic."""
    opened: list[Browser] = []

    def sign_in(role: Role = "owner", language: str = "en", clinic: UUID | None = None) -> Browser:
        email = f"{role}-{language}-{len(opened)}@riverside.example"
        cli.user_add(
            practice.runtime.database,
            clinic_id=clinic or practice.clinic,
            email=email,
            name="Kim Weaver",
            role=role,
            password=PASSWORD,
            language=language,
            passwords=app.state.accounts.passwords,
        )
        browser = open_browser(app)
        opened.append(browser)
        assert browser.sign_in(email).status_code == 303
        return browser

    yield sign_in
    for browser in opened:
        browser.close()


def test_the_list_shows_state_people_and_version_and_pauses(
    practice: Practice, signed_in: Callable[..., Browser]
) -> None:
    practice.publish("Follow <up>", CREATED, DAY)
    automation = practice.publish("Follow <up>", CREATED, DAY, SEND)
    for _ in range(3):
        practice.lead(practice.person())
    practice.work()
    owner = signed_in()

    page = owner.get("/sequences").text
    assert "Follow &lt;up&gt;" in page
    assert "A lead is created" in page
    cells = [cell.split("</td>")[0].strip() for cell in page.split("<td>")[1:]]
    assert cells[3:6] == ["2", "3", "2"]
    assert "Live" in cells[2]

    paused = owner.submit("/sequences", f"/sequences/{automation.id}/pause")
    assert (paused.status_code, paused.headers["location"]) == (303, "/sequences")
    assert "Paused" in owner.get("/sequences").text
    owner.submit("/sequences", f"/sequences/{automation.id}/resume")
    assert "Paused" not in owner.get("/sequences").text


def test_a_leads_page_shows_its_sequences_with_their_steps_and_what_comes_next(
    practice: Practice, signed_in: Callable[..., Browser]
) -> None:
    practice.publish("First", CREATED, {**SEND, "when": SPANISH}, DAY, SEND, exits=["booked"])
    practice.publish("Second", CREATED, SEND, exits=["stage_changed"])
    lead_id = practice.lead(practice.person())
    practice.work()
    practice.move(lead_id, "Contacted")
    practice.work()

    page = signed_in("front_desk").get(f"/leads/{lead_id}").text

    panel = page[page.index("<h2>Sequences</h2>") :]
    assert "Next: Send a text" in panel
    assert "skipped: its conditions were not met" in panel
    assert "moved to another stage" in panel
    assert panel.count("End the sequence") == 1
    assert "Sequence “First” started" in page
    assert "Sequence “Second” ended" in page


def test_what_waits_for_a_text_or_comes_to_its_end_says_so(
    practice: Practice, signed_in: Callable[..., Browser]
) -> None:
    practice.publish("A", CREATED, SEND)
    lead_id = practice.lead(practice.person())
    practice.work()

    panel = signed_in("provider").get(f"/leads/{lead_id}/enrollments").text

    assert "Next: the end" in panel
    assert "once the text was sent" in panel
    assert "End the sequence" not in panel


def test_a_lead_without_sequences_says_so_in_the_readers_language(
    practice: Practice, signed_in: Callable[..., Browser]
) -> None:
    lead_id = practice.lead(practice.person())
    owner = signed_in(language="es")

    assert "Ninguna secuencia ha empezado" in owner.get(f"/leads/{lead_id}/enrollments").text
    assert "Todavía no hay ninguna secuencia." in owner.get("/sequences").text


def test_ending_by_hand_leads_back_to_the_lead(
    practice: Practice, signed_in: Callable[..., Browser]
) -> None:
    practice.publish("A", CREATED, SEND)
    lead_id = practice.lead(practice.person())
    practice.work()
    [enrollment] = practice.enrollments()
    desk = signed_in("front_desk")

    answer = desk.submit(f"/leads/{lead_id}", f"/enrollments/{enrollment.id}/end")

    assert (answer.status_code, answer.headers["location"]) == (303, f"/leads/{lead_id}")
    page = desk.get(f"/leads/{lead_id}").text
    assert "Its texts that were waiting are not sent." in page
    assert "ended by hand" in page
    assert [text.status for text in practice.texts()] == ["voided"]


def test_ending_somebody_without_a_lead_leads_to_the_sequences(
    practice: Practice, signed_in: Callable[..., Browser]
) -> None:
    practice.publish("A", {"kind": "inbound_reply"}, DAY)
    from_nobody = practice.person()
    practice.reply(from_nobody)
    practice.work()
    [enrollment] = practice.enrollments()

    answer = signed_in().submit("/sequences", f"/enrollments/{enrollment.id}/end")

    assert answer.headers["location"] == "/sequences"
    assert practice.enrollments()[0].exit_reason == "by_hand"


@pytest.mark.parametrize(
    ("role", "sees", "pauses", "ends"),
    [
        ("manager", 200, 303, 303),
        ("front_desk", 200, 403, 303),
        ("marketer", 200, 303, 403),
        ("provider", 403, 403, 403),
    ],
)
def test_who_may_do_what(
    practice: Practice,
    signed_in: Callable[..., Browser],
    role: Role,
    sees: int,
    pauses: int,
    ends: int,
) -> None:
    automation = practice.publish("A", CREATED, DAY)
    lead_id = practice.lead(practice.person())
    practice.work()
    [enrollment] = practice.enrollments()
    browser = signed_in(role)
    page = f"/leads/{lead_id}"

    assert browser.get("/sequences").status_code == sees
    guards = browser.guards(page)
    assert browser.post_form(f"/sequences/{automation.id}/pause", guards).status_code == pauses
    assert browser.post_form(f"/enrollments/{enrollment.id}/end", guards).status_code == ends


def test_what_is_another_clinics_is_not_there(
    practice: Practice, other_clinic: UUID, signed_in: Callable[..., Browser]
) -> None:
    automation = practice.publish("A", CREATED, DAY)
    lead_id = practice.lead(practice.person())
    practice.work()
    [enrollment] = practice.enrollments()
    stranger = signed_in(clinic=other_clinic)
    guards = stranger.guards("/sequences")

    assert stranger.get(f"/leads/{lead_id}/enrollments").status_code == 404
    for path in (
        f"/sequences/{automation.id}/pause",
        f"/sequences/{automation.id}/resume",
        f"/enrollments/{enrollment.id}/end",
        f"/enrollments/{uuid4()}/end",
    ):
        assert stranger.post_form(path, guards).status_code == 404
    assert [one.state for one in practice.enrollments()] == ["live"]


def test_what_failed_and_what_is_paused_can_be_told_apart(
    practice: Practice, signed_in: Callable[..., Browser]
) -> None:
    ended = practice.publish("Ended", CREATED, DAY)
    held = practice.publish("Held", CREATED, DAY)
    lead_id = practice.lead(practice.person())
    practice.work()
    practice.do(pause, held.id)
    for one in practice.enrollments("Ended"):
        practice.do(end_by_hand, one.id)
    assert ended.id != held.id

    panel = signed_in().get(f"/leads/{lead_id}/enrollments").text

    assert ">Paused<" in panel
    assert ">Ended<" in panel
    assert ">Live<" not in panel
