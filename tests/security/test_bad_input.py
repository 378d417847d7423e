"""What cannot be right is refused with the field's name, and leaves nothing behind (works when 6).

The answer is the documented status as problem+json, never a 5xx.
"""

import json
from typing import Any
from uuid import uuid4

from httpx2 import Response

from crm.web.middleware.limits import DEFAULT_LIMIT, PUBLIC_FORM_LIMIT
from tests.support.browsing import hidden_fields
from tests.support.callers import Caller
from tests.support.houses import PHONE, House
from tests.support.neighbours import everything, own_id
from tests.support.routes import body_models, routes_of

URL = "/api/v1/appointment-requests"
JSON = "application/json"
# What signing in writes.
SIGN_INS = ("logins", "doors", "audit_entries")
GOOD = {"name": "Robin Vale", "phone": PHONE}


def good(**fields: Any) -> bytes:
    """Return a body that is right but for these fields."""
    return json.dumps({**GOOD, **fields}).encode()


def without(name: str) -> bytes:
    """Return a body that lacks a field."""
    return json.dumps({key: value for key, value in GOOD.items() if key != name}).encode()


DEEP = b"[" * 100_000

# What is sent, the status, and the field that is named.
BODIES: dict[str, tuple[bytes, int, str | None]] = {
    "nothing": (b"", 422, "body"),
    "half of an object": (b'{"name": "Rob', 422, "body"),
    "no JSON": (b"name=Robin", 422, "body"),
    "JSON that is a list": (b"[]", 422, "body"),
    "JSON that is a string": (b'"Robin"', 422, "body"),
    "JSON that is null": (b"null", 422, "body"),
    "a number without end": (b'{"name": ' + b"9" * 5000 + b"}", 422, None),
    "NaN": (b'{"name": NaN, "phone": "+12125550142"}', 422, "name"),
    "too deep": (DEEP, 422, "body"),
    "broken UTF-8": (b'{"name": "\xff\xfe", "phone": "+12125550142"}', 422, "body"),
    "UTF-16": ('{"name": "Robin"}'.encode("utf-16"), 422, "body"),
    "half of a surrogate pair": (
        b'{"name": "\\ud800", "phone": "+12125550142"}',
        422,
        "name",
    ),
    "NUL in a name": (good(name="Ro\x00bin"), 422, "name"),
    "NUL in a key": (good(campaign={"utm_\x00": "x"}), 422, "campaign"),
    "an unknown field": (good(clinic_id=str(uuid4())), 422, "clinic_id"),
    "an unknown field inside": (good(consent={"sms_care": True, "x": 1}), 422, "consent.x"),
    "a name that is a number": (good(name=7), 422, "name"),
    "a name that is a list": (good(name=["Robin"]), 422, "name"),
    "no name": (without("name"), 422, "name"),
    "a name of blanks": (good(name=" \t\n"), 422, "name"),
    "a name too long": (good(name="x" * 201), 422, "name"),
    "no phone and no email": (without("phone"), 422, "phone"),
    "a phone that is a number": (good(phone=2125550142), 422, "phone"),
    "a phone of letters": (good(phone="call me"), 422, "phone"),
    "a phone too short": (good(phone="12345"), 422, "phone"),
    "a phone too long": (good(phone="+1" + "2" * 40), 422, "phone"),
    "a phone of no country": (good(phone="+99912345678"), 422, "phone"),
    "a phone with a script": (good(phone="<script>alert(1)</script>"), 422, "phone"),
    "an email without a host": (good(email="robin@"), 422, "email"),
    "an email with a line break": (
        good(email="robin@vale.example\nBcc: x@y.z"),
        422,
        "email",
    ),
    "a message too long": (good(message="x" * 5001), 422, "message"),
    "an unknown language": (good(language="tlh"), 422, "language"),
    "consent by a word": (good(consent={"sms_care": "yes"}), 422, "consent.sms_care"),
    "consent that is a list": (good(consent=[True]), 422, "consent"),
    "marketing without words": (
        good(consent={"sms_marketing": True}),
        422,
        "consent",
    ),
    "words of nobody": (
        good(consent={"sms_care": True, "wording_id": str(uuid4())}),
        422,
        "consent.wording_id",
    ),
    "words that are no id": (
        good(consent={"sms_care": True, "wording_id": "1"}),
        422,
        "consent.wording_id",
    ),
    "an unknown campaign field": (good(campaign={"password": "x"}), 422, None),
    "too many campaign fields": (
        good(campaign={f"utm_{n}": "x" for n in range(30)}),
        422,
        "campaign",
    ),
    "a page with a script": (good(landing_page="javascript:alert(1)"), 422, "landing_page"),
    "a source with blanks": (good(source="from google"), 422, "source"),
    "too much": (b'{"name": "' + b"x" * DEFAULT_LIMIT + b'"}', 413, None),
}


def counts(house: House) -> dict[str, int]:
    """Return how many rows each table holds."""
    return {name: len(rows) for name, rows in everything(house).items()}


def assert_problem(answer: Response, status: int, field: str | None) -> None:
    """Check that an answer is a problem document that names a field."""
    assert answer.status_code == status, answer.text[:300]
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["status"] == status
    assert problem["detail"]
    assert problem["instance"] == answer.headers["x-request-id"]
    named = [error["field"] for error in problem.get("errors", [])]
    assert all(error["message"] for error in problem.get("errors", []))
    if field is not None:
        assert any(one == field or one.startswith(f"{field}.") for one in named), named


def send(house: House, body: bytes, kind: str = JSON, **headers: str) -> Response:
    """Post bytes to the intake under the clinic's key."""
    known = {
        "Authorization": f"Bearer {house.api_key}",
        "Idempotency-Key": str(uuid4()),
        "Content-Type": kind,
        **{name.replace("_", "-"): value for name, value in headers.items()},
    }
    return house.visitor().post(URL, content=body, headers=known)


def test_each_bad_body_is_refused_by_name_and_nothing_is_stored(house: House) -> None:
    house.ask()  # the first use of a key is on record, whatever it sends
    before = counts(house)
    for name, (body, status, field) in BODIES.items():
        answer = send(house, body)
        try:
            assert_problem(answer, status, field)
        except AssertionError as failed:
            raise AssertionError(f"{name}: {failed}") from failed
        assert counts(house) == before, name


def test_bad_headers_are_refused(house: House) -> None:
    house.ask()
    before = counts(house)
    assert_problem(send(house, good(), "text/plain"), 422, "body")
    assert_problem(send(house, good(), "application/xml"), 422, "body")
    assert_problem(send(house, good(), "multipart/form-data; boundary=x"), 422, "body")
    assert_problem(send(house, good(), Idempotency_Key=""), 422, "Idempotency-Key")
    assert_problem(send(house, good(), Idempotency_Key="x" * 201), 422, "Idempotency-Key")
    assert_problem(send(house, good(), Authorization=""), 401, None)
    assert_problem(send(house, good(), Authorization="Basic cm9iaW46eA=="), 401, None)
    assert_problem(send(house, good(), Authorization="Bearer fd_unknown"), 401, None)
    assert_problem(send(house, good(), Authorization="Bearer " + "x" * 60_000), 401, None)
    assert_problem(send(house, good(), Authorization=f"Bearer {house.api_key[:-1]}"), 401, None)
    answer = house.visitor().put(URL, content=good())
    assert_problem(answer, 405, None)
    assert counts(house) == before


def test_no_header_makes_a_500(house: House) -> None:
    visitor = house.visitor()
    for name in ("Accept-Language", "Accept", "Cookie", "Origin", "Referer", "X-Forwarded-For"):
        for value in ("x" * 30_000, "\xff\xfe", ";;;,,,q=q=q", "%00%ff", "en;q=1e999"):
            for path in ("/", "/sign-in", f"/f/{house.form_key}", "/api/v1/x"):
                headers = {name.encode(): value.encode("latin-1")}
                answer = visitor.get(path, headers=headers)
                assert answer.status_code < 500, f"{path} with {name}: {value[:20]!r}"


def test_unknown_addresses_and_keys_are_404s(house: House) -> None:
    before = counts(house)
    for path in (
        "/f/unknown",
        "/f/unknown/sent",
        "/leads/1",
        "/api/v1/unknown",
        "/f/%F0%9F%92%A9",
        "/f/..%2f..%2fetc%2fpasswd",
        f"/f/{'x' * 5000}",
        "/static/../crm/app.py",
        "/static/%2e%2e/%2e%2e/pyproject.toml",
    ):
        answer = house.signed_in().get(path)
        assert answer.status_code == 404, f"{path}: {answer.status_code}"
        assert "requires-python" not in answer.text
    assert house.signed_in().get("/leads/%00").status_code in (404, 422)
    after = counts(house)
    assert {**after, **dict.fromkeys(SIGN_INS, 0)} == {**before, **dict.fromkeys(SIGN_INS, 0)}


FORM_FIELDS: dict[str, tuple[dict[str, str], str]] = {
    "no name": ({"name": ""}, "name"),
    "a phone of letters": ({"phone": "call me"}, "phone"),
    "no address": ({"phone": "", "email": ""}, "phone"),
    "an email without a host": ({"email": "robin@"}, "email"),
    "a service of another clinic": ({"service": "Cataract"}, "service"),
    "a message too long": ({"message": "x" * 5001}, "message"),
    "NUL": ({"message": "a\x00b"}, "message"),
    "words of nobody": ({"sms_care": "1", "wording_id": str(uuid4())}, "sms_care"),
    "an unknown field": ({"clinic_id": "x"}, "clinic_id"),
}


def test_a_bad_form_is_shown_again_with_what_was_typed(house: House) -> None:
    browser = house.visitor()
    url = f"/f/{house.form_key}"
    hidden = hidden_fields(browser.get(url).text)
    before = counts(house)
    for name, (fields, field) in FORM_FIELDS.items():
        typed = {**hidden, "name": "Robin Vale", "phone": PHONE, **fields}
        answer = browser.post(url, data=typed)
        assert answer.status_code == 422, name
        assert f'href="#{field}"' in answer.text, f"{name}: {field} is not named"
        if field != "name":
            assert "Robin Vale" in answer.text, name
        assert counts(house) == before, name
    for body, kind, status in (
        (b"name=%ff%fe&phone=%2B12125550142", "application/x-www-form-urlencoded", 422),
        (b"\xff\xfe", "application/x-www-form-urlencoded", 422),
        (b"--x\r\nbroken", "multipart/form-data; boundary=x", 422),
        (b"{}", JSON, 422),
        (b"x=" + b"y" * PUBLIC_FORM_LIMIT, "application/x-www-form-urlencoded", 413),
        (b"&".join(b"a%d=1" % n for n in range(5000)), "application/x-www-form-urlencoded", 400),
    ):
        answer = browser.post(url, content=body, headers={"Content-Type": kind})
        assert answer.status_code == status, (body[:20], kind, answer.status_code)
        assert counts(house) == before


def test_every_signed_in_form_refuses_damaged_fields(house: House) -> None:
    """Each field of each form in turn: missing, too long, NUL, broken UTF-8, an array."""
    caller = Caller(house, "owner")
    forms = [route for route in routes_of(house.app) if route.is_unsafe and body_models(route)]
    assert len(forms) > 4
    for route in forms:
        if route.is_cookieless or route.name == "accounts:switch_clinic":
            continue
        own = caller.own_ids(route)
        path, body = caller.path(route, own), caller.body(route, own)
        before = everything(house, *SIGN_INS)
        for field in [*body, "unknown"]:
            for value in ("\x00", "\ufffd", "x" * 20_000, "${7*7}{{7*7}}'\"><script>"):
                sent = {**caller.guards, **body, field: value}
                answer = caller.browser.post(
                    path, data=sent, headers={"Sec-Fetch-Site": "same-origin"}
                )
                assert answer.status_code < 500, f"{path} {field}"
                assert "<script>" not in answer.text.replace('<script src="', ""), path
                after = everything(house, *SIGN_INS)
                assert answer.status_code < 400 or after == before, f"{path} {field}"
                before = after


def test_a_key_that_was_used_for_another_body_is_refused(house: House) -> None:
    body = {**GOOD, "service": "Orthodontics"}
    first = house.post_request(body, "same")
    before = counts(house)
    assert house.post_request(body, "same").json() == first.json()
    assert_problem(house.post_request({**body, "name": "Casey"}, "same"), 422, "Idempotency-Key")
    assert counts(house) == before


def test_a_move_to_where_a_lead_cannot_go_is_refused(house: House) -> None:
    lead_id = house.ask()
    before = everything(house, *SIGN_INS)
    browser = house.signed_in()
    page = f"/leads/{lead_id}"
    [lost] = [own_id(house, "to_stage_id")]
    for fields in (
        {"to_stage_id": str(uuid4())},
        {"to_stage_id": "not an id"},
        {},
        {"to_stage_id": str(lost), "lost_reason_id": str(uuid4())},
        {"to_stage_id": str(lost), "version": "999999999999999999999"},
        {"to_stage_id": str(lost), "version": "-1"},
        {"to_stage_id": str(lost), "reason": "x" * 201},
    ):
        answer = browser.submit(page, f"{page}/move", **fields)
        assert answer.status_code in (404, 409, 422), fields
        assert everything(house, *SIGN_INS) == before
