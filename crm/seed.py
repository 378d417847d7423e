"""The demo clinic: people who sign in, a pipeline, a form, sequences and a sandbox number."""

import json
import secrets
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlmodel import col, select

from automations.seeds import seed_automations
from crm.accounts.actions.api_keys import create_key
from crm.accounts.actions.members import add_membership
from crm.accounts.models import Clinic, Role, User
from crm.accounts.passwords import Passwords
from crm.core.ids import new_id
from crm.core.principal import SYSTEM
from crm.core.runtime import Runtime
from crm.core.settings import Settings
from crm.core.uow import UnitOfWork
from crm.messaging.actions import add_sender
from pipelines.actions import add_pipeline
from pipelines.intake.forms import add_request_form
from pipelines.models import LostReason

TIMEZONE = "America/New_York"
CLINIC = "Riverside Dental"
PHONE = "+12125550100"
SENDER = "+12125550101"
SERVICES = ("Check-up and cleaning", "New patient visit", "Orthodontics", "Something else")
STAGES = (
    ("New", "open"),
    ("Contacted", "open"),
    ("Considering", "open"),
    ("Booked", "booked"),
    ("Became a patient", "won"),
    ("Lost", "lost"),
)
LOST_REASONS = ("No answer", "Chose another clinic", "Too far away", "Price", "Not a real request")
TEAM: tuple[tuple[str, str, Role], ...] = (
    ("owner@riverside.example", "Olivia Reyes", "owner"),
    ("manager@riverside.example", "Marcus Hill", "manager"),
    ("desk@riverside.example", "Dana Flores", "front_desk"),
    ("marketing@riverside.example", "Mia Chen", "marketer"),
    ("provider@riverside.example", "Dr. Priya Nair", "provider"),
)


class NotSeeded(RuntimeError):
    """There is no demo in the data folder; `make run` makes it."""


def is_seeded(settings: Settings) -> bool:
    """Whether the demo's secrets were written down already."""
    return (settings.frontdesk_data / "demo.json").exists()


def read(settings: Settings) -> dict[str, Any]:
    """Return what was written down of the demo. Raises NotSeeded."""
    try:
        words = (settings.frontdesk_data / "demo.json").read_text()
    except FileNotFoundError:
        raise NotSeeded("There is no demo here yet: start it with `make run`.") from None
    known: dict[str, Any] = json.loads(words)
    return known


def info(settings: Settings) -> dict[str, Any]:
    """Return the demo's address, form key, API key and users. Raises NotSeeded."""
    known = read(settings)
    return {name: known[name] for name in ("base_url", "form_key", "api_key", "users")}


def seed(runtime: Runtime) -> None:
    """Make the demo clinic where it is missing, and note where it is served.

    The secrets are written down inside the clinic's transaction, and count only with its row: a
    start that died on either side of the commit is made good by the next one.
    """
    settings = runtime.settings
    known = read(settings) if is_seeded(settings) else None
    if known is None or not _has_clinic(runtime, UUID(known["clinic_id"])):
        _make(runtime)
    else:
        _write(settings, {**known, "base_url": settings.base_url})


def _has_clinic(runtime: Runtime, clinic_id: UUID) -> bool:
    with runtime.database.transaction(clinic_id, SYSTEM) as uow:
        return uow.session.get(Clinic, clinic_id) is not None


def _make(runtime: Runtime) -> None:
    users = [
        {"email": email, "name": name, "role": role, "password": secrets.token_urlsafe(12)}
        for email, name, role in TEAM
    ]
    user_ids = _users(runtime, users)
    clinic_id = new_id()
    with runtime.database.transaction(clinic_id, SYSTEM) as uow:
        uow.add(
            Clinic(id=clinic_id, name=CLINIC, timezone=TIMEZONE, phone=PHONE, created_at=uow.now),
            runtime.database.keyring.new_key(),
        )
        for user_id, (email, _, role) in zip(user_ids, TEAM, strict=True):
            add_membership(uow, user_id, email, role)
        keys = _furnish(uow)
        base_url = runtime.settings.base_url
        known = {"base_url": base_url, "clinic_id": str(clinic_id), **keys, "users": users}
        _write(runtime.settings, known)


def _write(settings: Settings, known: dict[str, Any]) -> None:
    path = settings.frontdesk_data / "demo.json"
    fresh = path.with_suffix(".new")
    fresh.touch(mode=0o600)
    fresh.write_text(json.dumps(known, indent=2))
    fresh.rename(path)


def _furnish(uow: UnitOfWork) -> dict[str, Any]:
    """Give the clinic what it works with; return the keys that lead in."""
    pipeline = add_pipeline(uow, "New patients", STAGES, is_default=True)
    uow.add(*(LostReason(name=name, position=at) for at, name in enumerate(LOST_REASONS)))
    add_sender(uow, "sandbox", SENDER)
    seed_automations(uow)
    form = add_request_form(uow, "Website", pipeline.id, SERVICES)
    key = create_key(uow, "Demo", ["requests:write"])
    return {"form_key": form.key, "api_key": key.raw}


def _users(runtime: Runtime, wanted: Sequence[dict[str, str]]) -> list[UUID]:
    """Return the ids of the demo's users, made where missing, all with fresh passwords."""
    passwords = Passwords()
    with runtime.database.system() as system:
        emails = [person["email"] for person in wanted]
        known = {
            row.email: row
            for row in system.session.scalars(select(User).where(col(User.email).in_(emails)))
        }
        rows = [
            known.get(person["email"])
            or User(email=person["email"], name=person["name"], created_at=system.now)
            for person in wanted
        ]
        for row, person in zip(rows, wanted, strict=True):
            row.password_hash = passwords.hash(person["password"])
        system.session.add_all(rows)
        system.session.flush()
    return [row.id for row in rows]
