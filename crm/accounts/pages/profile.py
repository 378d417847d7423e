"""What a user sets for himself, and the page from which every setting is found."""

from collections.abc import Mapping
from typing import Annotated, Literal
from zoneinfo import available_timezones

from fastapi import APIRouter, Depends, Form
from pydantic import BeforeValidator, StringConstraints
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from crm.accounts.actions.profile import Profile, change_password, change_profile
from crm.accounts.browsers import attempt_of, let_in
from crm.accounts.deps import ClinicUow, CurrentLogin, verify_write
from crm.accounts.models import User
from crm.accounts.pages.entrance import Password
from crm.accounts.passwords import MIN_LENGTH
from crm.accounts.queries import locked_user
from crm.accounts.state import accounts_of
from crm.web.forms import FormModel, OptionalText, Rejected, ShortText, shows_again
from crm.web.language import N_, _
from crm.web.middleware.language import COOKIE
from crm.web.pages import own_path, see_other
from crm.web.templating import render

router = APIRouter(prefix="/settings", dependencies=[Depends(verify_write)])

LANGUAGES = (("en", "English"), ("es", "Español"))
THEMES: Mapping[str, str] = {
    "system": N_("As this computer or phone has it"),
    "light": N_("Light"),
    "dark": N_("Dark"),
}
_AREAS = ("Africa", "America", "Asia", "Atlantic", "Australia", "Europe", "Indian", "Pacific")
ZONES = sorted(zone for zone in available_timezones() if zone.split("/")[0] in _AREAS)
PROFILE_FIELDS = ("name", "language", "timezone", "theme", "has_shortcuts")


def _is_ticked(value: object) -> bool:
    return value == "yes"


class ProfileForm(FormModel):
    """What one sets for oneself."""

    name: ShortText
    language: Literal["en", "es"]
    timezone: OptionalText = None
    theme: Literal["system", "light", "dark"] = "system"
    has_shortcuts: Annotated[bool, BeforeValidator(_is_ticked)] = False


class ThemeForm(FormModel):
    """A theme, and the page to come back to."""

    theme: Literal["system", "light", "dark"]
    back: Annotated[str, StringConstraints(max_length=2000)] = "/"


class PasswordForm(FormModel):
    """One's password, and another one."""

    current: Password
    password: Password


@router.get("", name="accounts:settings")
def settings(request: Request, login: CurrentLogin) -> Response:
    """Show every section of the settings that the user's role includes."""
    return render(request, "accounts/sections.html")


@router.get("/profile", name="accounts:profile")
def profile(request: Request, login: CurrentLogin) -> Response:
    """Show what the user sets for himself."""
    return _page(request, login.recognised.user)


def _show_again(request: Request, rejected: Rejected) -> Response:
    return _page(request, request.state.recognised.user, rejected)


@router.post("/profile", name="accounts:save_profile", dependencies=[shows_again(_show_again)])
def save_profile(
    request: Request, uow: ClinicUow, form: Annotated[ProfileForm, Form()]
) -> Response:
    """Change it; the language chosen here wins over the one this browser was switched to."""
    change_profile(uow, Profile(**form.model_dump()))
    request.state.language = form.language
    response = see_other(request, "accounts:profile", message=_("Your profile is saved."))
    response.delete_cookie(COOKIE, secure=True, httponly=True, samesite="lax")
    return response


@router.post("/theme", name="accounts:theme")
def choose_theme(
    request: Request, uow: ClinicUow, login: CurrentLogin, form: Annotated[ThemeForm, Form()]
) -> Response:
    """Change the theme alone, from the menu of any page."""
    locked_user(uow, login.user_id).theme = form.theme
    return RedirectResponse(own_path(form.back), 303)


@router.post(
    "/profile/password", name="accounts:change_password", dependencies=[shows_again(_show_again)]
)
def save_password(
    request: Request, login: CurrentLogin, form: Annotated[PasswordForm, Form()]
) -> Response:
    """Change the password; every other browser is signed out."""
    accounts, who = accounts_of(request), login.recognised
    attempt = attempt_of(request, who.user.email)
    opened = change_password(accounts, attempt, who, form.current, form.password)
    message = _("Your password is changed. You are signed out everywhere else.")
    response = see_other(request, "accounts:profile", message=message)
    let_in(request, response, opened.token)
    return response


def _page(request: Request, user: User, rejected: Rejected | None = None) -> Response:
    stored = {
        "name": user.name,
        "language": user.language,
        "timezone": user.timezone or "",
        "theme": user.theme,
        "has_shortcuts": "yes" if user.has_shortcuts else "",
    }
    is_profile = rejected is not None and "name" in rejected.values
    typed = rejected.values if rejected and is_profile else stored
    return render(
        request,
        "accounts/profile.html",
        rejected.problem.status if rejected else 200,
        email=user.email,
        values={name: typed.get(name, "") for name in PROFILE_FIELDS},
        problem=rejected.problem if rejected else None,
        errors=rejected.errors if rejected else {},
        is_profile=is_profile,
        languages=LANGUAGES,
        themes=[(value, _(label)) for value, label in THEMES.items()],
        zones=[
            ("", _("The clinic's (%(zone)s)", zone=_zone_of(request).replace("_", " "))),
            *((zone, zone.replace("_", " ")) for zone in ZONES),
        ],
        least=MIN_LENGTH,
    )


def _zone_of(request: Request) -> str:
    zone: str = request.state.recognised.clinic.timezone
    return zone
