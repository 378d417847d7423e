"""A clinic's own team: people are invited by a link, which whoever invites hands over.

Only somebody who is in no other clinic is let in, and given links, from here: a clinic must not
set the password by which another clinic is entered. The operator does that from the command line.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col, select

from crm.accounts import doors
from crm.accounts.actions.clinics import lock_settings
from crm.accounts.actions.members import add_membership, assert_may
from crm.accounts.actions.resets import make_reset_link
from crm.accounts.emails import valid_email
from crm.accounts.models import Clinic, Membership, Role, User
from crm.accounts.queries import live_membership, locked_user
from crm.core.database import Database
from crm.core.errors import N_, Conflict, Invalid, NotFound
from crm.core.ids import new_id
from crm.core.principal import Principal
from crm.core.uow import UnitOfWork
from crm.web.language import _

ELSEWHERE = N_(
    "This person has an account that this clinic cannot decide about. Whoever runs Frontdesk can"
    " help."
)
ABOVE = N_("Whoever runs Frontdesk makes new links for owners, and an owner for managers.")

_users: Any = User.__table__  # type: ignore[attr-defined]


@dataclass(frozen=True)
class Invitation:
    """Whom to let in, and as what."""

    email: str
    name: str
    role: Role


def invite(database: Database, clinic_id: UUID, principal: Principal, asked: Invitation) -> UUID:
    """Let a person work in a clinic; return the membership's id. Somebody who left comes back.

    Raises Invalid, naming the field.
    """
    email = valid_email(asked.email)
    if not asked.name.strip():
        raise Invalid(_("Give the user a name."), field="name")
    known = doors.resolve(database, "member", email)
    with database.transaction(clinic_id, principal) as uow:
        lock_settings(uow)
        user = uow.session.scalar(select(User).where(col(User.email) == email))
        if user is not None and live_membership(uow, user.id) is not None:
            raise Invalid(_("This person works here already."), field="email")
        if user is not None and user.is_disabled:
            raise Invalid(_(ELSEWHERE), field="email")
        user_id = user.id if user else _new_user(uow, email, asked.name.strip(), known)
        return add_membership(uow, user_id, email, asked.role)


def _new_user(uow: UnitOfWork, email: str, name: str, known: Sequence[doors.Opened]) -> UUID:
    """Add a user without a password, in the clinic's language."""
    clinic = uow.session.get(Clinic, uow.clinic_id)
    language = clinic.language if clinic else "en"
    user = User(id=new_id(), email=email, name=name, language=language, created_at=uow.now)
    # No clinic sees the users of another one: only the unique email tells that there is one.
    statement = insert(_users).values(user.model_dump()).on_conflict_do_nothing()
    added: Any = uow.session.execute(statement.execution_options(preserve_rowcount=True))
    if known or added.rowcount != 1:
        raise Invalid(_(ELSEWHERE), field="email")
    return user.id


def team_link(
    database: Database, clinic_id: UUID, principal: Principal, member_id: UUID, base_url: str
) -> str:
    """Return a link that sets a member's password once, within an hour.

    For somebody who has one already, his superiors alone make it. Raises NotFound, Invalid,
    Conflict.
    """
    with database.transaction(clinic_id, principal) as uow:
        user_id = uow.get(Membership, member_id).user_id
        email = uow.session.scalar(select(col(User.email)).where(col(User.id) == user_id))
    known = doors.resolve(database, "member", email or "")
    if any(door.clinic_id != clinic_id for door in known):
        raise Conflict(_(ELSEWHERE))
    with database.transaction(clinic_id, principal) as uow:
        lock_settings(uow)
        membership = live_membership(uow, user_id)
        if membership is None:
            raise NotFound
        mine = assert_may(uow, user_id, membership.role)
        if locked_user(uow, user_id).password_hash is not None and not _is_above(
            mine, membership.role
        ):
            raise Conflict(_(ABOVE))
        return make_reset_link(uow, user_id, base_url)


def _is_above(mine: str, theirs: str) -> bool:
    return theirs != "owner" and (mine == "owner" or theirs != "manager")
