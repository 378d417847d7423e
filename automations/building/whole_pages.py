"""Pages about a sequence as a whole: a new one, its copy and file, publishing and its history."""

import json
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Form, Request
from pydantic import Field
from sqlmodel import col, select
from starlette.responses import Response

from automations import drafts, portable
from automations.building.parts import ICONS, LIST_LABELS
from automations.building.publishing import publication
from automations.building.reading import open_automation, shown, wrong_with
from automations.building.tree import draft_of
from automations.definitions import DEFAULT_EXITS
from automations.library import LIBRARY, ready_by
from automations.models import SequenceVersion
from crm.accounts.deps import ClinicUow, own_uow, require
from crm.accounts.models import User
from crm.accounts.roles import may
from crm.core.errors import NotFound
from crm.core.runtime import Runtime
from crm.core.uow import UnitOfWork
from crm.web.flash import Tone
from crm.web.forms import FormModel, Rejected, ShortText, shows_again
from crm.web.language import _, ngettext
from crm.web.pages import see_other
from crm.web.templating import render

router = APIRouter(prefix="/sequences", include_in_schema=False)

READ, WRITE = require("automations:read"), require("automations:write")
MOST_VERSIONS = 100


class NewForm(FormModel):
    """A new sequence, from nothing."""

    name: ShortText


class ReadyForm(FormModel):
    """A ready sequence, by its code."""

    code: Annotated[str, Field(max_length=40)]


class FileForm(FormModel):
    """The content of a file."""

    document: Annotated[str, Field(max_length=portable.LARGEST)]


class VersionForm(FormModel):
    """The draft's version, as it was seen."""

    version: Annotated[int, Field(ge=0)] = 0


@router.get("/new", name="automations:new", dependencies=[WRITE])
def new(request: Request) -> Response:
    """Offer the ways to a new sequence: from nothing, a ready one, or a file."""
    return _new(request)


def _new(request: Request, rejected: Rejected | None = None) -> Response:
    return render(
        request,
        "automations/new_sequence.html",
        rejected.problem.status if rejected else 200,
        library=[(one.code, _(one.name), _(one.summary)) for one in LIBRARY],
        problem=rejected.problem if rejected else None,
        errors=rejected.errors if rejected else {},
        values=rejected.values if rejected else {},
    )


@router.post("/new", name="automations:begin", dependencies=[WRITE, shows_again(_new)])
def begin(request: Request, uow: ClinicUow, form: Annotated[NewForm, Form()]) -> Response:
    """Begin a sequence from nothing, as a draft."""
    document = {"trigger": {}, "exits": list(DEFAULT_EXITS), "reentry": "after_end", "steps": []}
    made = drafts.new_automation(uow, form.name, document)
    return see_other(request, "automations:sequence", automation_id=made.id)


@router.post("/ready", name="automations:take_ready", dependencies=[WRITE, shows_again(_new)])
def take_ready(request: Request, uow: ClinicUow, form: Annotated[ReadyForm, Form()]) -> Response:
    """Begin a sequence as a ready one, as a draft."""
    ready = ready_by(form.code)
    if ready is None:
        raise NotFound
    made = portable.bring_in(uow, ready.as_file())
    return _brought_in(request, uow, made.id)


@router.post("/upload", name="automations:upload", dependencies=[WRITE, shows_again(_new)])
def upload(request: Request, uow: ClinicUow, form: Annotated[FileForm, Form()]) -> Response:
    """Begin a sequence as a file says, as a draft."""
    made = portable.upload(uow, form.document)
    return _brought_in(request, uow, made.id)


def _brought_in(request: Request, uow: UnitOfWork, automation_id: UUID) -> Response:
    opened = open_automation(uow, automation_id)
    missing = len(wrong_with(uow, opened.document))
    message = _("The sequence is here as a draft. Look through it, then publish it.")
    if missing:
        message = ngettext(
            "The sequence is here as a draft. %(num)s part needs something this clinic lacks.",
            "The sequence is here as a draft. %(num)s parts need something this clinic lacks.",
            missing,
        )
    tone: Tone = "plain" if missing else "good"
    return see_other(
        request, "automations:sequence", automation_id=automation_id, message=message, tone=tone
    )


@router.post("/{automation_id}/duplicate", name="automations:duplicate", dependencies=[WRITE])
def duplicate(request: Request, uow: ClinicUow, automation_id: UUID) -> Response:
    """Begin another sequence as this one is."""
    made = drafts.duplicate_automation(uow, automation_id)
    message = _("This is the copy. Nothing starts before it is published.")
    return see_other(request, "automations:sequence", automation_id=made.id, message=message)


@router.get("/{automation_id}/export", name="automations:export", dependencies=[READ])
def export(uow: ClinicUow, automation_id: UUID) -> Response:
    """Give a sequence as a file that another clinic can take."""
    opened = open_automation(uow, automation_id)
    file = portable.download(uow, opened.document, opened.choices.names)
    content = json.dumps(file, ensure_ascii=False, indent=2)
    name = f'attachment; filename="sequence-v{opened.next_number - (not opened.has_draft)}.json"'
    headers = {"Content-Disposition": name}
    return Response(content, media_type="application/json", headers=headers)


@router.post("/{automation_id}/discard", name="automations:discard", dependencies=[WRITE])
def discard(
    request: Request, uow: ClinicUow, automation_id: UUID, form: Annotated[VersionForm, Form()]
) -> Response:
    """Drop the draft; the live version stays as it is."""
    left = drafts.discard_draft(uow, automation_id, form.version)
    if left is None:
        return see_other(request, "automations:sequences", message=_("The sequence is deleted."))
    message = _("The draft is discarded. The live version is as it was.")
    return see_other(request, "automations:sequence", automation_id=left.id, message=message)


@router.get("/{automation_id}/publish", name="automations:publish", dependencies=[WRITE])
def publish_page(request: Request, uow: ClinicUow, automation_id: UUID) -> Response:
    """Show what publishing the draft would change, for whom, and what it would cost."""
    return _publish_page(request, uow, automation_id)


def _publish_page(
    request: Request, uow: UnitOfWork, automation_id: UUID, rejected: Rejected | None = None
) -> Response:
    runtime: Runtime = request.app.state.runtime
    opened = open_automation(uow, automation_id)
    return render(
        request,
        "automations/publish.html",
        rejected.problem.status if rejected else 200,
        now=uow.now,
        it=opened,
        may_edit=True,
        problem=rejected.problem if rejected else None,
        **publication(uow, opened, runtime.settings.text_segment_price),
    )


def _publish_again(request: Request, rejected: Rejected) -> Response:
    with own_uow(request) as uow:
        automation_id = UUID(request.path_params["automation_id"])
        return _publish_page(request, uow, automation_id, rejected)


@router.post(
    "/{automation_id}/publish",
    name="automations:publish_draft",
    dependencies=[WRITE, shows_again(_publish_again)],
)
def publish(
    request: Request, uow: ClinicUow, automation_id: UUID, form: Annotated[VersionForm, Form()]
) -> Response:
    """Publish the draft: live for who enters from now on."""
    version = drafts.publish_draft(uow, automation_id, form.version)
    message = _("Version %(number)s is live.", number=version.number)
    return see_other(request, "automations:sequence", automation_id=automation_id, message=message)


@router.get("/{automation_id}/history", name="automations:history", dependencies=[READ])
def history(request: Request, uow: ClinicUow, automation_id: UUID) -> Response:
    """Show the published versions: when, and by whom."""
    opened = open_automation(uow, automation_id)
    by = (col(User.id) == col(SequenceVersion.principal_id)) & (
        col(SequenceVersion.principal_kind) == "user"
    )
    columns: Any = (
        *(col(SequenceVersion.id), col(SequenceVersion.number)),
        *(col(SequenceVersion.published_at), col(User.name).label("who")),
    )
    query: Any = select(*columns).outerjoin(User, by)
    rows = uow.session.execute(
        query.where(
            col(SequenceVersion.clinic_id) == uow.clinic_id,
            col(SequenceVersion.automation_id) == automation_id,
        )
        .order_by(col(SequenceVersion.number).desc())
        .limit(MOST_VERSIONS)
    ).all()
    return render(
        *(request, "automations/history.html"),
        now=uow.now,
        it=opened,
        versions=rows,
        may_edit=_may_edit(request),
    )


@router.get("/versions/{sequence_version_id}", name="automations:version", dependencies=[READ])
def version_page(request: Request, uow: ClinicUow, sequence_version_id: UUID) -> Response:
    """Show an earlier version as it was published."""
    version = uow.get(SequenceVersion, sequence_version_id)
    opened = open_automation(uow, version.automation_id)
    as_it_was = opened.showing(draft_of(version.definition))
    return render(
        *(request, "automations/version.html"),
        now=uow.now,
        it=opened,
        version=version,
        root=shown(as_it_was, {}),
        icons=ICONS,
        lists=LIST_LABELS,
        may_edit=_may_edit(request),
    )


@router.post(
    "/versions/{sequence_version_id}/restore", name="automations:restore", dependencies=[WRITE]
)
def restore(
    request: Request,
    uow: ClinicUow,
    sequence_version_id: UUID,
    form: Annotated[VersionForm, Form()],
) -> Response:
    """Make the draft what an earlier version was."""
    draft = drafts.restore_version(uow, sequence_version_id, form.version)
    message = _("The draft is now as that version was. Publish it to make it live.")
    return see_other(
        request, "automations:sequence", automation_id=draft.automation_id, message=message
    )


def _may_edit(request: Request) -> bool:
    return may(request.state.recognised.membership.role, "automations:write")
