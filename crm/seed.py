"""The demo clinic: people who sign in, a pipeline, a form, sequences, a number and a mailbox."""

import json
import secrets
from typing import Any
from uuid import UUID

from crm.accounts import cli as accounts
from crm.accounts.actions.api_keys import create_key
from crm.accounts.models import Clinic, Role
from crm.core.ids import new_id
from crm.core.principal import SYSTEM
from crm.core.runtime import Runtime
from crm.core.settings import Settings
from crm.core.uow import UnitOfWork
from crm.furnishing import furnish
from crm.messaging.actions import add_sender
from crm.messaging.actions.connect_email import save_postal_address

TIMEZONE = "America/New_York"
CLINIC = "Riverside Dental"
PHONE = "+12125550100"
SENDER = "+12125550101"
EMAIL_SENDER = "hello@riverside.example"
POSTAL_ADDRESS = "12 Water Street\nNew York, NY 10004"
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
    """Make the demo where it is missing, and note where it is served.

    The plan with its secrets is written down first; each step is made once, so a start that died
    anywhere is made good by the next one.
    """
    settings = runtime.settings
    plan = read(settings) if is_seeded(settings) else _plan()
    plan["base_url"] = settings.base_url
    _write(settings, plan)
    clinic_id = UUID(plan["clinic_id"])
    if not _has_clinic(runtime, clinic_id):
        plan["is_complete"] = False
        _make_clinic(runtime, clinic_id, plan)
    if not plan["is_complete"]:
        _add_team(runtime, clinic_id, plan)


def _plan() -> dict[str, Any]:
    users = [
        {"email": email, "name": name, "role": role, "password": secrets.token_urlsafe(12)}
        for email, name, role in TEAM
    ]
    return {"clinic_id": str(new_id()), "users": users, "is_complete": False}


def _has_clinic(runtime: Runtime, clinic_id: UUID) -> bool:
    with runtime.database.transaction(clinic_id, SYSTEM) as uow:
        return uow.session.get(Clinic, clinic_id) is not None


def _make_clinic(runtime: Runtime, clinic_id: UUID, plan: dict[str, Any]) -> None:
    with runtime.database.transaction(clinic_id, SYSTEM) as uow:
        uow.add(
            Clinic(id=clinic_id, name=CLINIC, timezone=TIMEZONE, phone=PHONE, created_at=uow.now),
            runtime.database.keyring.new_key(),
        )
        plan.update(_furnish(uow))
        # Before the commit: keys whose clinic was rolled back are made anew with it.
        _write(runtime.settings, plan)


def _add_team(runtime: Runtime, clinic_id: UUID, plan: dict[str, Any]) -> None:
    for person in plan["users"]:
        accounts.user_add(
            runtime.database,
            clinic_id=clinic_id,
            email=person["email"],
            name=person["name"],
            role=person["role"],
            password=person["password"],
        )
    plan["is_complete"] = True
    _write(runtime.settings, plan)


def _write(settings: Settings, known: dict[str, Any]) -> None:
    path = settings.frontdesk_data / "demo.json"
    fresh = path.with_suffix(".new")
    fresh.touch(mode=0o600)
    fresh.write_text(json.dumps(known, indent=2))
    fresh.rename(path)


def _furnish(uow: UnitOfWork) -> dict[str, Any]:
    """Give the clinic what it works with; return the keys that lead in."""
    form = furnish(uow, is_live=True)
    add_sender(uow, "sandbox", SENDER)
    add_sender(uow, "sandbox", EMAIL_SENDER, channel="email")
    save_postal_address(uow, POSTAL_ADDRESS)
    key = create_key(uow, "Demo", ["requests:write"])
    return {"form_key": form.key, "api_key": key.raw}
