"""What the front desk sees of sequences, and the three things it may do."""

import re
from collections.abc import Callable, Iterator
from uuid import UUID, uuid4

import pytest
from fastapi import FastAPI

from automations.enrollments import end_by_hand
from automations.sequences import pause
from crm.accounts import cli
from crm.accounts.models import Role
from crm.messaging.actions import add_template
from tests.automations.conftest import CREATED, DAY, SEND, Practice
from tests.support.browsing import PASSWORD, Browser, open_browser
from tests.support.houses import cheap_app

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
    cells = [cell.split("</td>")[0].strip() for cell in re.split("<td[^>]*>", page)[1:]]
    assert cells[3:6] == ["2", "3", "2"]
    assert "Live" in cells[2]

    own = f"/sequences/{automation.id}"
    assert f'href="{own}"' in page
    settings = f"{own}/settings"
    assert "Leads that come during the pause never get this sequence" in owner.get(settings).text
    paused = owner.submit(settings, f"{own}/pause")
    assert (paused.status_code, paused.headers["location"]) == (303, own)
    assert "Paused" in owner.get("/sequences").text
    assert "Leads that came during the pause do not enter." in owner.get(settings).text
    owner.submit(settings, f"{own}/resume")
    assert "Paused" not in owner.get("/sequences").text


def steps_of(page: str) -> list[str]:
    """Return the words of each step of a sequence's page, as whoever may not edit it reads them."""
    items = page[page.index('<ol class="part-list') :].split('<li class="step"')[1:]
    items[-1] = items[-1].partition("</ol>")[0]
    return [" ".join(re.sub("<[^>]*>", " ", item.partition(">")[2]).split()) for item in items]


def test_a_sequence_is_read_step_by_step_with_its_texts_and_who_stands_where(
    practice: Practice, signed_in: Callable[..., Browser]
) -> None:
    bodies = {"en": "Hi {{ first_name }} & co", "es": "Hola {{ first_name }}"}
    practice.do(add_template, "Bilingual", bodies)
    automation = practice.publish(
        "A",
        {"kind": "stage_entered", "stage": "Contacted"},
        {"kind": "wait_for", "days": 1, "minutes": 90},
        {"kind": "send_text", "template": "Bilingual", "when": SPANISH},
        {"kind": "wait_until", "time": "09:30", "weekday": "monday"},
        {"kind": "move_stage", "stage": "Qualified"},
        {"kind": "stop"},
        conditions=[{"kind": "source_is", "sources": ["form", "api"]}],
        exits=["booked"],
        reentry="never",
    )
    for _ in range(2):
        practice.move(practice.lead(practice.person()), "Contacted")
    practice.work()

    page = signed_in("front_desk").get(f"/sequences/{automation.id}").text
    assert steps_of(page) == [
        "Wait 1 day, 1 hour, and 30 minutes 2 people are here",
        "Send the text “Bilingual” Hi [first name] &amp; co Only if Language is Spanish",
        "Wait until Monday 9:30 am",
        "Move the lead to “Qualified”",
        "Stop",
    ]
    page = signed_in("front_desk").get(f"/sequences/{automation.id}/settings").text
    for words in (
        *("A lead enters a stage: “Contacted”", "Source is form or api", "They book"),
        *("Never: nobody enters it twice", "Live v1"),
    ):
        assert words in page
    assert "Pause the sequence" not in page

    page = signed_in("owner", "es").get(f"/sequences/{automation.id}").text
    assert steps_of(page)[0].startswith("Esperar 1 día, 1 hora y 30 minutos Aquí están 2 personas")
    assert "Hola [nombre]" in steps_of(page)[1]
    assert steps_of(page)[2].startswith("Esperar hasta: lunes 9:30")
    page = signed_in("owner", "es").get(f"/sequences/{automation.id}/settings").text
    assert "Pausar la secuencia" in page


def test_who_is_in_an_older_version_is_counted_apart(
    practice: Practice, signed_in: Callable[..., Browser]
) -> None:
    practice.publish("A", CREATED, DAY)
    practice.lead(practice.person())
    practice.work()
    automation = practice.publish("A", CREATED, SEND, DAY)
    practice.lead(practice.person())
    practice.work()

    page = signed_in().get(f"/sequences/{automation.id}").text
    steps = steps_of(page)
    # Its text is queued, so it is the step that is waited for.
    assert "1 person is here" in steps[0]
    assert "here" not in steps[1]
    assert "1 person is still in an older version" in page
    people = signed_in("front_desk").get(f"/sequences/{automation.id}/people").text
    assert "2 people are in it." in people


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

    panel = page[page.index("Next automatic step</h2>") :]
    assert "<b>Send the text “Hello”</b>" in panel
    assert "step 3 of 3" in panel
    assert re.search(r'<p class="said">Hi \w+, [\w ]+ here\.</p>', panel)
    assert "Wait 1 day" in panel
    assert "Wait for" not in page
    assert "Step skipped: Send the text “Hello”" in page
    assert "skipped: its conditions were not met" in panel
    assert "moved to another stage" in panel
    assert panel.count('/end" hx-post') == 1
    assert "Sequence “First” started" in page
    assert "Sequence “Second” ended" in page


def test_what_waits_for_a_text_or_comes_to_its_end_says_so(
    practice: Practice, signed_in: Callable[..., Browser]
) -> None:
    practice.publish("A", CREATED, SEND)
    lead_id = practice.lead(practice.person())
    practice.work()

    panel = signed_in("provider").get(f"/leads/{lead_id}/enrollments").text

    assert "<b>Send the text “Hello”</b>" in panel
    assert "as soon as it may leave" in panel
    assert "/end" not in panel


def test_the_next_text_is_shown_as_who_was_merged_reads_it(
    practice: Practice, signed_in: Callable[..., Browser]
) -> None:
    practice.do(
        add_template, "Bilingual", {"en": "Hi {{ first_name }}", "es": "Hola {{ first_name }}"}
    )
    practice.publish("A", CREATED, DAY, {"kind": "send_text", "template": "Bilingual"})
    kept, merged = practice.person(language="es"), practice.person("+12125550188")
    lead_id = practice.lead(merged)
    practice.work()
    practice.merge(merged, into=kept)

    panel = signed_in().get(f"/leads/{lead_id}/enrollments").text

    assert re.search(r'<p class="said">Hola \w+', panel)


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
    assert browser.get(f"/sequences/{automation.id}").status_code == sees
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
    assert stranger.get(f"/sequences/{automation.id}").status_code == 404
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
    assert "once the sequence is resumed" in panel
    assert panel.count("<time") == 3  # the step of each, and the other's end: no hour for this
    assert ">Ended<" in panel
    assert ">Live<" not in panel
