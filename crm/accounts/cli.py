"""What the operator does from the command line; `crm.cli` mounts these as commands.

Only here a user of another clinic is let into this one: no clinic's transaction may do that.
"""

from uuid import UUID
from zoneinfo import available_timezones

import phonenumbers
from sqlalchemy import update
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col, select

from crm.accounts import actions, doors
from crm.accounts.emails import valid_email
from crm.accounts.models import LANGUAGES, ROLES, Clinic, Role, User
from crm.accounts.passwords import Passwords, check_rules
from crm.core.database import Database
from crm.core.errors import Invalid, NotFound
from crm.core.ids import new_id
from crm.core.principal import SYSTEM
from crm.web.language import _


def clinic_add(
    database: Database, name: str, timezone: str, region: str = "US", language: str = "en"
) -> UUID:
    """Add a clinic and return its id. Raises Invalid, naming the field."""
    if not name.strip():
        raise Invalid(_("Give the clinic a name."), field="name")
    if timezone not in available_timezones():
        raise Invalid(_("Name a time zone such as America/New_York."), field="timezone")
    if region not in phonenumbers.SUPPORTED_REGIONS:
        raise Invalid(_("Name a country by two letters, such as US."), field="region")
    if language not in LANGUAGES:
        expected = ", ".join(LANGUAGES)
        raise Invalid(_("Choose one of: %(expected)s.", expected=expected), field="language")
    return actions.add_clinic(
        database, name=name.strip(), timezone=timezone, region=region, language=language
    )


def role_of(name: str) -> Role:
    """Return the role of this name. Raises Invalid, naming the field."""
    for role in ROLES:
        if role == name:
            return role
    raise Invalid(_("Choose one of: %(expected)s.", expected=", ".join(ROLES)), field="role")


def user_add(
    database: Database,
    *,
    clinic_id: UUID,
    email: str,
    name: str,
    role: Role,
    password: str | None = None,
    language: str = "en",
    passwords: Passwords | None = None,
) -> UUID:
    """Let a person work in a clinic and return the user's id; again is a no-op.

    A user of another clinic keeps name and password. Without a password, send a reset link.
    Raises Invalid, NotFound, Conflict.
    """
    address = valid_email(email)
    clinic = clinic_of(database, clinic_id)
    hashed = None
    if password is not None:
        check_rules(password, [name, address, clinic.name])
        passwords = passwords or Passwords()
        with passwords.slot():
            hashed = passwords.hash(password)
    user = _find_or_insert(database, address, name.strip(), hashed, language)
    if password is not None and passwords is not None and user.password_hash != hashed:
        with passwords.slot():
            is_theirs = passwords.verify(password, user.password_hash)
        if not is_theirs:
            raise Invalid(
                _("This user has an account already; leave the password out."), field="password"
            )
    with database.transaction(clinic_id, SYSTEM) as uow:
        actions.add_membership(uow, user.id, address, role)
    return user.id


def clinic_of(database: Database, clinic_id: UUID) -> Clinic:
    """Return a clinic. Raises NotFound."""
    with database.transaction(clinic_id, SYSTEM) as uow:
        clinic = uow.session.get(Clinic, clinic_id)
    if clinic is None:
        raise NotFound(_("There is no such clinic."))
    return clinic


def _find_or_insert(
    database: Database, email: str, name: str, hashed: str | None, language: str
) -> User:
    if not name:
        raise Invalid(_("Give the user a name."), field="name")
    with database.system() as system:
        fresh = User(
            id=new_id(),
            email=email,
            name=name,
            password_hash=hashed,
            language=language,
            created_at=system.now,
        )
        statement = insert(User).values(fresh.model_dump())
        system.session.execute(statement.on_conflict_do_nothing(index_elements=["email"]))
        return system.session.scalars(select(User).where(col(User.email) == email)).one()


def password_reset_link(database: Database, email: str, base_url: str) -> str:
    """Return a link that sets the user's password once, within an hour. Raises NotFound."""
    found = doors.resolve(database, "member", valid_email(email))
    if not found:
        raise NotFound(_("Nobody with this email works in a clinic."))
    with database.transaction(found[0].clinic_id, SYSTEM) as uow:
        return actions.make_reset_link(uow, found[0].ref_id, base_url)


def user_disable(database: Database, *, email: str) -> UUID:
    """Let a user in nowhere any more, from this moment on. Raises NotFound."""
    with database.system() as system:
        user_id: UUID | None = system.session.scalar(
            update(User)
            .where(col(User.email) == valid_email(email))
            .values(is_disabled=True, login_epoch=col(User.login_epoch) + 1)
            .returning(col(User.id))
        )
    if user_id is None:
        raise NotFound(_("There is no such user."))
    return user_id
