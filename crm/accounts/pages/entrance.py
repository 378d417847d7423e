"""Signing in and out, changing the clinic, and setting a password by a link."""

from typing import Annotated
from urllib.parse import urlencode
from uuid import UUID

from fastapi import APIRouter, Depends, Form
from pydantic import StringConstraints
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from crm.accounts.actions.logins import end_login, note_failure, sign_in, switch_clinic
from crm.accounts.actions.resets import reset_is_open, set_password_by_link
from crm.accounts.browsers import attempt_of, can_keep_cookies, let_in, let_out
from crm.accounts.deps import ClinicUow, CurrentLogin, MaybeLogin, verify_write
from crm.accounts.emails import normal_email
from crm.accounts.passwords import MAX_LENGTH, MIN_LENGTH
from crm.accounts.queries import workplaces
from crm.accounts.roles import ROLE_NAMES
from crm.accounts.state import accounts_of
from crm.web.forms import FormModel, Rejected, ShortText, shows_again
from crm.web.language import _
from crm.web.pages import own_path, see_other
from crm.web.paths import path_of
from crm.web.templating import render

router = APIRouter(dependencies=[Depends(verify_write)])

# A blank at an end belongs to the password.
Password = Annotated[str, StringConstraints(strip_whitespace=False, max_length=MAX_LENGTH)]
Next = Annotated[str, StringConstraints(max_length=2000)]


class SignInForm(FormModel):
    """Who wants in, and where to."""

    email: ShortText
    password: Password
    next: Next = "/"


class SwitchForm(FormModel):
    """The clinic to go to, and the page there."""

    clinic_id: UUID
    next: Next = "/"


class ResetForm(FormModel):
    """A new password."""

    password: Password


def _show_sign_in(request: Request, rejected: Rejected) -> Response:
    return render(
        request,
        "accounts/sign_in.html",
        rejected.problem.status,
        next=own_path(rejected.values.get("next", "/")),
        email=rejected.values.get("email", ""),
        errors=rejected.errors,
        failed=False,
    )


@router.get("/sign-in", name="accounts:sign_in")
def sign_in_page(request: Request, login: MaybeLogin, next: Next = "/") -> Response:
    """Ask for email and password; who is signed in already goes on."""
    if not can_keep_cookies(request, accounts_of(request).settings.base_url):
        return render(request, "accounts/https_needed.html")
    if login is not None:
        return RedirectResponse(own_path(next), 303)
    return render(
        request, "accounts/sign_in.html", next=own_path(next), email="", errors={}, failed=False
    )


@router.post("/sign-in", dependencies=[shows_again(_show_sign_in)])
def try_to_sign_in(
    request: Request, login: MaybeLogin, form: Annotated[SignInForm, Form()]
) -> Response:
    """Open a login with a new token, and end the one that this browser had."""
    accounts = accounts_of(request)
    email, path = normal_email(form.email), own_path(form.next)
    opened = sign_in(accounts, attempt_of(request, email), email, form.password)
    if opened is None:
        refused = render(
            request,
            "accounts/sign_in.html",
            422,
            next=path,
            email=form.email,
            errors={},
            failed=True,
        )
        # Afterwards, so that the answer takes no longer for an account that exists.
        refused.background = BackgroundTask(note_failure, accounts.database, email)
        return refused
    if login is not None:
        with accounts.database.transaction(login.clinic_id, login.principal) as uow:
            end_login(uow, login.login_id, "signed_in_again")
    if opened.clinics > 1:
        path = f"{path_of(request, 'accounts:choose_clinic')}?{urlencode({'next': path})}"
    response = RedirectResponse(path, 303)
    let_in(request, response, opened.token, email)
    return response


@router.post("/sign-out", name="accounts:sign_out")
def sign_out(request: Request, login: CurrentLogin, uow: ClinicUow) -> Response:
    """End the login, here and on the server."""
    end_login(uow, login.login_id, "signed_out")
    response = see_other(request, "accounts:sign_in")
    let_out(response)
    return response


@router.get("/choose-clinic", name="accounts:choose_clinic")
def choose_clinic(request: Request, login: CurrentLogin, next: Next = "/") -> Response:
    """Show the clinics where the user works, where he was last first."""
    user = login.recognised.user
    places = workplaces(accounts_of(request).database, user.id, user.email)
    return render(
        request,
        "accounts/choose_clinic.html",
        places=places,
        role_names=ROLE_NAMES,
        current=login.clinic_id,
        next=own_path(next),
    )


@router.post("/switch-clinic", name="accounts:switch_clinic")
def go_to_clinic(
    request: Request, login: CurrentLogin, form: Annotated[SwitchForm, Form()]
) -> Response:
    """End the login and open one in the other clinic."""
    response = RedirectResponse(own_path(form.next), 303)
    if form.clinic_id != login.clinic_id:
        opened = switch_clinic(accounts_of(request), login.recognised, form.clinic_id)
        let_in(request, response, opened.token)
    return response


def _show_reset(request: Request, rejected: Rejected) -> Response:
    return render(
        request,
        "accounts/reset.html",
        rejected.problem.status,
        is_open=True,
        errors=rejected.errors,
        least=MIN_LENGTH,
    )


@router.get("/reset/{token}", name="accounts:reset")
def reset_page(request: Request, token: str) -> Response:
    """Ask for a new password, if the link is still good; looking does not use it up."""
    is_open = reset_is_open(accounts_of(request).database, token)
    status = 200 if is_open else 404
    return render(
        request, "accounts/reset.html", status, is_open=is_open, errors={}, least=MIN_LENGTH
    )


@router.post("/reset/{token}", dependencies=[shows_again(_show_reset)])
def reset_password(request: Request, token: str, form: Annotated[ResetForm, Form()]) -> Response:
    """Set the password; then one signs in with it."""
    set_password_by_link(accounts_of(request), token, form.password)
    response = see_other(
        request, "accounts:sign_in", message=_("Your new password is set. Sign in with it.")
    )
    let_out(response)
    return response
