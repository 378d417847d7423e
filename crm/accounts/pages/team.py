"""Who works in the clinic: invited by a link, given a role, let go."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Form
from starlette.requests import Request
from starlette.responses import Response

from crm.accounts.actions.members import change_role, end_membership
from crm.accounts.actions.team import Invitation, invite, team_link
from crm.accounts.deps import ClinicUow, SignedIn, own_uow, require, verify_write
from crm.accounts.models import Role
from crm.accounts.queries import member, team
from crm.accounts.roles import ROLE_NAMES
from crm.accounts.state import accounts_of
from crm.core.uow import UnitOfWork
from crm.web.forms import FormModel, Rejected, ShortText, shows_again
from crm.web.language import N_, _
from crm.web.pages import see_other
from crm.web.templating import render

Manager = Annotated[SignedIn, require("members:write")]

router = APIRouter(
    prefix="/settings/team", dependencies=[Depends(verify_write), require("members:write")]
)

WHAT_ROLES_DO = {
    "owner": N_("Everything, and who the other owners are"),
    "manager": N_("Everything but decide about owners"),
    "front_desk": N_("Leads, texts and tasks"),
    "marketer": N_("Sequences and templates; sees leads, not what they write"),
    "provider": N_("Reads leads and texts"),
}


class InviteForm(FormModel):
    """Somebody to be let in."""

    name: ShortText
    email: ShortText
    role: Role = "front_desk"


class RoleForm(FormModel):
    """Another role."""

    role: Role


@router.get("", name="accounts:team")
def team_page(request: Request, uow: ClinicUow, login: Manager) -> Response:
    """Show who works here."""
    return render(
        request,
        "accounts/team.html",
        now=uow.now,
        people=team(uow),
        me=login.user_id,
        role_names=ROLE_NAMES,
    )


@router.get("/invite", name="accounts:invite")
def invite_page(request: Request, login: Manager) -> Response:
    """Ask whom to let in."""
    return _invite(request, login.role)


def _invite(request: Request, mine: str, rejected: Rejected | None = None) -> Response:
    typed = rejected.values if rejected else {"role": "front_desk"}
    return render(
        request,
        "accounts/invite.html",
        rejected.problem.status if rejected else 200,
        values={name: typed.get(name, "") for name in ("name", "email", "role")},
        roles=_roles(mine),
        problem=rejected.problem if rejected else None,
        errors=rejected.errors if rejected else {},
    )


def _invite_again(request: Request, rejected: Rejected) -> Response:
    return _invite(request, request.state.recognised.membership.role, rejected)


@router.post("/invite", name="accounts:send_invite", dependencies=[shows_again(_invite_again)])
def send_invite(request: Request, login: Manager, form: Annotated[InviteForm, Form()]) -> Response:
    """Let somebody in; the link to hand over is made on his page."""
    asked = Invitation(form.email, form.name, form.role)
    member_id = invite(accounts_of(request).database, login.clinic_id, login.principal, asked)
    message = _("Added to the team. Make a link below and hand it over.")
    return see_other(request, "accounts:member", message=message, member_id=member_id)


@router.get("/{member_id}", name="accounts:member")
def member_page(request: Request, uow: ClinicUow, login: Manager, member_id: UUID) -> Response:
    """Show one who works here, and what may be decided about him."""
    return _member(request, uow, member_id)


def _member(
    request: Request,
    uow: UnitOfWork,
    member_id: UUID,
    rejected: Rejected | None = None,
    link: str = "",
) -> Response:
    who, mine = member(uow, member_id), request.state.recognised.membership.role
    return render(
        request,
        "accounts/member.html",
        rejected.problem.status if rejected else 200,
        now=uow.now,
        who=who,
        role=rejected.values.get("role", who.role) if rejected else who.role,
        role_name=_(ROLE_NAMES[who.role]),
        roles=_roles(mine),
        is_me=who.user_id == request.state.recognised.user.id,
        is_mine_to_decide=mine == "owner" or who.role != "owner",
        problem=rejected.problem if rejected else None,
        errors=rejected.errors if rejected else {},
        link=link,
    )


def _member_again(request: Request, rejected: Rejected) -> Response:
    with own_uow(request) as uow:
        return _member(request, uow, UUID(request.path_params["member_id"]), rejected)


@router.post(
    "/{member_id}/link", name="accounts:team_link", dependencies=[shows_again(_member_again)]
)
def make_link(request: Request, login: Manager, member_id: UUID) -> Response:
    """Make a link that sets a password, and show it, this once."""
    accounts = accounts_of(request)
    base_url = accounts.settings.base_url
    link = team_link(accounts.database, login.clinic_id, login.principal, member_id, base_url)
    with own_uow(request) as uow:
        return _member(request, uow, member_id, link=link)


@router.post(
    "/{member_id}/role", name="accounts:change_role", dependencies=[shows_again(_member_again)]
)
def give_role(
    request: Request, uow: ClinicUow, member_id: UUID, form: Annotated[RoleForm, Form()]
) -> Response:
    """Give a member another role; his open pages ask him to sign in again."""
    who = member(uow, member_id)
    change_role(uow, who.user_id, form.role)
    message = _("%(name)s has another role now.", name=who.name)
    return see_other(request, "accounts:team", message=message)


@router.post(
    "/{member_id}/end", name="accounts:end_membership", dependencies=[shows_again(_member_again)]
)
def let_go(request: Request, uow: ClinicUow, member_id: UUID) -> Response:
    """Let a member work here no more, from this moment on."""
    who = member(uow, member_id)
    end_membership(uow, who.user_id)
    message = _("%(name)s is out of the team.", name=who.name)
    return see_other(request, "accounts:team", message=message)


def _roles(mine: str) -> list[tuple[str, str]]:
    """Return the roles that somebody of a role may give."""
    return [
        (role, f"{_(name)}: {_(WHAT_ROLES_DO[role])}")
        for role, name in ROLE_NAMES.items()
        if mine == "owner" or role != "owner"
    ]
