"""Twilio's calls as tests make them: signed by its own validator, sent to a small application."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode
from uuid import UUID, uuid4

import pytest
from fastapi import FastAPI
from sqlmodel import col, select
from starlette.datastructures import FormData
from starlette.testclient import TestClient
from twilio.request_validator import RequestValidator

from crm.core.principal import SYSTEM
from crm.core.runtime import Runtime
from crm.messaging.actions.connect import connect_twilio
from crm.messaging.models import Communication
from webhooks import twilio
from webhooks.models import WebhookEvent

SID, TOKEN = "AC" + "5" * 32, "token-of-riverside"
NUMBER, PATIENT = "+12125550100", "+12125550142"
BASE = "https://testserver"
FORM = "application/x-www-form-urlencoded"

Fields = Mapping[str, str] | Sequence[tuple[str, str]]


def text_fields(body: str = "Hello", **more: str) -> dict[str, str]:
    """Return the fields of an inbound text (TW-10)."""
    fields = {
        "MessageSid": f"SM{uuid4().hex}",
        "AccountSid": SID,
        "From": PATIENT,
        "To": NUMBER,
        "Body": body,
        "NumMedia": "0",
        "NumSegments": "1",
    }
    return {**fields, **more}


@dataclass
class Twilio:
    """Calls us as Twilio does, and looks at what that left behind."""

    runtime: Runtime
    clinic: UUID
    http: TestClient
    token: str = TOKEN
    status: list[int] = field(default_factory=list)

    def call(self, path: str, fields: Fields, *, query: str = "", token: str | None = None) -> int:
        """Post a signed form; return the answer's status."""
        pairs = list(fields.items()) if isinstance(fields, Mapping) else list(fields)
        address = f"/webhooks/twilio/{path}" + (f"?{query}" if query else "")
        validator = RequestValidator(token or self.token)
        signature = validator.compute_signature(BASE + address, FormData(pairs))
        return self.raw(address, urlencode(pairs).encode(), signature)

    def raw(
        self, address: str, body: bytes, signature: str | bytes | None, kind: str = FORM
    ) -> int:
        """Post bytes with a signature; a 200 must carry empty TwiML."""
        headers: dict[str, str | bytes] = {"Content-Type": kind}
        if signature is not None:
            headers["X-Twilio-Signature"] = signature
        answer = self.http.post(address, content=body, headers=headers)  # type: ignore[arg-type]
        if answer.status_code == 200:
            assert answer.headers["content-type"].startswith("text/xml")
            assert answer.text.endswith("<Response/>")
        return int(answer.status_code)

    def kept(self) -> list[WebhookEvent]:
        """Return the calls that were kept, the first one first."""
        return self.rows(select(WebhookEvent).order_by(col(WebhookEvent.id)))

    def texts(self) -> list[Communication]:
        """Return the texts that came in."""
        incoming = col(Communication.direction) == "in"
        return self.rows(select(Communication).where(incoming).order_by(col(Communication.id)))

    def rows(self, statement: Any, clinic: UUID | None = None) -> list[Any]:
        """Return the rows of a statement in a clinic."""
        with self.runtime.database.transaction(clinic or self.clinic, SYSTEM) as uow:
            return list(uow.session.scalars(statement))

    def words(self, row: Any) -> str:
        """Return a row's body in clear."""
        with self.runtime.database.transaction(row.clinic_id, SYSTEM) as uow:
            return uow.decrypt(row.id, row.body)

    def connect(
        self, sid: str = SID, token: str = TOKEN, number: str = NUMBER, clinic: UUID | None = None
    ) -> UUID:
        """Connect a clinic to a Twilio account."""
        with self.runtime.database.transaction(clinic or self.clinic, SYSTEM) as uow:
            return connect_twilio(uow, sid, token, number)


@pytest.fixture
def calls(runtime: Runtime, clinic: UUID) -> Iterator[Twilio]:
    """A clinic that is connected to Twilio, and Twilio."""
    app = FastAPI()
    app.state.runtime = runtime
    app.include_router(twilio.router)
    with TestClient(app, base_url=BASE, raise_server_exceptions=False) as http:
        calling = Twilio(runtime, clinic, http)
        calling.connect()
        yield calling
