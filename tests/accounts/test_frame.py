"""Errors keep the frame for whoever is signed in, and show nothing of it to anybody else."""

from uuid import UUID

import pytest

from crm.core.ids import new_id
from tests.accounts.conftest import Browser, People

SESSIONS = "/settings/sessions"


@pytest.mark.parametrize(
    ("path", "status"), [("/nowhere", 404), ("/settings/api-keys", 403), (SESSIONS + "/x/end", 405)]
)
def test_an_error_keeps_the_frame(
    browser: Browser, people: People, clinic: UUID, path: str, status: int
) -> None:
    people.add(clinic, role="front_desk")
    browser.sign_in()

    answer = browser.get(path)

    assert answer.status_code == status
    for words in ("Riverside Dental", "Kim Weaver", "Sign out", 'href="/pipeline"'):
        assert words in answer.text


def test_an_error_of_a_form_keeps_the_frame_and_leads_on_to_a_page(
    browser: Browser, people: People, clinic: UUID
) -> None:
    people.add(clinic)
    browser.sign_in()

    answer = browser.submit(SESSIONS, f"{SESSIONS}/{new_id()}/end")

    assert answer.status_code == 404
    assert "Sign out" in answer.text
    assert 'name="back" value="/"' in answer.text  # what was posted to may not be loadable


def test_a_visitors_error_has_no_frame(browser: Browser) -> None:
    answer = browser.get("/nowhere")

    assert answer.status_code == 404
    assert "Sign out" not in answer.text
    assert "/static/public." in answer.text
