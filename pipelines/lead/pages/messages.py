"""Texts from a lead's page: sent, kept for later, kept as a draft, taken back."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Form, Request
from pydantic import BeforeValidator
from starlette.responses import Response

from crm.accounts.deps import ClinicUow, SignedIn, require
from crm.compliance.actions import lock_addresses
from crm.core.errors import N_, Invalid, NotFound
from crm.core.uow import UnitOfWork
from crm.messaging.actions import withdraw_text
from crm.messaging.actions.staff import UNDO_FOR
from crm.messaging.models import Communication
from crm.web.forms import (
    BLANK_IS_NONE,
    CleanText,
    FormModel,
    OptionalId,
    Rejected,
    shows_again,
)
from crm.web.frame import frame_of
from crm.web.htmx import Undo, is_htmx
from crm.web.language import _
from crm.web.pages import see_other
from crm.web.paths import path_of
from crm.web.templating import render
from pipelines import queries
from pipelines.lead.actions import keep_draft
from pipelines.lead.composer import composer
from pipelines.lead.pages.parts import Done, View, again, answer, price_of
from pipelines.lead.queries import sheet
from pipelines.lead.sending import CONFIRMED, Draft, send_from_page
from pipelines.models import Lead

router = APIRouter(include_in_schema=False)

Sender = Annotated[SignedIn, require("messages:send")]


@dataclass(frozen=True)
class Anyway:
    """What the button of a refused text says: which words against it count no more, and when."""

    codes: frozenset[str]
    due_at: datetime | None

    @classmethod
    def read(cls, value: object) -> "Anyway | None":
        """Return what `str` wrote, None for nothing. Raises ValueError."""
        if not value:
            return None
        codes, _sep, when = str(value).partition(" ")
        due_at = None if when == "now" else datetime.fromisoformat(when)
        if not CONFIRMED.issuperset(codes.split(",")) or (due_at and due_at.tzinfo is None):
            raise ValueError(value)
        return cls(frozenset(codes.split(",")), due_at)

    def __str__(self) -> str:
        """Return it as the button carries it."""
        when = self.due_at.isoformat() if self.due_at else "now"
        return f"{','.join(sorted(self.codes))} {when}"


class TextForm(FormModel):
    """What is written to a patient, and what the button says: now, later, or a template's words."""

    body: CleanText = ""
    key: UUID
    address_id: OptionalId = None
    seen: OptionalId = None
    act: Literal["send", "later", "insert"] = "send"
    at: Annotated[datetime | None, BLANK_IS_NONE] = None
    later_at: Annotated[datetime | None, BLANK_IS_NONE] = None
    template_id: OptionalId = None
    is_pinned: bool = False
    anyway: Annotated[Any, BeforeValidator(Anyway.read)] = None

    def due_at(self, zone: ZoneInfo) -> datetime | None:
        """Return when it shall leave, None for now; a time as typed is the reader's.

        Raises Invalid where a later time is wanted and none is given.
        """
        if self.anyway is not None:
            due_at: datetime | None = self.anyway.due_at
            return due_at
        if self.at is None and self.act == "later" and self.later_at is None:
            raise Invalid(N_("Choose the day and the time."), field="later_at")
        at = self.at or (self.later_at if self.act == "later" else None)
        return at.replace(tzinfo=zone) if at is not None and at.tzinfo is None else at

    def draft(self, zone: ZoneInfo) -> Draft:
        """Return what shall be sent. Raises Invalid."""
        return Draft(
            body=self.body,
            key=str(self.key),
            address_id=self.address_id,
            seen=self.seen,
            confirmed=self.anyway.codes if self.anyway else frozenset(),
            due_at=self.due_at(zone),
            is_pinned=self.is_pinned,
        )


def _show_again(request: Request, rejected: Rejected) -> Response:
    anyway = None
    if rejected.problem.code in CONFIRMED:
        form = TextForm.model_validate(rejected.values)
        before = form.anyway.codes if form.anyway else frozenset()
        due_at = form.due_at(ZoneInfo(frame_of(request).zone))
        anyway = Anyway(before | {rejected.problem.code}, due_at)
    return again(request, rejected, ["composer"], View(rejected=rejected, anyway=anyway))


@router.post(
    "/leads/{lead_id}/messages",
    name="pipelines:send_text",
    dependencies=[shows_again(_show_again)],
)
def send_text(
    request: Request,
    uow: ClinicUow,
    login: Sender,
    lead_id: UUID,
    form: Annotated[TextForm, Form()],
) -> Response:
    """Queue a text to a lead's person; for five seconds it can be taken back."""
    # Two who send at once take turns, so that the second one is asked.
    person = queries.person(uow, uow.get(Lead, lead_id).contact_id)
    lock_addresses(uow, [one.id for one in person.addresses])
    made = composer(uow, sheet(uow, lead_id))
    if form.act == "insert":
        words = next((one.words for one in made.templates if one.id == form.template_id), "")
        keep_draft(uow, lead_id, f"{form.body}\n{words}".strip())
        return see_other(request, "pipelines:lead", lead_id=lead_id)
    draft = form.draft(ZoneInfo(frame_of(request).zone))
    text_id = send_from_page(uow, made, draft)
    path = path_of(request, "pipelines:withdraw_text", lead_id=lead_id, text_id=text_id)
    if draft.due_at is None:
        message, undo = _("The text leaves in 5 seconds."), Undo(path, seconds=UNDO_FOR.seconds)
    else:
        message, undo = _("The text will be sent later."), Undo(path)
    return answer(request, uow, login, lead_id, Done(message, ("composer", "timeline"), undo))


@router.post("/leads/{lead_id}/messages/{text_id}/withdraw", name="pipelines:withdraw_text")
def withdraw(
    request: Request, uow: ClinicUow, login: Sender, lead_id: UUID, text_id: UUID
) -> Response:
    """Take back a text that has not left; its words are the draft again."""
    if uow.get(Communication, text_id).lead_id != lead_id:
        raise NotFound("text not found")
    text = withdraw_text(uow, text_id)
    if text.origin_id == login.user_id and text.body:
        _keep_if_empty(uow, lead_id, uow.decrypt(text.id, text.body))
    done = Done(_("The text was taken back."), ("composer", "timeline"))
    return answer(request, uow, login, lead_id, done)


def _keep_if_empty(uow: UnitOfWork, lead_id: UUID, words: str) -> None:
    mine = sheet(uow, lead_id).mine
    if mine is None or not mine.draft:
        keep_draft(uow, lead_id, words)


class DraftForm(FormModel):
    """What is being written; the other fields of the composer are not kept."""

    body: CleanText = ""


@router.post("/leads/{lead_id}/draft", name="pipelines:keep_draft")
def draft(
    request: Request,
    uow: ClinicUow,
    login: Sender,
    lead_id: UUID,
    form: Annotated[DraftForm, Form()],
) -> Response:
    """Keep what is being written, and answer how it reads and how many texts it is."""
    keep_draft(uow, lead_id, form.body)
    if not is_htmx(request):
        return see_other(request, "pipelines:lead", lead_id=lead_id)
    made = composer(uow, sheet(uow, lead_id), form.body, price_of(request))
    return render(
        request, "pipelines/lead/_count.html", now=uow.now, composer=made, is_swapped=True
    )
