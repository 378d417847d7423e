"""Who works in a clinic, and as what."""

from uuid import UUID

from sqlmodel import col, select

from crm.accounts import doors
from crm.accounts.actions.logins import end_logins_of
from crm.accounts.models import ROLES, Membership, Role
from crm.core.errors import Conflict, Invalid, NotFound
from crm.core.uow import UnitOfWork
from crm.privacy.actions import audit
from crm.web.language import _


def add_membership(uow: UnitOfWork, user_id: UUID, email: str, role: Role) -> UUID:
    """Let a user, whose normal email is given, work in this clinic; return the membership's id.

    A user who already works here in that role stays; in another role raises Conflict.
    """
    if role not in ROLES:
        raise Invalid(_("Choose one of: %(expected)s.", expected=", ".join(ROLES)), field="role")
    live = _live(uow, user_id)
    if live is not None:
        if live.role != role:
            raise Conflict(_("This person already works in this clinic, in another role."))
        return live.id
    membership = Membership(user_id=user_id, role=role, created_at=uow.now)
    uow.add(membership)
    doors.open_door(uow, "member", email, user_id)
    audit(uow, "member.added", "user", user_id, role=role)
    return membership.id


def change_role(uow: UnitOfWork, user_id: UUID, role: Role) -> None:
    """Give a member another role and end his logins here, which had the old one (SEC-1).

    Raises NotFound, Conflict for the last owner.
    """
    membership, is_only_owner = _member(uow, user_id)
    if membership.role == role:
        return
    if is_only_owner:
        raise _needs_owner()
    audit(uow, "member.role_changed", "user", user_id, before=membership.role, after=role)
    membership.role = role
    end_logins_of(uow, user_id, "role_changed")


def end_membership(uow: UnitOfWork, user_id: UUID) -> None:
    """Let a user work here no more, from this moment on. Raises NotFound, Conflict."""
    membership, is_only_owner = _member(uow, user_id)
    if is_only_owner:
        raise _needs_owner()
    membership.ended_at = uow.now
    uow.session.flush()
    doors.close_doors(uow, "member", user_id)
    audit(uow, "member.ended", "user", user_id, role=membership.role)
    end_logins_of(uow, user_id, "membership_ended")


def _live(uow: UnitOfWork, user_id: UUID) -> Membership | None:
    statement = select(Membership).where(
        col(Membership.user_id) == user_id, col(Membership.ended_at).is_(None)
    )
    return uow.session.scalars(statement.with_for_update()).one_or_none()


def _member(uow: UnitOfWork, user_id: UUID) -> tuple[Membership, bool]:
    """Return a live membership, locked, and whether it is the clinic's only owner's."""
    owners = uow.session.scalars(
        select(Membership)
        .where(col(Membership.role) == "owner", col(Membership.ended_at).is_(None))
        .order_by(col(Membership.id))
        .with_for_update()
    ).all()
    membership = _live(uow, user_id)
    if membership is None:
        raise NotFound
    return membership, [owner.user_id for owner in owners] == [user_id]


def _needs_owner() -> Conflict:
    return Conflict(_("A clinic needs an owner; make somebody else one first."))
