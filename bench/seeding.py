"""Clinics with people in a follow-up sequence, made by the product's own actions."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from automations.models import Automation, Enrollment
from automations.sequences import load_automation
from bench.house import ZONE
from crm.accounts.actions import add_clinic
from crm.compliance.actions import NewConsent, record_consents
from crm.contacts.actions import Matched, Person, match_or_create
from crm.core.database import Database
from crm.core.events import Subscriptions
from crm.core.ids import new_id
from crm.core.principal import SYSTEM
from crm.core.runtime import Runtime
from crm.core.uow import UnitOfWork
from crm.messaging.actions import add_template
from crm.messaging.actions.connect import connect_twilio
from pipelines.actions import CreatedLead, NewLead, add_pipeline, create_leads

STAGES = (("New", "open"), ("Contacted", "open"), ("Booked", "booked"), ("Lost", "lost"))
TEXT = {
    "en": "Hi {{ first_name | default: 'there' }}, this is {{ clinic_name }}. We would like to find"
    " a time for you. Which day suits you best?",
    "es": "Hola {{ first_name | default: '' }}, es {{ clinic_name }}. ¿Qué día le conviene?",
}
TOKEN = "fedcba9876543210" * 2
FAR = timedelta(days=365)
"""How far off an enrollment's next step is until the bench releases it."""

_DUE_STEP = 1
_FIRST_PHONE = 5_550_000


@dataclass(frozen=True)
class Waiting:
    """People in a sequence whose next step is a text, in so many clinics."""

    clinics: int
    each: int

    @property
    def steps(self) -> int:
        """How many texts are due when they are released."""
        return self.clinics * self.each

    @property
    def warm_up_clinics(self) -> int:
        """How many further clinics are run first, so that every process has done it all once."""
        return max(2, 200 // self.each)

    @property
    def warm_up_steps(self) -> int:
        """How many texts are due in the further clinics."""
        return self.warm_up_clinics * self.each

    def accounts(self) -> dict[str, str]:
        """Return the clinics' accounts at the provider: the id and its token."""
        everybody = range(self.clinics + self.warm_up_clinics)
        return {account_sid(number): TOKEN for number in everybody}


def account_sid(number: int) -> str:
    """Return the account of a clinic at the provider."""
    return f"AC{number:032x}"


def patient_phone(number: int) -> str:
    """Return the phone of a contact: everybody has another one."""
    return f"+1202{_FIRST_PHONE + number:07d}"


def seed_waiting(runtime: Runtime, waiting: Waiting) -> None:
    """Make the clinics and their people; nobody's next step is due yet."""
    for number in range(waiting.clinics + waiting.warm_up_clinics):
        name = f"Clinic {number}" if number < waiting.clinics else f"Warm-up {number}"
        clinic_id = add_clinic(runtime.database, name=name, timezone=ZONE)
        with without_consumers(runtime).transaction(clinic_id, SYSTEM) as uow:
            automation = furnish(uow, number, follow_up())
            enroll(uow, automation, number * waiting.each, waiting.each)


def without_consumers(runtime: Runtime) -> Database:
    """Return the database with nobody reacting to events: what they would do is seeded."""
    known = runtime.database
    return Database(
        known.engine,
        subscriptions=Subscriptions(()),
        keyring=known.keyring,
        doorbell=known.doorbell,
        clock=known.clock,
    )


def follow_up() -> dict[str, Any]:
    """Return the sequence: a day's wait, the text that is measured, and more to come."""
    return {
        "name": "Follow-up",
        "trigger": {"kind": "lead_created"},
        "steps": [
            {"kind": "wait_for", "days": 1},
            {"kind": "send_text", "template": "Follow-up"},
            {"kind": "wait_for", "days": 3},
            {"kind": "send_text", "template": "Follow-up"},
        ],
    }


def furnish(uow: UnitOfWork, number: int, sequence: dict[str, Any]) -> Automation:
    """Give a clinic a pipeline, a number of its own at the provider, a text and a sequence."""
    add_pipeline(uow, "New patients", STAGES, is_default=True)
    connect_twilio(uow, account_sid(number), TOKEN, f"+1212{_FIRST_PHONE + number:07d}")
    add_template(uow, "Follow-up", TEXT)
    return load_automation(uow, sequence)


def add_leads(uow: UnitOfWork, first: int, count: int) -> list[CreatedLead]:
    """Make people with a phone, a care consent and a lead each, numbered from `first`."""
    people = [
        Person(f"Contact {n}", patient_phone(n), None, "en") for n in range(first, first + count)
    ]
    matched = match_or_create(uow, people)
    record_consents(uow, [_consent(each) for each in matched])
    return create_leads(uow, [NewLead(each.contact_id) for each in matched])


def _consent(matched: Matched) -> NewConsent:
    return NewConsent(
        address_id=matched.address_ids["phone"],
        contact_id=matched.contact_id,
        channel="sms",
        purpose="care",
        tier="express",
        action="granted",
        evidence={"given_to": "bench"},
    )


def enroll(uow: UnitOfWork, automation: Automation, first: int, count: int) -> None:
    """Let so many people, numbered from `first`, stand before the text that is measured."""
    leads = add_leads(uow, first, count)
    rows = [_enrollment(uow, automation, lead.id, lead.contact_id) for lead in leads]
    uow.insert(Enrollment, rows)


def _enrollment(
    uow: UnitOfWork, automation: Automation, lead_id: UUID, contact_id: UUID
) -> dict[str, Any]:
    return {
        "id": new_id(),
        "automation_id": automation.id,
        "version_id": automation.version_id,
        "contact_id": contact_id,
        "lead_id": lead_id,
        "subject_kind": "lead",
        "subject_id": lead_id,
        "state": "live",
        "step": _DUE_STEP,
        "occurrence": _DUE_STEP,
        "attempts": 0,
        "queue": "default",
        "cause": [],
        "due_at": uow.now + FAR,
        "entered_at": uow.now,
    }
