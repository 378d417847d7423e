"""What we send is what Twilio's published specification takes (the folder of `PROVIDER_SPECS`)."""

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
import urllib3
from openapi_core import OpenAPI
from openapi_core.exceptions import OpenAPIError
from openapi_core.testing import MockRequest

from crm.messaging.channels.base import Accepted
from tests.messaging.channels.conftest import PATIENT, SENDER, Open, text

SPECS = os.environ.get("PROVIDER_SPECS", "")
MESSAGES = "/2010-04-01/Accounts/{AccountSid}/Messages.json"
# The same characters as Twilio's own address, so that nothing is rewritten on the way.
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


class Wire:
    """Takes the place of the network: keeps each request, gives the published example back."""

    def __init__(self, published: dict[str, Any]) -> None:
        self.requests: list[MockRequest] = []
        self._operations = published["paths"][MESSAGES]

    def request(self, method: str, url: str, **sent: Any) -> urllib3.HTTPResponse:
        """Stand in for `PoolManager.request`."""
        parts = urlsplit(url)
        self.requests.append(
            MockRequest(
                f"{parts.scheme}://{parts.netloc}",
                method.lower(),
                parts.path,
                args=dict(parse_qsl(parts.query)),
                headers=sent["headers"],
                data=(sent["body"] or "").encode(),
                content_type=sent["headers"].get("Content-Type", ""),
            )
        )
        status = "201" if method == "POST" else "200"
        answer = self._operations[method.lower()]["responses"][status]["content"]
        examples = answer["application/json"]["examples"]
        example = next(iter(examples.values()))["value"]
        if method == "GET":
            example = {**example, "next_page_uri": None}
        return urllib3.HTTPResponse(json.dumps(example).encode(), status=int(status))


@pytest.fixture
def wire(published: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> Wire:
    """The network, taken away."""
    taken = Wire(published)
    monkeypatch.setattr(urllib3.PoolManager, "request", lambda _, *a, **k: taken.request(*a, **k))
    return taken


@pytest.mark.parametrize("body", ["Hello", "Grüße 😀 & a=b\nnew line", "x" * 1600])
@pytest.mark.parametrize("valid_seconds", [1, 900, 99_999])
def test_a_text_is_a_request_that_twilio_publishes(
    wire: Wire, contract: OpenAPI, open_twilio: Open, body: str, valid_seconds: int
) -> None:
    message = text(body, valid_seconds=valid_seconds)
    [result] = open_twilio(TWILIO).send_many([message])
    [sent] = wire.requests
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
    wire: Wire, contract: OpenAPI, open_twilio: Open
) -> None:
    found = open_twilio(TWILIO).find(PATIENT, SENDER, datetime(2015, 1, 1, tzinfo=UTC), "testing")
    [sent] = wire.requests
    contract.validate_request(sent)
    assert (sent.parameters.query["To"], sent.parameters.query["From"]) == (PATIENT, SENDER)
    assert found is not None


def test_the_specification_refuses_what_is_wrong(
    wire: Wire, contract: OpenAPI, open_twilio: Open
) -> None:
    list(open_twilio(TWILIO).send_many([text()]))
    [sent] = wire.requests
    sent.body = b"Body=Hello&ValidityPeriod=soon"
    with pytest.raises(OpenAPIError):
        contract.validate_request(sent)
