"""The page of the clinic's days off: sequences that wait for a working day pass them over."""

from datetime import date
from typing import Annotated

from fastapi import APIRouter, Form, Request
from starlette.responses import Response

from crm.accounts.actions import days_off as actions
from crm.accounts.deps import ClinicUow, SignedIn, own_uow, require
from crm.accounts.roles import may
from crm.core.uow import UnitOfWork
from crm.web import formats
from crm.web.forms import BLANK_IS_NONE, FormModel, Rejected, shows_again
from crm.web.language import _
from crm.web.pages import see_other
from crm.web.templating import render

router = APIRouter(prefix="/settings/days-off", include_in_schema=False)


class DaysOffForm(FormModel):
    """The first day, and the last where there are several."""

    first: date
    last: Annotated[date | None, BLANK_IS_NONE] = None


@router.get("", name="accounts:days_off")
def show_days_off(
    request: Request, uow: ClinicUow, login: Annotated[SignedIn, require("settings:read")]
) -> Response:
    """Show on which days the clinic is closed."""
    return _page(request, uow, may_write=may(login.role, "settings:write"))


def _again(request: Request, rejected: Rejected) -> Response:
    with own_uow(request) as uow:
        return _page(request, uow, may_write=True, rejected=rejected)


@router.post(
    "",
    name="accounts:add_days_off",
    dependencies=[require("settings:write"), shows_again(_again)],
)
def add_days_off(
    request: Request, uow: ClinicUow, form: Annotated[DaysOffForm, Form()]
) -> Response:
    """Close the clinic on a day, or on several that follow each other."""
    actions.add_days_off(uow, form.first, form.last or form.first)
    return see_other(request, "accounts:days_off", message=_("The days off are saved."))


@router.post("/remove", name="accounts:remove_days_off", dependencies=[require("settings:write")])
def remove_days_off(
    request: Request, uow: ClinicUow, form: Annotated[DaysOffForm, Form()]
) -> Response:
    """Open the clinic again on these days."""
    actions.remove_days_off(uow, form.first, form.last or form.first)
    return see_other(request, "accounts:days_off", message=_("The clinic works on these days."))


def _page(
    request: Request, uow: UnitOfWork, *, may_write: bool, rejected: Rejected | None = None
) -> Response:
    typed = rejected.values if rejected else {}
    return render(
        request,
        "accounts/days_off.html",
        rejected.problem.status if rejected else 200,
        spans=[(span, _words(span)) for span in actions.days_off(uow)],
        typed=typed,
        may_write=may_write,
        problem=rejected.problem if rejected else None,
        errors=rejected.errors if rejected else {},
    )


def _words(span: actions.DaysOff) -> str:
    first, last = formats.whole_day(span.first), formats.whole_day(span.last)
    return first if span.first == span.last else _("%(first)s to %(last)s", first=first, last=last)
