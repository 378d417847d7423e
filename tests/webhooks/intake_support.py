"""What the tests of intake share: an application, a form, a key, and counting what is stored."""

import re
from dataclasses import dataclass
from html import unescape
from uuid import UUID

from sqlmodel import SQLModel, select
from starlette.testclient import TestClient

from crm.accounts.actions import create_key
from crm.app import create_app
from crm.compliance.models import Consent
from crm.contacts.models import Address, Contact
from crm.core.clock import Clock
from crm.core.principal import SYSTEM
from crm.core.runtime import Runtime
from crm.core.uow import UnitOfWork
from pipelines.actions import add_pipeline
from pipelines.intake import add_request_form
from pipelines.models import AppointmentRequest, Lead

PATH = "/api/v1/appointment-requests"
STAGES = [("New", "open"), ("Contacted", "open"), ("Booked", "booked"), ("Lost", "lost")]
STORED = (Address, AppointmentRequest, Consent, Contact, Lead)
NOTHING = dict.fromkeys((model.__name__ for model in STORED), 0)
TYPED = {"name": "Ana Díaz", "phone": "(212) 555-0142", "message": "Me duele una muela"}


@dataclass
class Edge:
    """A clinic with a pipeline, a form and a key, and a browser without cookies or scripts."""

    runtime: Runtime
    clinic: UUID
    client: TestClient
    form_key: str
    form_id: UUID
    api_key: str
    key_id: UUID

    def stored(self) -> dict[str, int]:
        """Count what requests leave behind."""
        with self.runtime.database.transaction(self.clinic, SYSTEM) as uow:
            return {model.__name__: len(rows(uow, model)) for model in STORED}

    def send(self, key: str = "k1", **fields: object) -> tuple[int, dict[str, object]]:
        """Send a request by the API; return status and body."""
        body = {"name": "Ana Díaz", "phone": "(212) 555-0142", **fields}
        answer = self.client.post(PATH, json=body, headers=self.headers(key))
        return answer.status_code, answer.json()

    def headers(self, key: str | None = "k1") -> dict[str, str]:
        """Return the headers of a request by the API."""
        sent = {"Authorization": f"Bearer {self.api_key}"}
        return sent if key is None else sent | {"Idempotency-Key": key}

    def show(self, query: str = "", **headers: str) -> dict[str, str]:
        """Load the form; return its hidden fields, and the page as `page`."""
        answer = self.client.get(f"/f/{self.form_key}{query}", headers=headers)
        assert answer.status_code == 200, answer.text
        return hidden(answer.text) | {"page": answer.text}


def fill(edge: Edge, clock: Clock, query: str = "", **headers: str) -> dict[str, str]:
    """Load the form and take a person's time over it; return its hidden fields."""
    shown = edge.show(query, **headers)
    del shown["page"]
    clock.advance(seconds=10)
    return shown


def post(edge: Edge, fields: dict[str, str], query: str = "") -> tuple[int, str, str]:
    """Send the form; return status, page and where it leads."""
    answer = edge.client.post(f"/f/{edge.form_key}{query}", data=fields, follow_redirects=False)
    return answer.status_code, answer.text, answer.headers.get("location", "")


def hidden(page: str) -> dict[str, str]:
    """Return the hidden fields of a page."""
    found = re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', page)
    return {name: unescape(value) for name, value in found}


def rows(uow: UnitOfWork, model: type[SQLModel]) -> list[SQLModel]:
    """Return every row of a table in this clinic."""
    return list(uow.session.scalars(select(model)))


def open_edge(runtime: Runtime, clinic: UUID) -> Edge:
    """Set a clinic up, with services and a site that frames its form."""
    with runtime.database.transaction(clinic, SYSTEM) as uow:
        pipeline = add_pipeline(uow, "New patients", STAGES, is_default=True)
        form = add_request_form(
            uow,
            "Website",
            pipeline.id,
            ["Cleaning", "Implants"],
            sites=["https://www.riverside.example"],
        )
        key = create_key(uow, "Partner", ["requests:write"])
    client = TestClient(create_app(runtime), base_url="https://testserver")
    return Edge(runtime, clinic, client, form.key, form.id, key.raw, key.key_id)
