"""Whatever the API's own description allows, and what it does not: no server error (works when 6).

All operations of the OpenAPI document, with values that fit it and values that do not, by key,
signed in and as nobody; what is answered is what the document says.
"""

from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from crm.web.csrf import SESSION_COOKIE
from tests.support.houses import House

CALM = settings(
    max_examples=20,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.generate],
)
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
MODES = (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)


def every_operation(house: House) -> list[Any]:
    """Return all operations of the application's OpenAPI document."""
    schema = schemathesis.openapi.from_asgi("/openapi.json", house.app)
    results = list(schema.get_all_operations())
    operations = [one.ok() for one in results if isinstance(one, Ok)]
    assert len(operations) == len(results)
    return operations


def headers_of(house: House, who: str) -> dict[str, str]:
    """Return what somebody brings along."""
    if who == "a key":
        return {"Authorization": f"Bearer {house.api_key}"}
    if who == "a login":
        browser = house.signed_in("owner")
        guards = browser.guards("/pipeline")
        return {
            "Cookie": f"{SESSION_COOKIE}={browser.token}",
            "X-CSRF-Token": guards["csrf_token"],
            "Origin": "https://testserver",
        }
    return {}


@pytest.mark.parametrize("who", ["a key", "a login", "nobody"])
def test_no_operation_answers_with_a_server_error(house: House, who: str) -> None:
    headers = headers_of(house, who)
    statuses: set[int] = set()
    operations = every_operation(house)
    assert operations
    for operation in operations:
        for mode in MODES:

            @CALM
            @given(case=operation.as_strategy(generation_mode=mode), is_reachable=st.booleans())
            def attack(case: Any, is_reachable: bool) -> None:
                if is_reachable and isinstance(case.body, dict):
                    # Few made-up phones could be right: with an email it gets further.
                    case.body |= {"phone": None, "email": "robin@vale.example", "consent": {}}
                for name, value in headers.items():
                    case.headers[name] = value
                answer = case.call(base_url="https://testserver")
                statuses.add(answer.status_code)
                case.validate_response(answer, checks=CHECKS)

            attack()
    # The attack got past the door exactly where it should.
    assert (202 in statuses) == (who == "a key"), statuses
    assert (401 in statuses) == (who != "a key"), statuses
