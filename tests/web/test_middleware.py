"""What surrounds every request: ids, logs, headers, limits."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient
from structlog.typing import EventDict

from crm.web.middleware.headers import content_security_policy
from crm.web.middleware.peer import Peer
from crm.web.static import Assets
from tests.web.conftest import CLINIC


def test_a_request_id_from_outside_is_not_taken(client: TestClient) -> None:
    answer = client.get("/peer", headers={"X-Request-Id": "forged"})
    assert answer.headers["x-request-id"] != "forged"
    assert len(answer.headers["x-request-id"]) == 16
    assert answer.json()["id"] is None
    assert client.get("/peer").headers["x-request-id"] != answer.headers["x-request-id"]


@pytest.mark.parametrize("prefix", ["", "/under"])
def test_the_log_names_the_route_and_not_the_address(
    client: TestClient, logged: list[EventDict], prefix: str
) -> None:
    answer = client.get(f"{prefix}/things/{CLINIC}?q=Zebulon")
    [entry] = [entry for entry in logged if entry["event"] == "request.answered"]
    assert entry.pop("ms") >= 0
    assert entry.pop("db_ms") == entry.pop("queries") == 0
    assert entry == {
        "event": "request.answered",
        "log_level": "info",
        "request_id": answer.headers["x-request-id"],
        "route": f"{prefix}/things/{{thing_id}}",
        "method": "GET",
        "status": 200,
    }


def test_what_an_answer_took_is_told_to_whoever_is_signed_in_only(client: TestClient) -> None:
    told = client.get("/page").headers["server-timing"]
    assert re.fullmatch(r'db;dur=0\.0;desc="0 queries", tpl;dur=\d+\.\d, total;dur=\d+\.\d', told)
    assert float(told.partition("tpl;dur=")[2].partition(",")[0]) > 0
    assert "server-timing" not in client.get("/part").headers


def test_unknown_addresses_and_methods_are_not_logged(
    client: TestClient, logged: list[EventDict]
) -> None:
    client.request("ZEBULON", "/nobody/Zebulon")
    assert [(entry["route"], entry["method"]) for entry in logged] == [("unmatched", "OTHER")]


@pytest.mark.parametrize("path", ["/page", "/raise/missing", "/crash", "/nothing", "/api/nothing"])
def test_every_answer_carries_the_security_headers(client: TestClient, path: str) -> None:
    headers = client.get(path).headers
    assert headers["content-security-policy"] == content_security_policy()
    assert headers["referrer-policy"] == "same-origin"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cache-control"] == "no-store"
    assert headers["strict-transport-security"] == "max-age=31536000"
    assert "camera=()" in headers["permissions-policy"]


def test_the_policy_allows_nothing_inline_and_no_other_origin() -> None:
    policy = content_security_policy()
    rules = dict(rule.split(" ", 1) for rule in policy.split("; "))
    assert rules["default-src"] == "'none'"
    assert rules["script-src"] == rules["style-src"] == rules["form-action"] == "'self'"
    assert rules["frame-ancestors"] == rules["base-uri"] == "'none'"
    assert {"frame-src", "media-src", "manifest-src"} <= rules.keys()
    assert "unsafe" not in policy
    assert content_security_policy(["https://a.example"]).endswith(
        "frame-ancestors https://a.example"
    )


def test_assets_are_named_by_their_content_and_kept(app: FastAPI, client: TestClient) -> None:
    url = app.state.web.assets.url("app.css")
    answer = client.get(url)
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert answer.headers["content-type"].startswith("text/css")
    assert answer.headers["content-encoding"] == "gzip"
    assert "--brand" in answer.text
    plain = client.get(url, headers={"Accept-Encoding": "identity"})
    assert "content-encoding" not in plain.headers
    assert plain.text == answer.text
    stale = client.get("/static/app.000000000000.css")
    assert (stale.status_code, stale.headers["cache-control"]) == (404, "no-store")
    assert client.get("/static/../setup.py").status_code == 404


def test_what_was_built_has_its_smallest_twin(app: FastAPI, client: TestClient) -> None:
    url = app.state.web.assets.url("htmx.js")
    sizes = {}
    for encoding in ("br", "gzip", "identity"):
        with client.stream("GET", url, headers={"Accept-Encoding": encoding}) as answer:
            sizes[encoding] = sum(len(chunk) for chunk in answer.iter_raw())
            assert answer.headers.get("content-encoding", "identity") == encoding
    assert sizes["br"] < sizes["gzip"] < sizes["identity"]


def test_a_sheet_names_other_assets_by_their_address(app: FastAPI, client: TestClient) -> None:
    assets = app.state.web.assets
    sheet = client.get(assets.url("app.css")).text
    assert f'url("{assets.url("inter.woff2")}")' in sheet


def test_what_was_not_built_is_said(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="make setup"):
        Assets.read(tmp_path / "dist")


def _chunks(size: int) -> Iterator[bytes]:
    for _ in range(size // 1024):
        yield b" " * 1024


@pytest.mark.parametrize(("path", "limit"), [("/f/things", 64 * 1024), ("/api/things", 1024**2)])
@pytest.mark.parametrize("is_declared", [True, False])
def test_a_body_over_its_routes_limit_is_refused(
    client: TestClient, path: str, limit: int, *, is_declared: bool
) -> None:
    headers = {
        "Content-Type": "application/json",
        "Accept": "application/json",
        "Authorization": "Bearer k",
    }
    over = b" " * (limit + 1024) if is_declared else _chunks(limit + 1024)
    answer = client.post(path, content=over, headers=headers)
    assert answer.status_code == 413
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["type"] == "urn:frontdesk:problem:too_large"
    fitting = b'{"name": "a"}'.ljust(limit)
    assert client.post(path, content=fitting, headers=headers).status_code == 200


def test_forwarded_headers_are_not_believed(client: TestClient) -> None:
    answer = client.get("/peer", headers={"X-Forwarded-For": "9.9.9.9", "X-Real-IP": "9.9.9.9"})
    assert answer.json()["host"] == "testclient"


@pytest.mark.parametrize(
    ("hops", "expected"),
    [
        ("9.9.9.9", "9.9.9.9"),
        ("1.1.1.1, 9.9.9.9", "9.9.9.9"),
        ("9.9.9.9, 10.0.0.7", "9.9.9.9"),
        ("nonsense", "10.0.0.1"),
        ("", "10.0.0.1"),
    ],
)
def test_a_configured_proxy_is_believed_up_to_the_first_stranger(
    app: FastAPI, hops: str, expected: str
) -> None:
    proxied = Peer(app, trusted_proxies=["10.0.0.0/8"])
    client = TestClient(proxied, base_url="https://testserver", client=("10.0.0.1", 1))
    # The application's own Peer trusts nobody, but the address is settled by then.
    assert client.get("/peer", headers={"X-Forwarded-For": hops}).json()["host"] == expected


@pytest.mark.parametrize(
    ("sent", "encoding"),
    [
        ({"Sec-Fetch-Site": "same-origin"}, "gzip"),
        ({"Sec-Fetch-Site": "none"}, "gzip"),
        ({"Sec-Fetch-Site": "same-site"}, None),
        ({"Sec-Fetch-Site": "cross-site"}, None),
        ({}, None),
    ],
)
def test_only_what_nobody_else_asked_for_is_compressed(
    client: TestClient, sent: dict[str, str], encoding: str | None
) -> None:
    answer = client.get("/page", headers={"Accept-Encoding": "gzip", **sent})
    assert answer.headers.get("content-encoding") == encoding
    assert "</html>" in answer.text
