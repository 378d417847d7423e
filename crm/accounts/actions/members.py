"""Who works in a clinic, and as what.

Nobody gives or takes what he does not have: owners are made, changed and let go by owners alone,
and nobody changes himself. What the operator does from the command line is above these rules.
"""

from uuid import UUID

from sqlmodel import col, select

from crm.accounts import doors
from crm.accounts.actions.clinics import lock_settings
from crm.accounts.actions.logins import end_logins_of
from crm.accounts.models import ROLES, Membership, Role
from crm.accounts.roles import may
from crm.core.errors import N_, Conflict, Invalid, NotFound
from crm.core.uow import UnitOfWork
from crm.privacy.actions import audit
from crm.web.language import _

OWNERS_ONLY = N_("Only an owner decides about owners.")
NOT_YOURS = N_("Your role in this clinic does not include this.")
NOT_ONESELF = N_("You cannot change your own place in the team; somebody else does it.")


def add_membership(uow: UnitOfWork, user_id: UUID, email: str, role: Role) -> UUID:
    """Let a user, whose normal email is given, work in this clinic; return the membership's id.

    A user who already works here in that role stays; in another role raises Conflict. Raises
    Invalid.
    """
    if role not in ROLES:
        raise Invalid(_("Choose one of: %(expected)s.", expected=", ".join(ROLES)), field="role")
    lock_settings(uow)
    live = _live(uow, user_id)
    if live is not None:
        if live.role != role:
            raise Conflict(_("This person already works in this clinic, in another role."))
        return live.id
    assert_may(uow, user_id, role)
    membership = Membership(user_id=user_id, role=role, created_at=uow.now)
    uow.add(membership)
    doors.open_door(uow, "member", email, user_id)
    audit(uow, "member.added", "user", user_id, role=role)
    return membership.id


def change_role(uow: UnitOfWork, user_id: UUID, role: Role) -> None:
    """Give a member another role and end his logins here, which had the old one (SEC-1).

    Raises NotFound, Invalid, Conflict for the last owner.
    """
    membership, is_only_owner = _member(uow, user_id)
    if membership.role == role:
        return
    assert_may(uow, user_id, membership.role, role)
    if is_only_owner:
        raise _needs_owner()
    audit(uow, "member.role_changed", "user", user_id, before=membership.role, after=role)
    membership.role = role
    end_logins_of(uow, user_id, "role_changed")


def end_membership(uow: UnitOfWork, user_id: UUID) -> None:
    """Let a user work here no more, from this moment on. Raises NotFound, Invalid, Conflict."""
    membership, is_only_owner = _member(uow, user_id)
    assert_may(uow, user_id, membership.role)
    if is_only_owner:
        raise _needs_owner()
    membership.ended_at = uow.now
    uow.session.flush()
    doors.close_doors(uow, "member", user_id)
    audit(uow, "member.ended", "user", user_id, role=membership.role)
    end_logins_of(uow, user_id, "membership_ended")


def assert_may(uow: UnitOfWork, user_id: UUID, *roles: str) -> str:
    """Refuse that a user decides about somebody of these roles; return his own role.

    It is read again, in the turn that he took, for it may have been taken from him. Raises Invalid.
    """
    if uow.principal.kind != "user" or uow.principal.id is None:
        return "owner"
    if user_id == uow.principal.id:
        raise Invalid(_(NOT_ONESELF), field="role")
    mine = _live(uow, uow.principal.id)
    if mine is None or not may(mine.role, "members:write"):
        raise Invalid(_(NOT_YOURS), field="role")
    if "owner" in roles and mine.role != "owner":
        raise Invalid(_(OWNERS_ONLY), field="role")
    return mine.role


def _live(uow: UnitOfWork, user_id: UUID) -> Membership | None:
    statement = select(Membership).where(
        col(Membership.user_id) == user_id, col(Membership.ended_at).is_(None)
    )
    fresh = statement.with_for_update().execution_options(populate_existing=True)
    return uow.session.scalars(fresh).one_or_none()


def _member(uow: UnitOfWork, user_id: UUID) -> tuple[Membership, bool]:
    """Return a live membership in one's turn, and whether it is the clinic's only owner's."""
    lock_settings(uow)
    membership = _live(uow, user_id)
    if membership is None:
        raise NotFound
    owners = uow.session.scalars(
        select(col(Membership.user_id)).where(
            col(Membership.role) == "owner", col(Membership.ended_at).is_(None)
        )
    ).all()
    return membership, owners == [user_id]


def _needs_owner() -> Conflict:
    return Conflict(_("A clinic needs an owner; make somebody else one first."))
