"""Where a user is signed in, and how to end it; managers see their clinic's sign-ins (P11)."""

from datetime import timedelta
from uuid import UUID

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from crm.accounts.actions.logins import end_login, end_other_logins
from crm.accounts.browsers import in_words
from crm.accounts.deps import ClinicUow, CurrentLogin, verify_write
from crm.accounts.models import Login
from crm.accounts.queries import open_logins, user_names
from crm.accounts.roles import may
from crm.accounts.state import accounts_of
from crm.core.errors import NotFound
from crm.core.uow import UnitOfWork
from crm.privacy.models import AuditEntry
from crm.privacy.queries import audit_entries
from crm.web.language import _
from crm.web.pages import see_other
from crm.web.templating import render

router = APIRouter(prefix="/settings/sessions", dependencies=[Depends(verify_write)])

SHOWN = 50


@router.get("", name="accounts:sessions")
def sessions(request: Request, login: CurrentLogin, uow: ClinicUow) -> Response:
    """Show the user's logins in this clinic; a manager is shown everybody's, and the attempts."""
    is_manager = may(login.role, "sessions:manage")
    idle = timedelta(minutes=accounts_of(request).settings.session_idle_minutes)
    return render(
        request,
        "accounts/sessions.html",
        logins=open_logins(uow, idle, None if is_manager else login.user_id),
        current=login.login_id,
        attempts=_attempts(uow) if is_manager else [],
        is_manager=is_manager,
        in_words=in_words,
    )


def _attempts(uow: UnitOfWork) -> list[tuple[AuditEntry, str]]:
    """Return the last sign-ins, good and failed, each with the name of whom it was about."""
    entries = audit_entries(uow, actions=["login.opened", "login.failed"], limit=SHOWN)
    about = {
        entry.id: entry.object_id if entry.object_kind == "user" else entry.principal_id
        for entry in entries
    }
    names = user_names(uow, [user_id for user_id in about.values() if user_id is not None])
    return [(entry, names.get(about[entry.id] or entry.id, "")) for entry in entries]


@router.post("/{login_id}/end", name="accounts:end_session")
def end_session(request: Request, login: CurrentLogin, uow: ClinicUow, login_id: UUID) -> Response:
    """End one login: one's own, or as a manager anybody's of this clinic."""
    other = uow.get(Login, login_id)
    if other.user_id != login.user_id and not may(login.role, "sessions:manage"):
        raise NotFound
    end_login(uow, login_id, "revoked")
    return see_other(request, "accounts:sessions", message=_("The session is over."))


@router.post("/end-others", name="accounts:end_other_sessions")
def end_others(request: Request, login: CurrentLogin, uow: ClinicUow) -> Response:
    """End every login of the user but this one, in all his clinics."""
    end_other_logins(uow, login.user_id, login.login_id)
    return see_other(request, "accounts:sessions", message=_("All your other sessions are over."))
