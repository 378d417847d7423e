"""Calls any route of the application as it wants to be called, with the ids that a test chooses."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any
from uuid import uuid4

from cryptography.hazmat.primitives.asymmetric import ec
from httpx2 import Response
from sqlmodel import select

from crm.accounts.models import Clinic, Role
from crm.compliance.wordings import default_text, version_of
from crm.web.flash import FLASH_COOKIE
from tests.support.browsing import Browser, hidden_fields
from tests.support.houses import House
from tests.support.neighbours import WORDS, own_id
from tests.support.routes import Route, body_models, sample_body
from tests.webhooks.sendgrid_calls import public_key


@dataclass
class Caller:
    """Somebody of a role in a clinic, and whoever has its keys."""

    house: House
    role: Role
    browser: Browser = field(init=False)
    guards: dict[str, str] = field(init=False)

    def __post_init__(self) -> None:
        self.sign_in()

    def sign_in(self) -> None:
        """Sign in anew."""
        self.browser = self.house.signed_in(self.role)
        self.guards = self.browser.guards("/settings/profile")

    def own_ids(
        self, route: Route, known: Mapping[str, str] = MappingProxyType({})
    ) -> dict[str, str]:
        """Return an own id for every parameter of a route that names a row, else nobody's."""
        return {
            param.name: known.get(param.name) or own_id(self.house, param.name) or str(uuid4())
            for place in ("path", "body")
            for param in route.ids(place)
        }

    def call(
        self, route: Route, ids: Mapping[str, str], query: Mapping[str, str] | None = None
    ) -> Response:
        """Call a route with these ids in its path and its body."""
        path = self.path(route, ids)
        params = dict(query or {})
        # What the last answer left for the next page to say is not this one's.
        self.browser.cookies.pop(FLASH_COOKIE, None)
        if not route.is_unsafe:
            return self.browser.request(route.method, path, params=params)
        body = self.body(route, ids)
        if route.is_by_key:
            return self._by_key(route, path, body)
        is_anybodys = path.startswith(("/f/", "/u/"))
        own = self.house.visitor(_some_address()) if is_anybodys else self.browser
        sent = {**self.guards, **body}
        headers = {"Sec-Fetch-Site": "same-origin"}
        return own.request(route.method, path, data=sent, params=params, headers=headers)

    def call_signed_in(self, route: Route, ids: Mapping[str, str]) -> Response:
        """Call a route; once more, if what was called before it had ended the login."""
        answer = self.call(route, ids)
        if answer.status_code != 401 and answer.headers.get("location", "")[:8] != "/sign-in":
            return answer
        self.sign_in()
        return self.call(route, ids)

    def path(self, route: Route, ids: Mapping[str, str]) -> str:
        """Return an address of a route."""
        words = {
            "form_key": self.house.form_key,
            "token": "unknown",
            "endpoint_key": "unknown",
            **WORDS,
        }
        named = {param.name: words.get(param.name, "x") for param in route.of("path")}
        return route.path.format(**{**named, **{k: v for k, v in ids.items() if k in named}})

    def body(self, route: Route, ids: Mapping[str, str]) -> dict[str, Any]:
        """Return a body that a route takes, with these ids in it."""
        own = self.own_ids(route, ids)
        short = {name.rpartition(".")[2]: value for name, value in own.items()}
        made: dict[str, Any] = {}
        for model in body_models(route):
            made |= sample_body(model, short)
        if route.name == "intake:send_form":
            page = self.house.visitor().get(f"/f/{self.house.form_key}")
            hidden = hidden_fields(page.text)
            typed = {"name": "Robin", "email": "robin@vale.example", "website": "", "sms_care": "1"}
            made = {**hidden, **typed, "wording_id": short["wording_id"]}
        if route.name in ("tasks:add", "tasks:change"):
            made |= {"title": "Call back"}
        if route.name == "pipelines:save_stage":
            # The stage that was added before has the name of every sample.
            made |= {"name": "Waiting"}
        if route.name == "pipelines:send_text":
            made |= {"body": "See you soon"}
        if route.name == "pipelines:record_consent":
            made |= {"agrees": "1", "wording_version": _words_of(self.house)}
        if route.name == "pipelines:change_detail":
            made |= {"value": "Robin"}
        if route.name == "messaging:send_test":
            # Not a patient's number, which a test is not sent to.
            made |= {"language": "en", "phone": "+12125550199"}
        if route.name == "messaging:save_mail_hook_key":
            made |= {"hook_key": public_key(ec.generate_private_key(ec.SECP256R1()))}
        if route.name == "intake:add_lead":
            made |= {"name": "Robin", "phone": "+12125550142"}
        if route.name == "api:send_appointment_request":
            made |= {"email": "robin@vale.example"}
        return made

    def _by_key(self, route: Route, path: str, body: Mapping[str, Any]) -> Response:
        headers = {
            "Authorization": f"Bearer {self.house.api_key}",
            "Idempotency-Key": str(uuid4()),
        }
        return self.house.visitor().request(route.method, path, json=body, headers=headers)


def _words_of(house: House) -> str:
    [clinic] = house.do(lambda uow: uow.session.scalars(select(Clinic)).all())
    return version_of(default_text(clinic.name, "en", "care"))


def _some_address() -> str:
    return f"198.51.100.{uuid4().int % 250}"


def told(response: Response, ids: Sequence[str]) -> tuple[object, ...]:
    """Return all that an answer tells, with what is the asker's own left out."""
    words = f"{response.headers.get('location', '')}\n{response.text}"
    for known in (*ids, response.headers.get("x-request-id", "-")):
        words = words.replace(known, "…")
    words = re.sub(r'(name="(token|key|seen_at)" value|data-now)="[^"]*"', "", words)
    # The clocks, whose second or minute may turn between two answers.
    words = re.sub(r'<span class="due-time">[^<]*</span>', "", words)
    words = re.sub(r'<p class="notice-bar" role="note">[^<]*</p>', "", words)
    kinds = sorted(name for name in response.headers if name != "content-length")
    return response.status_code, kinds, words
