"""Reads of accounts: who works where, which logins and keys there are."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, func
from sqlmodel import col, select

from crm.accounts import doors
from crm.accounts.models import ApiKey, Clinic, Login, Membership, User
from crm.core.database import Database
from crm.core.errors import NotFound
from crm.core.principal import SYSTEM, Principal
from crm.core.uow import UnitOfWork


@dataclass(frozen=True)
class Workplace:
    """A clinic where a user works, and when he signed in there last."""

    clinic_id: UUID
    name: str
    role: str
    last_login_at: datetime | None


@dataclass(frozen=True)
class OpenLogin:
    """A login that is not over, and whose it is."""

    id: UUID
    user_id: UUID
    user_name: str
    created_at: datetime
    seen_at: datetime
    ip: str | None
    user_agent: str | None


@dataclass(frozen=True)
class Colleague:
    """Whom work can be given to; `id` is the user's."""

    id: UUID
    name: str
    role: str


def locked_user(uow: UnitOfWork, user_id: UUID) -> User:
    """Return a user who works here, locked against a change of password. Raises NotFound."""
    statement = select(User).where(col(User.id) == user_id).with_for_update(key_share=True)
    fresh = statement.execution_options(populate_existing=True)
    user = uow.session.scalars(fresh).one_or_none()
    if user is None:
        raise NotFound
    return user


def live_membership(uow: UnitOfWork, user_id: UUID) -> Membership | None:
    """Return the user's membership in this clinic, if he works here now."""
    statement = select(Membership).where(
        col(Membership.user_id) == user_id, col(Membership.ended_at).is_(None)
    )
    return uow.session.scalars(statement).one_or_none()


def workplaces(database: Database, user_id: UUID, email: str) -> list[Workplace]:
    """Return the clinics where a user works, where he was last first."""
    found = []
    for door in doors.resolve(database, "member", email):
        if door.ref_id != user_id:
            continue
        # One transaction a clinic: nobody sees two clinics at once, not even himself.
        with database.transaction(door.clinic_id, Principal("user", user_id)) as uow:
            place = _workplace(uow, user_id)
        if place is not None:
            found.append(place)
    return sorted(found, key=_recency, reverse=True)


def _workplace(uow: UnitOfWork, user_id: UUID) -> Workplace | None:
    membership = live_membership(uow, user_id)
    clinic = uow.session.get(Clinic, uow.clinic_id)
    if membership is None or clinic is None:
        return None
    last = uow.session.scalar(
        select(col(Login.created_at))
        .where(col(Login.user_id) == user_id)
        .order_by(col(Login.id).desc())
        .limit(1)
    )
    return Workplace(clinic.id, clinic.name, membership.role, last)


def _recency(place: Workplace) -> tuple[float, str]:
    return (place.last_login_at.timestamp() if place.last_login_at else 0.0, str(place.clinic_id))


def still_open(
    database: Database, idle: timedelta, clinic_id: UUID, login_ids: set[UUID]
) -> set[UUID]:
    """Return those of these logins that are not over; asking is no sign of life of anybody."""
    with database.transaction(clinic_id, SYSTEM) as uow:
        found = uow.session.scalars(
            select(col(Login.id))
            .join(User, col(User.id) == col(Login.user_id))
            .where(
                col(Login.clinic_id) == clinic_id,
                col(Login.id).in_(login_ids),
                col(User.is_disabled).is_(False),
                *_is_open(uow, idle),
            )
        )
        return set(found)


def _is_open(uow: UnitOfWork, idle: timedelta) -> tuple[ColumnElement[bool], ...]:
    return (
        col(Login.ended_at).is_(None),
        col(Login.epoch) == col(User.login_epoch),
        col(Login.expires_at) > uow.now,
        col(Login.seen_at) > uow.now - idle,
    )


def open_logins(uow: UnitOfWork, idle: timedelta, user_id: UUID | None = None) -> list[OpenLogin]:
    """Return the logins of this clinic, or of one user here, that are not over; the last first."""
    statement = (
        select(Login, User)
        .join(User, col(User.id) == col(Login.user_id))
        .where(*_is_open(uow, idle))
        .order_by(col(Login.seen_at).desc())
    )
    if user_id is not None:
        statement = statement.where(col(Login.user_id) == user_id)
    return [
        OpenLogin(
            id=login.id,
            user_id=user.id,
            user_name=user.name,
            created_at=login.created_at,
            seen_at=login.seen_at,
            ip=login.ip,
            user_agent=login.user_agent,
        )
        for login, user in uow.session.execute(statement)
    ]


def api_keys(uow: UnitOfWork) -> Sequence[ApiKey]:
    """Return the clinic's API keys, the newest first."""
    return uow.session.scalars(select(ApiKey).order_by(col(ApiKey.id).desc())).all()


def colleagues(uow: UnitOfWork) -> list[Colleague]:
    """Return who works in this clinic now, by name."""
    rows = uow.session.execute(
        select(col(User.id), col(User.name), col(Membership.role))
        .join(Membership, col(Membership.user_id) == col(User.id))
        .where(col(Membership.clinic_id) == uow.clinic_id, col(Membership.ended_at).is_(None))
        .order_by(col(User.name), col(User.id))
    )
    return [Colleague(*row) for row in rows]


def user_names(uow: UnitOfWork, ids: Sequence[UUID]) -> dict[UUID, str]:
    """Return the names of users who work or worked here."""
    rows = uow.session.scalars(select(User).where(col(User.id).in_(ids)))
    return {user.id: user.name for user in rows}


def key_names(uow: UnitOfWork, ids: Sequence[UUID]) -> dict[UUID, str]:
    """Return the names of API keys of this clinic, revoked ones too."""
    keys = uow.session.scalars(
        select(ApiKey).where(col(ApiKey.clinic_id) == uow.clinic_id, col(ApiKey.id).in_(ids))
    )
    return {key.id: key.name for key in keys}


@dataclass(frozen=True)
class Member:
    """Somebody who works here; without a password he was invited and has not come yet."""

    id: UUID
    user_id: UUID
    name: str
    email: str
    role: str
    has_password: bool
    is_disabled: bool
    last_login_at: datetime | None


def team(uow: UnitOfWork) -> list[Member]:
    """Return who works in this clinic, by name."""
    last = (
        select(col(Login.created_at))
        .where(
            col(Login.clinic_id) == col(Membership.clinic_id),
            col(Login.user_id) == col(Membership.user_id),
        )
        .order_by(col(Login.id).desc())
        .limit(1)
        .scalar_subquery()
    )
    rows = uow.session.execute(
        select(Membership, User, last)
        .join(User, col(User.id) == col(Membership.user_id))
        .where(col(Membership.clinic_id) == uow.clinic_id, col(Membership.ended_at).is_(None))
        .order_by(func.lower(col(User.name)), col(User.id))
    )
    return [
        Member(
            id=membership.id,
            user_id=user.id,
            name=user.name,
            email=user.email,
            role=membership.role,
            has_password=user.password_hash is not None,
            is_disabled=user.is_disabled,
            last_login_at=last_login_at,
        )
        for membership, user, last_login_at in rows
    ]


def member(uow: UnitOfWork, member_id: UUID) -> Member:
    """Return one who works here, by his membership. Raises NotFound."""
    # A team is read whole: it is small, and one query is all it takes.
    for one in team(uow):
        if one.id == member_id:
            return one
    raise NotFound
