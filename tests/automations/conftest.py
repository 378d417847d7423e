"""A clinic with a pipeline, people with phones, and a short way to publish sequences."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import event as engine_events
from sqlalchemy import update
from sqlmodel import col, select

from automations import runner
from automations.models import Automation, Enrollment, StepRun
from automations.sequences import load_automation
from crm.contacts.models import Address, Contact, ContactAddress
from crm.core.clock import Clock
from crm.core.events import Event, EventRow
from crm.core.performing import claim_and_perform
from crm.core.principal import SYSTEM
from crm.core.runtime import Runtime
from crm.core.uow import UnitOfWork
from crm.core.work import Claim, claim
from crm.messaging.actions import add_template
from crm.messaging.events import CommunicationSettled, TextReceived
from crm.messaging.models import Communication
from pipelines.actions import Move, NewLead, add_pipeline, create_leads, move_leads
from pipelines.models import Lead, Stage

STAGES = [
    ("New", "open"),
    ("Contacted", "open"),
    ("Qualified", "open"),
    ("Booked", "booked"),
    ("Won", "won"),
    ("Lost", "lost"),
]
TEMPLATE = "Hello"
PHONE = "+12125550177"

CREATED = {"kind": "lead_created"}
SEND = {"kind": "send_text", "template": TEMPLATE}
HOUR = {"kind": "wait_for", "hours": 1}
DAY = {"kind": "wait_for", "days": 1}
MOVE = {"kind": "move_stage", "stage": "Contacted"}
STOP = {"kind": "stop"}


@dataclass
class Practice:
    """A furnished clinic; each call is a transaction of its own."""

    runtime: Runtime
    clinic: UUID

    def do(self, action: Callable[..., Any], *arguments: Any) -> Any:
        """Run `action(uow, *arguments)` in a transaction and return what it returns."""
        with self.runtime.database.transaction(self.clinic, SYSTEM) as uow:
            return action(uow, *arguments)

    def person(self, phone: str | None = "+12125550100", language: str = "en") -> UUID:
        """Add a contact, who uses the phone; return the id."""
        return self.do(_person, phone, language)

    def merge(self, contact_id: UUID, into: UUID) -> None:
        """Let one contact stand for another."""
        self.do(lambda uow: setattr(uow.get(Contact, contact_id), "merged_into_id", into))

    def lead(self, contact_id: UUID, source: str = "form") -> UUID:
        """Create a lead, which emits its event; return the id."""
        return self.do(create_leads, [NewLead(contact_id, source=source)])[0].id

    def move(self, lead_id: UUID, stage: str) -> None:
        """Move a lead to the stage of this name."""
        self.do(move_leads, [Move(lead_id, self.stage(stage))])

    def stage(self, name: str) -> UUID:
        """Return a stage's id."""
        found = self.do(lambda uow: uow.session.scalars(_stage(name)).one())
        return UUID(str(found))

    def stage_of(self, lead_id: UUID) -> str:
        """Return the name of the stage where a lead stands."""
        name = self.do(
            lambda uow: uow.session.scalars(
                select(Stage.name)
                .join(Lead, col(Lead.stage_id) == col(Stage.id))
                .where(col(Lead.id) == lead_id)
            ).one()
        )
        return str(name)

    def publish(self, name: str, trigger: dict[str, Any], *steps: Any, **more: Any) -> Automation:
        """Publish a sequence."""
        definition = {"name": name, "trigger": trigger, "steps": list(steps), **more}
        loaded: Automation = self.do(load_automation, definition)
        return loaded

    def emit(self, *events: Event) -> None:
        """Store events, with their deliveries."""
        self.do(lambda uow: uow.emit(list(events)))

    def enrollments(self, name: str | None = None) -> list[Enrollment]:
        """Return the enrollments, of one automation or of all, the first entered first."""
        query = select(Enrollment).order_by(col(Enrollment.entered_at), col(Enrollment.id))
        if name is not None:
            query = query.join(
                Automation, col(Automation.id) == col(Enrollment.automation_id)
            ).where(col(Automation.name) == name)
        return self._all(query)

    def texts(self) -> list[Communication]:
        """Return the communications, the first first."""
        return self._all(select(Communication).order_by(col(Communication.id)))

    def step_runs(self) -> list[StepRun]:
        """Return the step runs, the first first."""
        return self._all(select(StepRun).order_by(col(StepRun.id)))

    def told(self, *kinds: type[Event]) -> list[EventRow]:
        """Return the stored events of these kinds in their order."""
        names = [kind.name for kind in kinds]
        query = select(EventRow).where(col(EventRow.name).in_(names)).order_by(col(EventRow.seq))
        return self._all(query)

    def claim(self, kind: str) -> list[Claim]:
        """Claim what is due of a kind of work, as a worker does."""
        with self.runtime.database.system() as system:
            return claim(
                system,
                self.runtime.work[kind],
                lease=self.runtime.settings.lease,
                consumers=list(self.runtime.subscriptions.by_name),
            )

    def enter(self, people: int) -> None:
        """Let new leads enter whatever they trigger, without advancing anybody."""
        for _ in range(people):
            self.lead(self.person())
        self.deliver()

    def deliver(self) -> None:
        """Deliver the events that wait; whoever they enroll or wake is left to a worker."""
        self.runtime.clock.advance(seconds=6)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(runner, "_quiet_pass", lambda *_: None)
            claim_and_perform(self.runtime, "deliveries")
        self.runtime.clock.advance(seconds=6)

    def work(self, *, seconds: float = 6) -> None:
        """Deliver events and advance enrollments until nothing is due; texts stay queued."""
        for _ in range(200):
            self.runtime.clock.advance(seconds=seconds)
            kinds = ("deliveries", "enrollments")
            if not sum(claim_and_perform(self.runtime, kind) for kind in kinds):
                return
        raise AssertionError("never quiet")

    def reply(self, contact_id: UUID, lead_id: UUID | None = None) -> None:
        """Let a text of this person come in, from a phone that nobody else uses."""
        address_id = uuid4()
        self.emit(
            TextReceived(
                order_key=address_id,
                contact_id=contact_id,
                lead_id=lead_id,
                communication_id=uuid4(),
                address_id=address_id,
                conversation_id=uuid4(),
            )
        )

    def settle(self, text: Communication, status: str = "sent") -> None:
        """Say what became of a text, as messaging does."""
        self.do(_settle, text, status)

    def statements(self, doing: Callable[[], object]) -> int:
        """Return how many statements doing something takes."""
        said: list[str] = []

        def listen(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
            said.append(statement)

        engine = self.runtime.database.engine
        engine_events.listen(engine, "before_cursor_execute", listen)
        try:
            doing()
        finally:
            engine_events.remove(engine, "before_cursor_execute", listen)
        return len(said)

    def _all(self, query: Any) -> list[Any]:
        return list(self.do(lambda uow: uow.session.scalars(query).all()))


def _stage(name: str) -> Any:
    return select(Stage.id).where(col(Stage.name) == name)


def _person(uow: UnitOfWork, phone: str | None, language: str) -> UUID:
    contact = Contact(name="A person", language=language, created_at=uow.now)
    uow.add(contact)
    if phone is not None:
        known = uow.session.scalar(select(Address).where(col(Address.value) == phone))
        address = known or Address(kind="phone", value=phone, created_at=uow.now)
        link = ContactAddress(contact_id=contact.id, address_id=address.id, created_at=uow.now)
        uow.add(address, link)
    return contact.id


def _settle(uow: UnitOfWork, text: Communication, status: str) -> None:
    uow.session.execute(
        update(Communication)
        .where(col(Communication.id) == text.id)
        .values(status=status, settled_at=uow.now, due_at=None)
    )
    uow.emit(
        CommunicationSettled(
            order_key=text.address_id,
            contact_id=text.contact_id,
            lead_id=text.lead_id,
            communication_id=text.id,
            status=status,
            origin_kind=text.origin_kind,
            origin_id=text.origin_id,
        )
    )


def outcomes(runs: Sequence[StepRun]) -> list[tuple[str, str | None]]:
    """Return (kind, skipped) of step runs."""
    return [(run.kind, run.outcome.get("skipped")) for run in runs]


def enrolled(practice: Practice, *steps: Any, people: int = 1, **more: Any) -> None:
    """Publish a sequence and deliver the events of new leads, without advancing anybody."""
    practice.publish("A", CREATED, *steps, **more)
    practice.enter(people)


@pytest.fixture
def practice(runtime: Runtime, clinic: UUID, clock: Clock) -> Practice:
    """A clinic in New York with a pipeline and a template; it sends nothing by itself."""
    made = Practice(runtime, clinic)
    made.do(add_pipeline, "Leads", STAGES)
    made.do(add_template, TEMPLATE, {"en": "Hi {{ first_name }}, {{ clinic_name }} here."})
    return made


def address(practice: Practice, phone: str = PHONE) -> UUID:
    found = practice.do(
        lambda uow: uow.session.scalars(select(Address.id).where(col(Address.value) == phone)).one()
    )
    return UUID(str(found))


def text_from(address_id: UUID, keyword: str | None = None) -> TextReceived:
    return TextReceived(
        order_key=address_id,
        communication_id=uuid4(),
        address_id=address_id,
        conversation_id=uuid4(),
        keyword=keyword,
    )
