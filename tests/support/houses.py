"""A furnished clinic as its people and patients meet it: forms, pages, keys and phones."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

from fastapi import FastAPI
from httpx2 import Response
from sqlmodel import SQLModel, col, select

from automations.models import Automation, Enrollment
from crm import seed
from crm.accounts import cli
from crm.accounts.models import Role
from crm.accounts.passwords import Passwords
from crm.app import create_app
from crm.contacts.models import Address
from crm.core.events import EventRow
from crm.core.principal import SYSTEM
from crm.core.runtime import Runtime
from crm.core.uow import UnitOfWork
from crm.messaging.models import Communication
from crm.messaging.receiving import TextIn, receive_text
from pipelines.models import Lead, Stage
from tests.support.browsing import PASSWORD, Browser, CountingHasher, hidden_fields, open_browser

NEW_YORK = ZoneInfo("America/New_York")
LOS_ANGELES = ZoneInfo("America/Los_Angeles")
PHONE = "+12125550142"
NAME = "Robin Vale"

Row = TypeVar("Row", bound=SQLModel)
Result = TypeVar("Result")


@dataclass(frozen=True)
class Text:
    """A communication as it stands, with its words."""

    row: Communication
    body: str
    phone: str


@dataclass
class House:
    """A clinic with the demo's furniture, one user a role, and everything that one does to it."""

    runtime: Runtime
    app: FastAPI
    clinic: UUID
    form_key: str
    api_key: str
    browsers: list[Browser] = field(default_factory=list)

    def do(self, action: Callable[..., Result], *arguments: Any) -> Result:
        """Run `action(uow, *arguments)` in a transaction and return what it returns."""
        with self.runtime.database.transaction(self.clinic, SYSTEM) as uow:
            return action(uow, *arguments)

    def all(self, model: type[Row], *conditions: Any) -> list[Row]:
        """Return rows of this clinic in the order of their ids."""
        query = select(model).where(*conditions).order_by(col(model.id))  # type: ignore[attr-defined]
        return self.do(lambda uow: list(uow.session.scalars(query).all()))

    def now(self) -> datetime:
        """Return the product's time."""
        now: datetime = self.do(lambda uow: uow.now)
        return now

    def set_clock(self, at: str, zone: ZoneInfo = NEW_YORK) -> datetime:
        """Let it be a time somewhere, such as "2027-02-02 22:00"; return it."""
        wanted = datetime.fromisoformat(at).replace(tzinfo=zone)
        self.set_instant(wanted)
        return wanted

    def set_instant(self, wanted: datetime) -> None:
        """Let it be this instant."""
        self.runtime.clock.offset += wanted - self.now()

    def visitor(self, ip: str = "203.0.113.7") -> Browser:
        """Return a browser that nobody is signed in with."""
        browser = open_browser(self.app, ip)
        self.browsers.append(browser)
        return browser

    def signed_in(self, role: Role = "front_desk") -> Browser:
        """Return a browser in which the user of this role has just signed in."""
        browser = self.visitor()
        answer = browser.sign_in(email_of(role, self.clinic), PASSWORD)
        assert answer.status_code == 303, answer.text
        return browser

    def ask(self, phone: str | None = PHONE, consent: bool = True, **fields: Any) -> UUID:
        """Send an appointment request as a program does; return its lead's id."""
        answer = self.post_request({"name": NAME, **fields, **self._reach(phone, consent)})
        assert answer.status_code == 202, answer.text
        return UUID(answer.json()["lead_id"])

    @staticmethod
    def _reach(phone: str | None, consent: bool) -> dict[str, Any]:
        return {"phone": phone, "consent": {"sms_care": True}} if consent else {"phone": phone}

    def post_request(self, body: Any, key: str | None = None) -> Response:
        """Post a JSON body to the intake under the clinic's key."""
        return self.visitor().post(
            "/api/v1/appointment-requests",
            json=body,
            headers={
                "Authorization": f"Bearer {self.api_key}",
                "Idempotency-Key": key or str(uuid4()),
            },
        )

    def fill_form(self, *, tick: bool = True, **fields: str) -> Response:
        """Fill in the public form as a patient does."""
        browser = self.visitor()
        page = browser.get(f"/f/{self.form_key}")
        typed = {"name": NAME, "phone": PHONE, **({"sms_care": "1"} if tick else {}), **fields}
        return browser.post(f"/f/{self.form_key}", data={**hidden_fields(page.text), **typed})

    def receive(self, body: str, phone: str = PHONE, provider_id: str | None = None) -> UUID:
        """Receive a patient's text; return its communication's id."""
        text = TextIn(
            sender_value=seed.SENDER,
            from_e164=phone,
            body=body,
            provider_id=provider_id or f"SB{uuid4().hex}",
            provider="sandbox",
        )
        return self.do(receive_text, text)

    def move(self, lead_id: UUID, stage: str, **fields: str) -> Response:
        """Move a lead by its menu, as the front desk does."""
        [to_stage] = self.all(Stage, col(Stage.name) == stage)
        browser = self.signed_in()
        page = f"/leads/{lead_id}"
        return browser.submit(page, f"{page}/move", to_stage_id=str(to_stage.id), **fields)

    def page(self, path: str, role: Role = "front_desk") -> str:
        """Return a page as somebody of this role sees it."""
        answer = self.signed_in(role).get(path)
        assert answer.status_code == 200, answer.status_code
        return answer.text

    def texts(self, phone: str | None = None, direction: str = "out") -> list[Text]:
        """Return the texts out (or in), of one phone or of all, the first first."""
        return self.do(_texts, phone, direction)

    def sent(self, phone: str | None = None) -> list[str]:
        """Return the words of the texts that reached a phone."""
        return [text.body for text in self.texts(phone) if text.row.status in SENT]

    def enrollments(self, automation: str | None = None) -> list[Enrollment]:
        """Return the enrollments, of one automation or of all."""
        named = select(col(Automation.id)).where(col(Automation.name) == automation)
        only = [col(Enrollment.automation_id).in_(named)] if automation else []
        return self.all(Enrollment, *only)

    def events(self, *prefixes: str) -> list[str]:
        """Return the names of the stored events that start so, in their order."""
        names = self.do(
            lambda uow: uow.session.scalars(
                select(col(EventRow.name)).order_by(col(EventRow.seq))
            ).all()
        )
        return [name for name in names if name.startswith(prefixes or "")]

    def stage_of(self, lead_id: UUID) -> str:
        """Return the name of the stage where a lead stands."""
        [lead] = self.all(Lead, col(Lead.id) == lead_id)
        [stage] = self.all(Stage, col(Stage.id) == lead.stage_id)
        return stage.name

    def close(self) -> None:
        """Close its browsers."""
        for browser in self.browsers:
            browser.close()


SENT = ("sent", "delivered")


def _texts(uow: UnitOfWork, phone: str | None, direction: str) -> list[Text]:
    query = (
        select(Communication, col(Address.value))
        .join(Address, col(Address.id) == col(Communication.address_id))
        .where(col(Communication.direction) == direction)
        .order_by(col(Communication.id))
    )
    if phone is not None:
        query = query.where(col(Address.value) == phone)
    return [
        Text(row, uow.decrypt(row.id, row.body) if row.body else "", value)
        for row, value in uow.session.execute(query)
    ]


def email_of(role: str, clinic: UUID) -> str:
    """Return the email of the clinic's user of a role."""
    return f"{role.replace('_', '-')}@{clinic.hex[-12:]}.example"


def cheap_app(runtime: Runtime) -> FastAPI:
    """Return the whole application, which hashes passwords cheaply."""
    return create_app(runtime, passwords=Passwords(CountingHasher()))


def furnish(runtime: Runtime, app: FastAPI, clinic: UUID) -> House:
    """Give a clinic the demo's furniture and a user of each role."""
    with runtime.database.transaction(clinic, SYSTEM) as uow:
        keys = seed._furnish(uow)
    for _, name, role in seed.TEAM:
        cli.user_add(
            runtime.database,
            clinic_id=clinic,
            email=email_of(role, clinic),
            name=name,
            role=role,
            password=PASSWORD,
            language="en",
            passwords=app.state.accounts.passwords,
        )
    return House(runtime, app, clinic, keys["form_key"], keys["api_key"])
