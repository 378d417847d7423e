"""Writes come from our own pages (SEC-2)."""

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from crm.web.csrf import SESSION_COOKIE, VISITOR_COOKIE
from tests.web.conftest import CLINIC


def test_a_write_with_the_pages_token_is_done(browser: TestClient, app: FastAPI) -> None:
    assert browser.post("/write").status_code == 303
    token = browser.headers.pop("X-CSRF-Token")
    assert browser.post("/write", data={"csrf_token": token}).status_code == 303
    assert browser.post("/write", files={"csrf_token": (None, token)}).status_code == 303


@pytest.mark.parametrize("token", ["", "0" * 64, "ñ"])
def test_a_write_without_the_right_token_is_refused(browser: TestClient, token: str) -> None:
    del browser.headers["X-CSRF-Token"]
    assert browser.post("/write", data={"csrf_token": token}).status_code == 403
    assert browser.post("/write").status_code == 403


def test_a_token_of_another_login_is_refused(browser: TestClient, app: FastAPI) -> None:
    browser.headers["X-CSRF-Token"] = app.state.web.csrf.token("another-login")
    assert browser.post("/write").status_code == 403


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "https://testserver.evil.example"},
        {"Origin": "http://testserver"},
        {"Origin": "", "Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none"},
        {"Origin": ""},
        {"Origin": "", "Referer": "https://evil.example/page"},
        {"Origin": "https://evil.example", "Sec-Fetch-Site": "same-origin"},
    ],
)
def test_a_write_from_elsewhere_is_refused_even_with_the_token(
    browser: TestClient, headers: dict[str, str]
) -> None:
    assert browser.post("/write", headers=headers).status_code == 403


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://crm.example.com"},
        {"Sec-Fetch-Site": "same-origin"},
        {"Origin": "", "Sec-Fetch-Site": "same-origin"},
        {"Origin": "", "Referer": "https://testserver/page"},
    ],
)
def test_a_write_from_us_is_done(browser: TestClient, headers: dict[str, str]) -> None:
    assert browser.post("/write", headers=headers).status_code == 303


def test_keys_webhooks_and_public_forms_need_no_token(client: TestClient) -> None:
    assert client.post("/f/form", data={"name": "a"}).status_code == 200
    with_key = client.post("/api/things", json={"name": "a"}, headers={"Authorization": "Bearer k"})
    assert with_key.status_code == 200
    assert client.post("/webhooks/nothing").status_code == 404
    # Without a key the route says so, unless a cookie could decide.
    assert client.post("/api/things", json={"name": "a"}).status_code == 200
    client.cookies.set(SESSION_COOKIE, "signed-in", domain="testserver.local")
    assert client.post("/api/things", json={"name": "a"}).status_code == 403


def test_reading_needs_no_token(client: TestClient) -> None:
    assert client.get("/page").status_code == 200


def test_a_visitor_gets_a_token_before_there_is_a_login(client: TestClient) -> None:
    page = client.get("/page")
    token = page.text.split('name="csrf_token" value="')[1].split('"')[0]
    assert VISITOR_COOKIE in page.cookies
    origin = {"Origin": "https://testserver"}
    assert client.post("/write", data={"csrf_token": token}, headers=origin).status_code == 303
    client.cookies.set(SESSION_COOKIE, "signed-in", domain="testserver.local")
    assert client.post("/write", data={"csrf_token": token}, headers=origin).status_code == 403


def test_a_page_of_another_clinic_cannot_write(browser: TestClient) -> None:
    assert browser.post("/clinic-write", data={"page_clinic_id": str(CLINIC)}).status_code == 200
    assert browser.post("/clinic-write", headers={"X-Clinic-Id": str(CLINIC)}).status_code == 200
    other = browser.post("/clinic-write", data={"page_clinic_id": "other"})
    assert other.status_code == 409
    assert "You are in another clinic in a second tab" in other.text


def test_the_guard_fields_are_no_part_of_a_form(browser: TestClient) -> None:
    typed = {"name": "a", "csrf_token": "x", "page_clinic_id": str(CLINIC)}
    assert browser.post("/form", data=typed).json() == {"name": "a"}
    assert browser.post("/form", data=typed | {"is_admin": "yes"}).status_code == 422
