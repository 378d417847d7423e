"""SendGrid's Event Webhook as tests call it: signed with a real key on the curve P-256."""

import base64
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from fastapi import FastAPI
from sqlalchemy import update
from sqlmodel import col, select
from starlette.testclient import TestClient

from crm.contacts.actions import Person, match_or_create
from crm.core.ids import new_id
from crm.core.performing import claim_and_perform
from crm.core.principal import SYSTEM
from crm.core.runtime import Runtime
from crm.messaging.actions import OutboundText, add_template, queue_texts
from crm.messaging.actions.connect_email import connect_sendgrid
from crm.messaging.actions.mail_hook import open_hook, save_hook_key
from crm.messaging.models import Communication
from tests.fakes.sendgrid import KEY
from webhooks import sendgrid
from webhooks.models import WebhookEvent

FROM, PATIENT = "hi@clinic.example", "ana@patient.example"


def public_key(private: ec.EllipticCurvePrivateKey) -> str:
    """Return a public key as SendGrid shows it: base64, without armour."""
    raw = private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(raw).decode()


@dataclass
class SendGrid:
    """Tells a clinic of its emails as SendGrid does, and looks at what that left behind."""

    runtime: Runtime
    clinic: UUID
    http: TestClient
    account_id: UUID
    hook: str
    template_id: UUID
    private: ec.EllipticCurvePrivateKey = field(
        default_factory=lambda: ec.generate_private_key(ec.SECP256R1())
    )

    def sign(self, raw: bytes, timestamp: str) -> str:
        """Return the signature of a call."""
        signed = self.private.sign(timestamp.encode() + raw, ec.ECDSA(hashes.SHA256()))
        return base64.b64encode(signed).decode()

    def tell(self, *events: dict[str, Any], age: float = 0) -> int:
        """Tell of events in one signed call; return the answer's status."""
        raw = json.dumps(list(events)).encode() + b"\r\n"
        return self.raw(raw, age=age)

    def raw(
        self, raw: bytes, *, age: float = 0, signature: str | None = None, hook: str | None = None
    ) -> int:
        """Post bytes, signed unless a signature is given."""
        timestamp = str(int(time.time() - age))
        headers = {
            "X-Twilio-Email-Event-Webhook-Timestamp": timestamp,
            "X-Twilio-Email-Event-Webhook-Signature": (
                self.sign(raw, timestamp) if signature is None else signature
            ),
            "Content-Type": "application/json",
        }
        path = f"/webhooks/sendgrid/{hook or self.hook}/events"
        return int(self.http.post(path, content=raw, headers=headers).status_code)

    def work(self) -> int:
        """Let a worker apply what is stored."""
        self.runtime.clock.advance(seconds=6)
        return claim_and_perform(self.runtime, "webhooks")

    def rows(self, statement: Any) -> list[Any]:
        """Return the rows of a statement in the clinic."""
        with self.runtime.database.transaction(self.clinic, SYSTEM) as uow:
            return list(uow.session.scalars(statement))

    def kept(self) -> list[WebhookEvent]:
        """Return the events that were kept, the first one first."""
        return self.rows(select(WebhookEvent).order_by(col(WebhookEvent.id)))

    def email(self, status: str = "sending", to: str = PATIENT) -> Communication:
        """Make an email that was taken, or is in another state, and return it."""
        with self.runtime.database.transaction(self.clinic, SYSTEM) as uow:
            person = Person(name="Ana", phone_e164=None, email=to, language="en")
            [matched] = match_or_create(uow, [person])
            key = str(new_id())
            text = OutboundText(
                *(matched.contact_id, "care", "enrollment", new_id(), key),
                template_id=self.template_id,
                channel="email",
            )
            email_id = queue_texts(uow, [text])[key]
            if status != "queued":
                taken = {"status": status, "attempt_id": uuid4(), "taken_at": uow.now}
                changed = update(Communication).where(col(Communication.id) == email_id)
                uow.session.execute(changed.values(**taken, due_at=None, lease_until=None))
        return self.seen(email_id)

    def seen(self, email_id: UUID) -> Communication:
        """Return an email as it is now."""
        found = self.rows(select(Communication).where(col(Communication.id) == email_id))
        row: Communication = found[0]
        return row

    def event(self, email: Communication, kind: str, **more: Any) -> dict[str, Any]:
        """Return an event of an email, with the ids that we gave it (SG-3)."""
        assert email.attempt_id is not None
        return {
            "email": PATIENT,
            "timestamp": int(time.time()),
            "event": kind,
            "sg_event_id": uuid4().hex,
            "sg_message_id": f"mid-{email.attempt_id.hex}.filter0001.16648.5515E0B88.0",
            "clinic_id": str(self.clinic),
            "communication_id": str(email.id),
            "attempt_id": str(email.attempt_id),
            **more,
        }


@pytest.fixture
def calls(runtime: Runtime, clinic: UUID) -> Iterator[SendGrid]:
    """A clinic that is connected to SendGrid, and SendGrid."""
    app = FastAPI()
    app.state.runtime = runtime
    app.include_router(sendgrid.router)
    with runtime.database.transaction(clinic, SYSTEM) as uow:
        account_id = connect_sendgrid(uow, KEY, FROM)
        hook = open_hook(uow, account_id)
        words, subjects = {"en": "Hello."}, {"en": "News"}
        template = add_template(uow, "News", words, "care", subjects)
    with TestClient(app, raise_server_exceptions=False) as http:
        made = SendGrid(runtime, clinic, http, account_id, hook, template.id)
        with runtime.database.transaction(clinic, SYSTEM) as uow:
            save_hook_key(uow, account_id, public_key(made.private))
        yield made
