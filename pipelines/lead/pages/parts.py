"""The parts of a lead's page: rendered together with the page, or those alone that changed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from itertools import groupby
from typing import Any, Literal
from uuid import UUID
from zoneinfo import ZoneInfo

from starlette.requests import Request
from starlette.responses import Response

from crm.accounts.deps import SignedIn
from crm.accounts.roles import may
from crm.accounts.state import accounts_of
from crm.compliance.timeline import opt_out
from crm.compliance.wordings import default_text, version_of
from crm.core.ids import new_id
from crm.core.runtime import Runtime
from crm.core.uow import UnitOfWork
from crm.messaging import states
from crm.messaging.actions.calls import OUTCOMES
from crm.messaging.actions.opting_out import AskedBy
from crm.messaging.queries import uncertain_texts
from crm.web import formats
from crm.web import timeline as shown
from crm.web.forms import Rejected
from crm.web.frame import frame_of
from crm.web.htmx import Undo, is_htmx, toast
from crm.web.language import N_, _
from crm.web.pages import see_other
from crm.web.templating import render
from crm.web.timeline import Moment
from pipelines import timeline
from pipelines.lead.asking import family
from pipelines.lead.composer import FIELDS, Composer, composer
from pipelines.lead.details import NAMES, Detail
from pipelines.lead.queries import Sheet, sheet
from pipelines.lead.waiting import waiting
from pipelines.sources import source_name

Tab = Literal["all", "texts", "calls", "notes", "sequences", "changes"]
Part = Literal["head", "here", "composer", "timeline", "consent", "tags", "details"]

TABS: Mapping[Tab, str] = {
    "all": N_("All activity"),
    "texts": N_("Texts and emails"),
    "calls": N_("Calls"),
    "notes": N_("Notes"),
    "sequences": N_("Sequences"),
    "changes": N_("Changes"),
}
ASKED_BY: Mapping[AskedBy, str] = {
    "phone": N_("On the phone"),
    "in_person": N_("In person"),
    "voicemail": N_("By voicemail"),
    "email": N_("By email"),
}
AGREED_BY = {"in_person": ASKED_BY["in_person"], "phone": ASKED_BY["phone"]}


@dataclass(frozen=True)
class View:
    """What of a lead's page is wanted: a tab of the timeline, what is edited, what was refused.

    `anyway` is what a button says that sends a refused text all the same, as its `due_at` and str.
    """

    tab: Tab = "all"
    before: UUID | None = None
    since: UUID | None = None
    write: Literal["text", "note", "call"] = "text"
    editing: Detail | None = None
    address_id: UUID | None = None
    rejected: Rejected | None = None
    anyway: Any = None


PLAIN = View()


@dataclass(frozen=True)
class Day:
    """The moments of one day, the latest first."""

    date: date
    at: datetime
    moments: Sequence[Moment]


def context(
    request: Request, uow: UnitOfWork, login: SignedIn, lead_id: UUID, view: View = PLAIN
) -> dict[str, Any]:
    """Return everything that the parts of a lead's page show. Raises NotFound."""
    found = sheet(uow, lead_id)
    may_read = may(login.role, "messages:read")
    typed = view.rejected.values.get("body") if view.rejected else None
    return {
        "now": uow.now,
        "sheet": found,
        "lead": found.lead,
        "view": view,
        "problem": view.rejected.problem if view.rejected else None,
        "composer": _composer(request, uow, login, found, typed),
        "waiting": waiting(uow, found, with_words=may_read),
        "uncertain_texts": uncertain_texts(uow, lead_id) if _has_uncertain(found, login) else [],
        "may_write": may(login.role, "leads:write"),
        "may_move": may(login.role, "leads:move"),
        "may_retry": may(login.role, "ops:retry"),
        "detail_names": {field: _(name) for field, name in NAMES.items()},
        "asked_by": [(value, _(label)) for value, label in ASKED_BY.items()],
        "agreed_by": [(value, _(label)) for value, label in AGREED_BY.items()],
        "consent_words": _consent_words(found),
        "source": source_name(found.lead.source),
        "tabs": [(tab, _(label)) for tab, label in TABS.items() if may_read or tab != "texts"],
        **_words(found),
        **_timeline(request, uow, login, lead_id, view),
    }


def _words(found: Sheet) -> dict[str, Any]:
    """Return the choices that the parts offer, in the reader's language."""
    return {
        "members": [(one.id, one.name) for one in found.members],
        "fields": [(field, _(name)) for field, name in FIELDS.items()],
        "outcomes": [(outcome, states.call(outcome)[0]) for outcome in OUTCOMES],
        "new_key": new_id,
        "quiet_hours": _quiet_hours(found),
        "opt_outs": {
            one.id: opt_out(one.suppressed_at, one.suppressed_for)
            for one in found.addresses
            if one.suppressed_at is not None
        },
        "purposes": [("care", _("Texts about care")), ("marketing", _("Offers by text"))],
        "email_purposes": [("care", _("Emails about care")), ("marketing", _("Offers by email"))],
    }


def _consent_words(found: Sheet) -> tuple[str, str]:
    """Return the words of consent in the person's language, and their version."""
    words = default_text(found.clinic.name, found.person.language, "care")
    return words, version_of(words)


def _quiet_hours(found: Sheet) -> str:
    clinic = found.clinic
    hours = (clinic.window_end_hour % 24, clinic.window_start_hour % 24)
    return " \u2013 ".join(formats.clock(time(hour)) for hour in hours)


def _has_uncertain(found: Sheet, login: SignedIn) -> bool:
    return may(login.role, "messages:send") and found.has_uncertain


def _composer(
    request: Request, uow: UnitOfWork, login: SignedIn, found: Sheet, typed: str | None
) -> Composer | None:
    if not may(login.role, "messages:send"):
        return None
    return composer(uow, found, typed, price_of(request))


def price_of(request: Request) -> Decimal | None:
    """Return what one part of a text costs, where the operator told."""
    runtime: Runtime = request.app.state.runtime
    return runtime.settings.text_segment_price


def _timeline(
    request: Request, uow: UnitOfWork, login: SignedIn, lead_id: UUID, view: View
) -> dict[str, Any]:
    runtime: Runtime = request.app.state.runtime
    sources = [one for one in runtime.timeline if view.tab in ("all", one.kind)]
    names = [event.name for source in sources for event in source.events]
    page = timeline.page_of(uow, family(uow, lead_id), names, before=view.before, since=view.since)
    moments = shown.fill(uow, page.events, runtime.timeline, runtime.authors)
    if not may(login.role, "messages:read"):
        moments = shown.without_words(moments)
    zone = ZoneInfo(frame_of(request).zone)
    days = groupby(moments, key=lambda moment: moment.at.astimezone(zone).date())
    grouped = [Day(day, (some := list(of_day))[0].at, some) for day, of_day in days]
    return {
        "days": grouped,
        "older": page.older,
        "since": view.since or page.since,
        "last_day": page.before_at.astimezone(zone).date() if page.before_at else None,
    }


def show_parts(
    request: Request,
    uow: UnitOfWork,
    login: SignedIn,
    lead_id: UUID,
    parts: Sequence[Part],
    view: View = PLAIN,
    status: int = 200,
) -> Response:
    """Return parts of the page, each to take the place of the one that is there."""
    told = context(request, uow, login, lead_id, view)
    return render(
        request, "pipelines/lead/_parts.html", status, parts=parts, is_swapped=True, **told
    )


@dataclass(frozen=True)
class Done:
    """What was done, which parts of the page it changed, and how it is taken back."""

    message: str
    parts: Sequence[Part]
    undo: Undo | None = None


def answer(
    request: Request, uow: UnitOfWork, login: SignedIn, lead_id: UUID, done: Done
) -> Response:
    """Answer a write: with the changed parts and a toast, or without scripts with the page."""
    if not is_htmx(request):
        return see_other(request, "pipelines:lead", lead_id=lead_id, message=done.message)
    response = show_parts(request, uow, login, lead_id, done.parts)
    toast(response, done.message, undo=done.undo)
    return response


def again(request: Request, rejected: Rejected, parts: Sequence[Part], view: View) -> Response:
    """Answer a refused form with its part, or without scripts with the whole page."""
    login = signed_in(request)
    lead_id = UUID(request.path_params["lead_id"])
    database = accounts_of(request).database
    with database.transaction(login.clinic_id, login.principal) as uow:
        if is_htmx(request):
            return show_parts(request, uow, login, lead_id, parts, view, rejected.problem.status)
        told = context(request, uow, login, lead_id, view)
        panels = panels_of(request, uow, lead_id)
        status = rejected.problem.status
        return render(request, "pipelines/lead.html", status, panels=panels, **told)


def signed_in(request: Request) -> SignedIn:
    """Return who is signed in, once the route's own dependencies have let him in."""
    found = request.state.recognised
    return SignedIn(
        user_id=found.user.id,
        clinic_id=found.clinic.id,
        role=found.membership.role,
        login_id=found.login.id,
        name=found.user.name,
        language=request.state.language,
        recognised=found,
    )


def panels_of(request: Request, uow: UnitOfWork, lead_id: UUID) -> list[str]:
    """Return what higher packages show on a lead's page, each as rendered by its own template."""
    runtime: Runtime = request.app.state.runtime
    return [panel(request, uow, lead_id) for panel in runtime.lead_panels]
