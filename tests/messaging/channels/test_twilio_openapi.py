"""What we send is what Twilio's published specification takes (the folder of `PROVIDER_SPECS`)."""

import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from openapi_core import OpenAPI
from openapi_core.exceptions import OpenAPIError
from openapi_core.testing import MockRequest

from crm.messaging.channels.base import Accepted
from tests.messaging.channels.conftest import PATIENT, SENDER, Open, text

SPECS = os.environ.get("PROVIDER_SPECS", "")
MESSAGES = "/2010-04-01/Accounts/{AccountSid}/Messages.json"
TWILIO = "https://api.twilio.com"

pytestmark = pytest.mark.skipif(not SPECS, reason="PROVIDER_SPECS is not set")


@pytest.fixture(scope="module")
def published() -> dict[str, Any]:
    """Twilio's specification, its messages only."""
    spec: dict[str, Any] = json.loads(
        (Path(SPECS) / "openapi_v2010_subset.min.json").read_text(encoding="utf-8")
    )
    return {**spec, "paths": {MESSAGES: spec["paths"][MESSAGES]}}


@pytest.fixture(scope="module")
def contract(published: dict[str, Any]) -> OpenAPI:
    """The specification, ready to check requests."""
    return OpenAPI.from_dict(published)


class Twilio(ThreadingHTTPServer):
    """Keeps each request as if it had come to Twilio, and gives the published example back."""

    daemon_threads = True

    def __init__(self, published: dict[str, Any]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.requests: list[MockRequest] = []
        self.operations = published["paths"][MESSAGES]
        self.url = f"http://127.0.0.1:{self.server_port}"

    def example(self, method: str) -> tuple[int, Any]:
        """Return the status and the body that the specification shows for a method."""
        status = "201" if method == "post" else "200"
        answer = self.operations[method]["responses"][status]["content"]
        example = next(iter(answer["application/json"]["examples"].values()))["value"]
        return int(status), {**example, "next_page_uri": None} if method == "get" else example


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Twilio

    def do_GET(self) -> None:
        self._answer("get")

    def do_POST(self) -> None:
        self._answer("post")

    def _answer(self, method: str) -> None:
        parts = urlsplit(self.path)
        self.server.requests.append(
            MockRequest(
                TWILIO,
                method,
                parts.path,
                args=dict(parse_qsl(parts.query)),
                headers=dict(self.headers.items()),
                data=self.rfile.read(int(self.headers.get("Content-Length") or 0)),
                content_type=self.headers.get("Content-Type", ""),
            )
        )
        status, example = self.server.example(method)
        body = json.dumps(example).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: the test does."""


@pytest.fixture
def twilio(published: dict[str, Any]) -> Iterator[Twilio]:
    """A server that stands where Twilio does."""
    with Twilio(published) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("body", ["Hello", "Grüße 😀 & a=b\nnew line", "x" * 1600])
@pytest.mark.parametrize("valid_seconds", [1, 900, 99_999])
def test_a_text_is_a_request_that_twilio_publishes(
    twilio: Twilio, contract: OpenAPI, open_twilio: Open, body: str, valid_seconds: int
) -> None:
    message = text(body, valid_seconds=valid_seconds)
    [result] = open_twilio(twilio.url).send_many([message])
    [sent] = twilio.requests
    contract.validate_request(sent)
    assert isinstance(result, Accepted)
    form = dict(parse_qsl(sent.body.decode()))
    assert form == {
        "To": PATIENT,
        "From": SENDER,
        "Body": body,
        "StatusCallback": message.status_callback,
        "ValidityPeriod": str(min(valid_seconds, 36_000)),
    }


def test_asking_for_texts_is_a_request_that_twilio_publishes(
    twilio: Twilio, contract: OpenAPI, open_twilio: Open
) -> None:
    found = open_twilio(twilio.url).find(
        PATIENT, SENDER, datetime(2015, 1, 1, tzinfo=UTC), "testing"
    )
    [sent] = twilio.requests
    contract.validate_request(sent)
    assert (sent.parameters.query["To"], sent.parameters.query["From"]) == (PATIENT, SENDER)
    assert found is not None


def test_the_specification_refuses_what_is_wrong(
    twilio: Twilio, contract: OpenAPI, open_twilio: Open
) -> None:
    list(open_twilio(twilio.url).send_many([text()]))
    [sent] = twilio.requests
    sent.body = b"Body=Hello&ValidityPeriod=soon"
    with pytest.raises(OpenAPIError):
        contract.validate_request(sent)
