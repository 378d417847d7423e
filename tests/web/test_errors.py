"""How errors are answered, to programs and to people."""

import json
import logging

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient
from structlog.typing import EventDict

from tests.web.conftest import CANARY, RAISED

STATUSES = {
    "invalid": 422,
    "field": 422,
    "missing": 404,
    "unauthenticated": 401,
    "forbidden": 403,
    "conflict": 409,
    "stale": 409,
    "clinic": 409,
    "many": 429,
    "large": 413,
    "lease": 500,
}


@pytest.mark.parametrize("kind", RAISED)
def test_a_program_gets_each_error_as_a_problem(client: TestClient, kind: str) -> None:
    answer = client.get(f"/api/raise/{kind}", headers={"Accept": "text/html"})
    problem = answer.json()
    assert answer.status_code == problem["status"] == STATUSES[kind]
    assert answer.headers["content-type"] == "application/problem+json"
    assert problem["instance"] == answer.headers["x-request-id"]
    assert problem["type"].startswith("urn:frontdesk:problem:")
    assert problem["title"]
    assert problem["detail"]
    assert CANARY not in answer.text


@pytest.mark.parametrize("kind", RAISED)
def test_a_person_gets_each_error_as_a_page_with_a_next_step(client: TestClient, kind: str) -> None:
    answer = client.get(f"/raise/{kind}")
    assert answer.status_code == STATUSES[kind]
    assert answer.headers["content-type"].startswith("text/html")
    assert answer.headers["x-request-id"] in answer.text
    assert 'class="btn"' in answer.text
    assert CANARY not in answer.text


@pytest.mark.parametrize("kind", RAISED)
def test_a_page_that_asks_for_a_part_of_it_says_the_error(client: TestClient, kind: str) -> None:
    answer = client.get(f"/raise/{kind}", headers={"HX-Request": "true"})
    assert (answer.status_code, answer.text) == (STATUSES[kind], "")
    told = json.loads(answer.headers["hx-trigger"])["toast"]
    assert told["tone"] == "bad"
    assert told["message"].endswith(".")
    assert CANARY not in told["message"]


def test_a_part_of_a_page_is_told_the_wrong_field_or_the_next_step(client: TestClient) -> None:
    told = {
        kind: json.loads(
            client.get(f"/raise/{kind}", headers={"HX-Request": "true"}).headers["hx-trigger"]
        )["toast"]["message"]
        for kind in ("field", "many")
    }
    assert told["field"].endswith("Too short.")
    assert told["many"].endswith("Wait a little and try again.")


def test_wrong_fields_are_named(client: TestClient) -> None:
    problem = client.get("/api/raise/invalid").json()
    assert problem["detail"] == "Look again."
    assert problem["errors"] == [{"field": "phone", "message": "Too short."}]
    assert client.get("/api/raise/field").json()["errors"] == problem["errors"]
    assert "<b>phone</b>: Too short." in client.get("/raise/invalid").text


def test_too_many_says_when_to_come_back(client: TestClient) -> None:
    assert client.get("/raise/many").headers["retry-after"] == "17"
    assert client.get("/api/raise/many").headers["retry-after"] == "17"


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("application/json", "application/problem+json"),
        ("application/problem+json, text/html;q=0.5", "application/problem+json"),
        ("text/html, application/json;q=0.9", "text/html"),
        ("*/*", "text/html"),
        ("nonsense;q=x, ;;", "text/html"),
    ],
)
def test_accept_decides_outside_of_the_api(client: TestClient, accept: str, expected: str) -> None:
    answer = client.get("/raise/missing", headers={"Accept": accept})
    assert answer.headers["content-type"].startswith(expected)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b"{", "body"),
        (b"", "body"),
        (b"[]", "body"),
        (b"7", "body"),
        (b'{"name": "\xff"}', "body"),
        (b'{"count": 1}', "name"),
        (b'{"name": 5}', "name"),
        (b'{"name": null}', "name"),
        (b'{"name": "a\\u0000b"}', "name"),
        (b'{"name": "\\ud800"}', "name"),
        (b'{"name": "\\ufffd"}', "name"),
        (b'{"name": "a", "count": "many"}', "count"),
        (b'{"name": "a", "count": 1e400}', "count"),
        (b'{"name": "a", "nom": "b"}', "nom"),
        (b'{"name": "a", "extra": {"x": "\\u0000"}}', "extra"),
        (b'{"name": "a", "extra": {"\\u0000": "x"}}', "extra"),
        (b'{"name": "' + b"a" * 5001 + b'"}', "name"),
        (b'{"name": ' + b"[" * 5000 + b"]" * 5000 + b"}", "body"),
        (b'{"name": "a", "count": ' + b"9" * 5000 + b"}", "body"),
    ],
)
def test_bad_json_is_refused_by_the_name_of_its_field(
    client: TestClient, body: bytes, field: str
) -> None:
    answer = client.post(
        "/api/things",
        content=body,
        headers={"Content-Type": "application/json", "Authorization": "Bearer k"},
    )
    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == [field]
    assert all(error["message"] for error in answer.json()["errors"])


def test_a_field_name_without_utf8_is_still_answered(client: TestClient) -> None:
    answer = client.post("/f/things", content=b'{"name": "a", "\\ud800": 1}', headers=JSON)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["message"]


JSON = {"Content-Type": "application/json", "Accept": "application/json"}


def test_a_number_in_an_address_that_is_no_id_is_a_page_that_is_not(client: TestClient) -> None:
    assert client.get("/things/7").status_code == 404
    problem = client.get("/things/7", headers={"Accept": "application/json"})
    assert problem.status_code == 422
    assert problem.json()["errors"][0]["field"] == "thing_id"


def test_unknown_addresses_and_methods_are_problems_too(client: TestClient) -> None:
    unknown = client.get("/api/nothing")
    assert (unknown.status_code, unknown.json()["type"]) == (404, "urn:frontdesk:problem:not_found")
    refused = client.put("/api/things")
    assert (refused.status_code, refused.headers["allow"]) == (405, "POST")
    assert client.get("/nothing").headers["content-type"].startswith("text/html")


@pytest.mark.parametrize("path", ["/page?x=%00", "/things/%00", "/api/raise/missing?q=a%00b"])
def test_nul_in_an_address_is_refused(client: TestClient, path: str) -> None:
    assert client.get(path).status_code == 422


@pytest.mark.parametrize("path", ["/crash", "/api/crash/someone", "/under/crash"])
def test_a_crash_is_answered_and_logged_without_its_words(
    client: TestClient,
    path: str,
    logged: list[EventDict],
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    with caplog.at_level(logging.DEBUG):
        answer = client.get(path)
    assert answer.status_code == 500
    assert answer.headers["x-request-id"] in answer.text
    assert "content-security-policy" in answer.headers
    ours = [record.getMessage() for record in caplog.records if record.name != "httpx2"]
    printed = str(capfd.readouterr())
    everything = "".join([answer.text, json.dumps(logged, default=repr), *ours, printed])
    assert "Zebulon" not in everything
    assert "someone" not in everything
    crashed = next(entry for entry in logged if entry["event"] == "request.crashed")
    assert crashed["error"] == ["builtins.ValueError"]
    assert crashed["request_id"] == answer.headers["x-request-id"]
    assert crashed["at"][-1].startswith("tests/web/conftest.py:")


def test_a_crash_in_the_middle_of_an_answer_breaks_it_off_without_words(
    client: TestClient, logged: list[EventDict]
) -> None:
    with pytest.raises(RuntimeError, match="broke off") as broken:
        client.get("/crash/late")
    assert broken.value.__suppress_context__
    assert "Zebulon" not in json.dumps(logged, default=repr)


def test_a_database_that_is_away_is_a_503_to_try_again(
    client: TestClient, logged: list[EventDict]
) -> None:
    answer = client.get("/api/down")
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "5"
    assert "Zebulon" not in answer.text + json.dumps(logged, default=repr)


def test_an_error_page_that_is_broken_itself_still_gives_the_number(
    app: FastAPI, client: TestClient
) -> None:
    app.state.web.assets.by_name.clear()
    answer = client.get("/crash")
    assert (answer.status_code, answer.text) == (
        500,
        f"Internal error {answer.headers['x-request-id']}",
    )


def test_errors_speak_spanish(client: TestClient) -> None:
    spanish = {"Accept-Language": "es-MX,es;q=0.9,en;q=0.5"}
    page = client.get("/raise/missing", headers=spanish)
    assert "No hemos podido encontrarlo" in page.text
    assert '<html lang="es">' in page.text
    assert page.headers["content-language"] == "es"
    problem = client.post("/f/things", json={"nom": "x"}, headers=spanish | JSON).json()
    assert problem["title"] == "Revise lo que ha escrito"
    messages = {error["field"]: error["message"] for error in problem["errors"]}
    assert messages["name"] == "Este dato es necesario."
