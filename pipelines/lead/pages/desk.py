"""Notes, calls and tags on a lead's page, and who is at it."""

from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Form, Request
from pydantic import AwareDatetime
from starlette.responses import Response

from crm.accounts.deps import ClinicUow, SignedIn, require
from crm.accounts.roles import may
from crm.core.errors import NotFound
from crm.messaging.actions import log_call, remove_call
from crm.messaging.actions.calls import Outcome
from crm.messaging.models import Communication
from crm.web.forms import CleanText, FormModel, Rejected, ShortText, shows_again
from crm.web.htmx import Undo, is_htmx
from crm.web.language import _
from crm.web.pages import see_other
from crm.web.paths import path_of
from pipelines import queries
from pipelines.lead import actions
from pipelines.lead.models import Note
from pipelines.lead.pages.parts import Done, View, again, answer, show_parts
from pipelines.models import Lead
from pipelines.replies import waive_reply, want_reply
from pipelines.unread import mark_read

router = APIRouter(include_in_schema=False)

Reader = Annotated[SignedIn, require("leads:read")]
Writer = Annotated[SignedIn, require("leads:write")]


class RemoveForm(FormModel):
    """Whether something that was removed comes back."""

    is_undo: bool = False


class WaiveForm(RemoveForm):
    """When the page was made on which somebody says that no reply is needed."""

    seen_at: AwareDatetime | None = None


class NoteForm(FormModel):
    """A note as typed; its key makes one note of two clicks."""

    body: CleanText
    key: UUID


class CallForm(FormModel):
    """What came of a call, and with which phone it was."""

    outcome: Outcome
    address_id: UUID
    key: UUID
    direction: Literal["out", "in"] = "out"
    said: CleanText = ""


class TagForm(FormModel):
    """A tag as typed."""

    name: ShortText


def _note_again(request: Request, rejected: Rejected) -> Response:
    return again(request, rejected, ["composer"], View(write="note", rejected=rejected))


def _call_again(request: Request, rejected: Rejected) -> Response:
    return again(request, rejected, ["composer"], View(write="call", rejected=rejected))


def _tag_again(request: Request, rejected: Rejected) -> Response:
    return again(request, rejected, ["tags"], View(rejected=rejected))


@router.post(
    "/leads/{lead_id}/notes", name="pipelines:add_note", dependencies=[shows_again(_note_again)]
)
def add_note(
    request: Request,
    uow: ClinicUow,
    login: Writer,
    lead_id: UUID,
    form: Annotated[NoteForm, Form()],
) -> Response:
    """Write a note on a lead."""
    note = actions.add_note(uow, lead_id, form.body, key=str(form.key))
    path = path_of(request, "pipelines:remove_note", lead_id=lead_id, note_id=note.id)
    done = Done(_("The note is kept."), ("composer", "timeline"), Undo(path, {}))
    return answer(request, uow, login, lead_id, done)


@router.post("/leads/{lead_id}/notes/{note_id}/remove", name="pipelines:remove_note")
def remove_note(
    request: Request,
    uow: ClinicUow,
    login: Writer,
    lead_id: UUID,
    note_id: UUID,
    form: Annotated[RemoveForm, Form()],
) -> Response:
    """Take a note off its lead, or put it back."""
    if uow.get(Note, note_id).lead_id != lead_id:
        raise NotFound("note not found")
    actions.remove_note(uow, note_id, is_undo=form.is_undo)
    path = path_of(request, "pipelines:remove_note", lead_id=lead_id, note_id=note_id)
    message = _("The note is back.") if form.is_undo else _("The note was removed.")
    undo = None if form.is_undo else Undo(path, {"is_undo": "true"})
    return answer(request, uow, login, lead_id, Done(message, ("timeline",), undo))


@router.post(
    "/leads/{lead_id}/calls", name="pipelines:log_call", dependencies=[shows_again(_call_again)]
)
def add_call(
    request: Request,
    uow: ClinicUow,
    login: Writer,
    lead_id: UUID,
    form: Annotated[CallForm, Form()],
) -> Response:
    """Write down a call with a lead's person."""
    lead = uow.get(Lead, lead_id)
    phones = {one.id for one in queries.person(uow, lead.contact_id).addresses}
    if form.address_id not in phones:
        raise NotFound("phone not found")
    call = log_call(
        uow,
        form.address_id,
        form.outcome,
        key=str(form.key),
        direction=form.direction,
        said=form.said,
        contact_id=lead.contact_id,
        lead_id=lead_id,
    )
    path = path_of(request, "pipelines:remove_call", lead_id=lead_id, call_id=call.id)
    done = Done(_("The call is noted."), ("composer", "timeline"), Undo(path, {}))
    return answer(request, uow, login, lead_id, done)


@router.post("/leads/{lead_id}/calls/{call_id}/remove", name="pipelines:remove_call")
def take_call_back(
    request: Request, uow: ClinicUow, login: Writer, lead_id: UUID, call_id: UUID
) -> Response:
    """Take back a call that was noted by mistake."""
    if uow.get(Communication, call_id).lead_id != lead_id:
        raise NotFound("call not found")
    remove_call(uow, call_id)
    done = Done(_("The call was removed."), ("timeline",))
    return answer(request, uow, login, lead_id, done)


@router.post("/leads/{lead_id}/tags", name="pipelines:tag", dependencies=[shows_again(_tag_again)])
def tag(
    request: Request,
    uow: ClinicUow,
    login: Writer,
    lead_id: UUID,
    form: Annotated[TagForm, Form()],
) -> Response:
    """Mark a lead with a tag."""
    tag_id = actions.tag_lead(uow, lead_id, form.name)
    if tag_id is None:
        done = Done(_("The lead has this tag already."), ("tags",))
        return answer(request, uow, login, lead_id, done)
    path = path_of(request, "pipelines:untag", lead_id=lead_id, tag_id=tag_id)
    done = Done(_("The tag is on."), ("tags", "timeline"), Undo(path, {}))
    return answer(request, uow, login, lead_id, done)


@router.post("/leads/{lead_id}/tags/{tag_id}/remove", name="pipelines:untag")
def untag(
    request: Request,
    uow: ClinicUow,
    login: Writer,
    lead_id: UUID,
    tag_id: UUID,
    form: Annotated[RemoveForm, Form()],
) -> Response:
    """Take a tag off a lead, or put it back."""
    if form.is_undo:
        actions.tag_again(uow, lead_id, tag_id)
        return answer(request, uow, login, lead_id, Done(_("The tag is on."), ("tags", "timeline")))
    actions.untag_lead(uow, lead_id, tag_id)
    path = path_of(request, "pipelines:untag", lead_id=lead_id, tag_id=tag_id)
    undo = Undo(path, {"is_undo": "true"})
    return answer(
        request, uow, login, lead_id, Done(_("The tag is off."), ("tags", "timeline"), undo)
    )


@router.post("/leads/{lead_id}/here", name="pipelines:be_here")
def be_here(request: Request, uow: ClinicUow, login: Reader, lead_id: UUID) -> Response:
    """Note that somebody has the lead's page before him, and answer who else has."""
    actions.be_here(uow, lead_id)
    if may(login.role, "messages:send"):
        mark_read(uow, lead_id)
    if not is_htmx(request):
        return see_other(request, "pipelines:lead", lead_id=lead_id)
    return show_parts(request, uow, login, lead_id, ("here",))


@router.post("/leads/{lead_id}/reply/waive", name="pipelines:waive_reply")
def waive(
    request: Request,
    uow: ClinicUow,
    login: Writer,
    lead_id: UUID,
    form: Annotated[WaiveForm, Form()],
) -> Response:
    """Note that the patient needs no answer, or take that back."""
    if form.is_undo:
        is_due = want_reply(uow, lead_id)
        message = _("A reply is due again.") if is_due else _("They have been answered since.")
        done = Done(message, ("head", "timeline"))
        return answer(request, uow, login, lead_id, done)
    waive_reply(uow, lead_id, form.seen_at)
    undo = Undo(path_of(request, "pipelines:waive_reply", lead_id=lead_id), {"is_undo": "true"})
    done = Done(_("No reply is due."), ("head", "timeline"), undo)
    return answer(request, uow, login, lead_id, done)
