"""The front desk's pages: tasks, search, a lead written down, what is new, the map of the keys."""

import json
import re
from typing import Any
from uuid import UUID, uuid4

import pytest
from httpx2 import Response
from sqlmodel import col

from crm.accounts.models import User
from crm.compliance.models import Consent, ConsentWording
from pipelines.models import AppointmentRequest, Lead
from pipelines.notices.models import NoticeMark
from pipelines.structure import start_pipeline
from pipelines.tasks.models import Task
from tests.support.browsing import Browser, hidden_fields
from tests.support.houses import House, email_of

OWN = "csrf_token|page_clinic_id|key|words_shown|lead_id"
HTMX = {"HX-Request": "true", "Sec-Fetch-Site": "same-origin"}
DAY = "2027-02-03"


def user_id(house: House, role: str = "front_desk") -> str:
    [user] = house.do(
        lambda uow: [
            row for row in uow.session.query(User) if row.email == email_of(role, house.clinic)
        ]
    )
    return str(user.id)


def by_script(browser: Browser, page: str, action: str, **fields: Any) -> Response:
    """Post as a script of a page does."""
    return browser.post(action, data={**browser.guards(page), **fields}, headers=HTMX)


def trigger(answer: Response) -> dict[str, Any]:
    said: dict[str, Any] = json.loads(answer.headers["hx-trigger"])["toast"]
    return said


def add_task(house: House, browser: Browser, **fields: str) -> Task:
    sent = {"title": "Call back", "due_on": DAY, "assignee_id": user_id(house), **fields}
    answer = browser.submit("/tasks/new", "/tasks", **sent)
    assert answer.status_code == 303, answer.text
    return house.all(Task)[-1]


def test_a_task_is_set_ticked_and_taken_back_without_a_script(house: House) -> None:
    browser = house.signed_in()
    task = add_task(house, browser, due_time="09:30")
    page = browser.get("/tasks").text
    assert "Call back" in page
    assert "Tomorrow 9:30 am" in page
    done = browser.submit("/tasks", "/tasks/settle/done", task_id=str(task.id))
    assert done.headers["location"] == "/tasks"
    page = browser.get("/tasks").text
    assert "1 task is done." in page
    assert "Call back" not in page
    browser.submit("/tasks", "/tasks/settle/open", task_id=str(task.id))
    assert "Call back" in browser.get("/tasks").text


def test_a_script_gets_a_toast_whose_undo_takes_all_of_it_back(house: House) -> None:
    browser = house.signed_in()
    ids = [str(add_task(house, browser, title=f"Task {number}").id) for number in range(2)]
    done = by_script(browser, "/tasks", "/tasks/settle/done", task_id=ids)
    assert done.status_code == 204
    said = trigger(done)
    assert said["message"] == "2 tasks are done."
    assert all(task.done_at for task in house.all(Task))
    undone = by_script(browser, "/tasks", said["undo"]["url"], **said["undo"]["values"])
    assert trigger(undone)["message"] == "2 tasks are open again."
    assert not any(task.done_at for task in house.all(Task))


def test_a_task_is_changed_by_whoever_looked_at_its_latest_version(house: House) -> None:
    browser = house.signed_in()
    task = add_task(house, browser)
    path = f"/tasks/{task.id}"
    fields = {"title": "Verify insurance", "due_on": "2027-03-01", "due_time": ""}
    fields |= {"assignee_id": user_id(house, "manager"), "version": "1"}
    assert browser.submit(path, path, **fields).status_code == 303
    assert browser.submit(path, path, **fields).status_code == 409
    assert "Verify insurance" not in browser.get("/tasks").text
    everybody = browser.get("/tasks?whose=all").text
    assert "Verify insurance" in everybody
    assert "Mar 1" in everybody


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("title", "  ", "Say what is to be done."),
        ("due_on", "soon", "Write this as a date"),
        ("due_on", "9999-12-31", "This must be at most"),
        ("assignee_id", "01a203de-0000-7000-8000-000000000000", "Choose somebody who works here."),
    ],
)
def test_a_wrong_task_is_shown_again_with_what_is_wrong(
    house: House, field: str, value: str, words: str
) -> None:
    browser = house.signed_in()
    sent = {"title": "Call back", "due_on": DAY, "assignee_id": user_id(house), field: value}
    for answer in (
        browser.submit("/tasks/new", "/tasks", **sent),
        by_script(browser, "/tasks", "/tasks", **sent),
    ):
        assert answer.status_code == 422
        assert words in answer.text
    assert "<html" not in answer.text
    assert house.all(Task) == []


def test_the_same_form_sent_twice_sets_one_task(house: House) -> None:
    browser = house.signed_in()
    page = browser.get("/tasks/new").text
    sent = {
        **hidden_fields(page, OWN),
        "title": "Call",
        "due_on": DAY,
        "assignee_id": user_id(house),
    }
    for _ in range(2):
        browser.post("/tasks", data=sent, headers={"Sec-Fetch-Site": "same-origin"})
    assert len(house.all(Task)) == 1


def test_a_leads_tasks_stand_on_its_page_and_its_timeline(house: House) -> None:
    lead_id = house.ask(name="Robin Vale")
    browser = house.signed_in()
    task = add_task(house, browser, lead_id=str(lead_id))
    assert task.lead_id == lead_id
    page = browser.get(f"/leads/{lead_id}").text
    assert page.count("Call back") > 1
    assert "Task set" in page
    assert "Robin Vale" in browser.get("/tasks").text
    back = browser.submit(
        f"/leads/{lead_id}", "/tasks/settle/done", task_id=str(task.id), lead_id=str(lead_id)
    )
    assert back.headers["location"] == f"/leads/{lead_id}"
    part = browser.get(f"/leads/{lead_id}/tasks", headers=HTMX).text
    assert "task-done" in part
    assert "<html" not in part


def test_who_has_nothing_to_do_with_tasks_sees_none(house: House) -> None:
    lead_id = house.ask()
    add_task(house, house.signed_in(), lead_id=str(lead_id))
    marketer = house.signed_in("marketer")
    assert marketer.get("/tasks").status_code == 403
    page = marketer.get(f"/leads/{lead_id}").text
    assert "Add task" not in page
    assert 'href="/tasks"' not in page


def new_lead(browser: Browser, **fields: str) -> Response:
    page = browser.get("/leads/new").text
    typed = {"name": "Casey Vale", "phone": "(212) 555-0177", "language": "en", **fields}
    sent = {**hidden_fields(page, OWN), **typed}
    return browser.post("/leads", data=sent, headers={"Sec-Fetch-Site": "same-origin"})


def test_a_walk_in_becomes_a_lead_with_the_consent_that_was_read_out(house: House) -> None:
    browser = house.signed_in()
    answer = new_lead(browser, sms_care_en="1", came="phone_call", message="Left knee")
    [lead] = house.all(Lead)
    assert answer.headers["location"] == f"/leads/{lead.id}"
    assert lead.source == "phone_call"
    [consent] = house.all(Consent)
    assert (consent.purpose, consent.tier, consent.action) == ("care", "express", "granted")
    assert str(consent.principal_id) == user_id(house)
    [wording] = house.all(ConsentWording, col(ConsentWording.id) == consent.wording_id)
    assert "Riverside Dental may text me" in wording.text
    evidence = json.loads(house.do(lambda uow: uow.decrypt(consent.id, consent.evidence)))
    assert (evidence["given_to"], evidence["how"]) == ("front_desk", "phone")
    assert "Left knee" in browser.get(f"/leads/{lead.id}").text


def test_the_words_are_those_of_the_patients_language(house: House) -> None:
    new_lead(house.signed_in(), sms_care_es="1", language="es")
    [consent] = house.all(Consent)
    [wording] = house.all(ConsentWording, col(ConsentWording.id) == consent.wording_id)
    assert wording.language == "es"


def test_without_a_tick_nothing_is_agreed(house: House) -> None:
    assert new_lead(house.signed_in()).status_code == 303
    assert house.all(Consent) == []


def test_a_known_patient_asks_again_on_the_open_lead(house: House) -> None:
    lead_id = house.ask("+12125550177", name="Casey Vale")
    answer = new_lead(house.signed_in())
    assert answer.headers["location"] == f"/leads/{lead_id}"
    assert len(house.all(Lead)) == 1


def test_a_lead_goes_into_the_pipeline_on_whose_board_it_was_asked_for(house: House) -> None:
    browser = house.signed_in()
    assert 'name="pipeline"' not in browser.get("/leads/new").text
    other = str(house.do(start_pipeline, "Recall").id)
    link = f"/leads/new?pipeline={other}"
    assert f'href="{link}"' in browser.get(f"/pipeline?pipeline={other}").text
    assert f'<option value="{other}" selected>Recall' in browser.get(link).text
    assert new_lead(browser, pipeline=other).status_code == 303
    assert new_lead(browser, phone="(212) 555-0178").status_code == 303
    assert [str(lead.pipeline_id) == other for lead in house.all(Lead)] == [True, False]


def test_a_pipeline_that_takes_no_leads_is_refused(house: House) -> None:
    answer = new_lead(house.signed_in(), pipeline=str(uuid4()))
    assert answer.status_code == 422
    assert "This pipeline takes no new leads" in answer.text
    assert house.all(Lead) == []


def test_a_double_click_is_one_request(house: House) -> None:
    browser = house.signed_in()
    page = browser.get("/leads/new").text
    sent = {
        **hidden_fields(page, OWN),
        "name": "Casey",
        "phone": "(212) 555-0177",
        "language": "en",
    }
    places = {
        browser.post("/leads", data=sent, headers={"Sec-Fetch-Site": "same-origin"}).headers[
            "location"
        ]
        for _ in range(2)
    }
    assert len(places) == len(house.all(AppointmentRequest)) == 1


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"name": " "}, "Give a name."),
        ({"phone": ""}, "Give a phone number or an email address"),
        ({"phone": "12"}, "This phone number cannot be right."),
        ({"phone": "", "email": "a@b.example", "sms_care_en": "1"}, "they need a phone number"),
        ({"sms_care_en": "1", "words_shown": "old"}, "read them out again"),
        ({"sms_care_en": "1", "language": "es"}, "They agreed in another language"),
    ],
)
def test_a_wrong_lead_is_shown_again_with_its_input(
    house: House, fields: dict[str, str], words: str
) -> None:
    browser = house.signed_in()
    answer = new_lead(browser, message="Left knee", **fields)
    assert answer.status_code == 422
    assert words in answer.text
    assert "Left knee" in answer.text
    assert house.all(Lead) == []


def test_a_script_is_led_to_the_new_lead(house: House) -> None:
    browser = house.signed_in()
    fields = {"name": "Casey Vale", "phone": "(212) 555-0177", "language": "en"}
    answer = by_script(browser, "/leads/new", "/leads", **fields)
    [lead] = house.all(Lead)
    assert (answer.status_code, answer.headers["hx-redirect"]) == (204, f"/leads/{lead.id}")
    assert "The lead is saved." in browser.get(f"/leads/{lead.id}").text


def test_somebody_is_found_by_the_last_four_digits(house: House) -> None:
    lead_id = house.ask("+12125550142", name="Robin Vale")
    browser = house.signed_in()
    page = browser.submit("/search", "/search", q="0142").text
    assert f"/leads/{lead_id}" in page
    assert "(212) 555-0142" in page
    part = by_script(browser, "/search", "/search", q="0142").text
    assert re.findall(r'class="hit"[^>]*href="([^"]*)"', part) == [f"/leads/{lead_id}"]


def test_pages_and_actions_are_found_in_the_language_spoken(house: House) -> None:
    browser = house.signed_in()
    assert "New lead" in by_script(browser, "/search", "/search", q="new le").text
    spanish = browser.get("/search?lang=es", headers=HTMX).text
    assert "Tareas" in spanish
    assert "Nobody and nothing" in by_script(browser, "/search", "/search", q="zzzz").text


def test_what_a_role_may_not_do_is_not_offered(house: House) -> None:
    offered = by_script(house.signed_in("marketer"), "/search", "/search", q="").text
    assert "Keyboard shortcuts" in offered
    assert "New lead" not in offered


def test_the_bell_counts_and_opening_it_is_having_seen(house: House) -> None:
    lead_id = house.ask(name="Robin Vale")
    browser = house.signed_in()
    add_task(house, browser, due_on="2027-02-02")
    counts = browser.get("/counts", headers=HTMX).text
    assert re.findall(r'id="count-(\w+)"[^>]*>(\d+)', counts) == [("notices", "1"), ("tasks", "1")]
    seen = by_script(browser, "/notices", "/notices/seen").text
    assert "notice-unread" in seen
    assert f"/leads/{lead_id}" in seen
    counts = browser.get("/counts", headers=HTMX).text
    assert re.findall(r'id="count-notices"[^>]* hidden', counts)
    assert "notice-unread" not in browser.get("/notices").text
    [mark] = house.all(NoticeMark)
    assert mark.id == UUID(user_id(house))


def test_the_map_of_the_keys_is_a_page_and_a_part(house: House) -> None:
    browser = house.signed_in()
    page = browser.get("/help/keys").text
    assert "<kbd>Ctrl</kbd> <kbd>K</kbd>" in page
    assert "<html" not in browser.get("/help/keys", headers=HTMX).text
