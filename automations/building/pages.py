"""The builder: a draft's steps and settings, changed part by part, also without scripts."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Form, Query, Request
from pydantic import ConfigDict, Field, model_validator
from starlette.responses import Response

from automations import drafts
from automations.building import tree
from automations.building.context import At, Tab, context_of, part_called
from automations.building.fields import read
from automations.building.forms import PREFIX
from automations.building.parts import TRIGGER_KINDS, class_of, fresh, kinds_in
from automations.building.reading import Opened, open_automation, wrong_with
from automations.models import SequenceDraft
from crm.accounts.deps import ClinicUow, own_uow, require
from crm.core.uow import UnitOfWork
from crm.web.forms import FormModel, Rejected, shows_again, storable
from crm.web.htmx import Undo, is_htmx, toast
from crm.web.language import _
from crm.web.pages import see_other
from crm.web.paths import path_of
from crm.web.templating import render, render_block

router = APIRouter(prefix="/sequences/{automation_id}", include_in_schema=False)

READ, WRITE = require("automations:read"), require("automations:write")
PAGE = "automations/builder.html"
ROUTES: Mapping[str, str] = {"steps": "automations:sequence", "settings": "automations:settings"}

MOST_TYPED = 2000
"""Characters of one field of a part at most."""

Key = Annotated[str, Query(max_length=80)]
Shift = Literal["up", "down", "in", "duplicate", "remove"]


class DraftForm(FormModel):
    """What every change of a draft says: what was seen of it, and on which tab."""

    version: Annotated[int, Field(ge=0)] = 0
    tab: Tab = "steps"


class AddForm(DraftForm):
    """A new part, and where it goes."""

    kind: Annotated[str, Field(max_length=40)]
    into: Annotated[str, Field(max_length=80)]
    before: Annotated[str, Field(max_length=40)] = ""


class SaveForm(DraftForm):
    """The fields of a part, whatever they are: each has the prefix `f.`."""

    model_config = ConfigDict(extra="allow")

    part: Annotated[str, Field(max_length=40)]

    @model_validator(mode="before")
    @classmethod
    def _can_be_kept(cls, data: Any) -> Any:
        for pair in data.items() if isinstance(data, Mapping) else ():
            for typed in pair:
                storable(str(typed)[:MOST_TYPED])
        return data

    def typed(self) -> dict[str, str]:
        """Return what was typed, by the names of the part's fields."""
        extra = self.model_extra or {}
        return {
            name.removeprefix(PREFIX): str(value)[:MOST_TYPED]
            for name, value in extra.items()
            if name.startswith(PREFIX)
        }


class ShiftForm(DraftForm):
    """What a part's menu does with it."""

    part: Annotated[str, Field(max_length=40)]
    do: Shift


class PlaceForm(DraftForm):
    """Where a part was dropped."""

    part: Annotated[str, Field(max_length=40)]
    into: Annotated[str, Field(max_length=80)]
    before: Annotated[str, Field(max_length=40)] = ""


@router.get("", name=ROUTES["steps"], dependencies=[READ])
def steps(
    request: Request,
    uow: ClinicUow,
    automation_id: UUID,
    edit: Key = "",
    add: Key = "",
    before: Key = "",
    lead_id: UUID | None = None,
    speak: Literal["en", "es"] | None = None,
) -> Response:
    """Show the steps of a sequence, and let them be changed where one may."""
    return _page(request, uow, automation_id, At("steps", edit, add, before, lead_id, speak))


@router.get("/settings", name=ROUTES["settings"], dependencies=[READ])
def settings(
    request: Request,
    uow: ClinicUow,
    automation_id: UUID,
    edit: Key = "",
    add: Key = "",
    before: Key = "",
) -> Response:
    """Show what starts a sequence, for whom, when it ends early, and who may enter again."""
    return _page(request, uow, automation_id, At("settings", edit, add, before))


@router.post("/parts", name="automations:add_part", dependencies=[WRITE])
def add_part(
    request: Request, uow: ClinicUow, automation_id: UUID, form: Annotated[AddForm, Form()]
) -> Response:
    """Add a step or a condition at a place, and open its form."""
    node = fresh(form.kind, tree.list_of(form.into))

    def add(document: tree.Node) -> tree.Node:
        if form.kind not in kinds_in(tree.list_of(form.into)):
            raise tree.PartGone(_("There is no such kind."))
        return tree.put(document, node, form.into, form.before)

    drafts.edit_draft(uow, automation_id, form.version, add)
    return _changed(request, uow, automation_id, At(form.tab, edit=node["id"], is_new=True))


def _save_again(request: Request, rejected: Rejected) -> Response:
    typed = rejected.values
    tab: Tab = "settings" if typed.get("tab") == "settings" else "steps"
    with own_uow(request) as uow:
        at = At(tab, edit=typed.get("part", ""))
        automation_id = UUID(request.path_params["automation_id"])
        return _page(request, uow, automation_id, at, rejected)


@router.post("/save", name="automations:save_part", dependencies=[WRITE, shows_again(_save_again)])
def save_part(
    request: Request, uow: ClinicUow, automation_id: UUID, form: Annotated[SaveForm, Form()]
) -> Response:
    """Keep what a part's form says; what it lacks is said beside its fields."""

    def keep(document: tree.Node) -> tree.Node:
        return tree.filled(document, form.part, _fields(document, form))

    drafts.edit_draft(uow, automation_id, form.version, keep)
    opened = open_automation(uow, automation_id)
    is_wrong = form.part in wrong_with(uow, opened.document)
    # A trigger of another kind has other fields, which are asked for next.
    at = At(form.tab, edit=form.part if is_wrong else "")
    what = part_called(opened, form.part) or _("what starts it")
    said = _("Kept: %(what)s", what=what)
    if is_wrong:
        said = _("Kept in the draft, where something is still missing: %(what)s", what=what)
    return _changed(request, uow, automation_id, at, said, opened)


def _fields(document: tree.Node, form: SaveForm) -> dict[str, Any]:
    """Return the fields that a form gives a part; a trigger also has its kind from there."""
    typed = form.typed()
    if form.part == tree.TRIGGER:
        kind = typed.get("kind", "")
        part = TRIGGER_KINDS.get(kind)
        return {"kind": kind, **(read(part, typed) if part else {})} if kind else {}
    node = tree.find(document, form.part)
    name = "" if form.part == tree.ROOT else tree.place_of(document, form.part).list
    known = class_of(node, name)
    return read(known, typed) if known is not None else {}


@router.post("/shift", name="automations:shift_part", dependencies=[WRITE])
def shift_part(
    request: Request, uow: ClinicUow, automation_id: UUID, form: Annotated[ShiftForm, Form()]
) -> Response:
    """Move a part by one place, copy it, or take it away."""
    made: list[str] = []

    def shift(document: tree.Node) -> tree.Node:
        match form.do:
            case "up" | "down":
                return tree.nudged(document, form.part, 1 if form.do == "down" else -1)
            case "in":
                return tree.indented(document, form.part)
            case "duplicate":
                after, copy = tree.doubled(document, form.part)
                made.append(copy)
                return after
            case "remove":
                return tree.removed(document, form.part)

    draft = drafts.edit_draft(uow, automation_id, form.version, shift)
    said = {"remove": _("Removed."), "duplicate": _("Copied.")}.get(form.do, "")
    undo = _undo(request, automation_id, draft, form.tab) if said else None
    at = At(form.tab)
    return _changed(request, uow, automation_id, at, said, undo=undo)


@router.post("/place", name="automations:place_part", dependencies=[WRITE])
def place_part(
    request: Request, uow: ClinicUow, automation_id: UUID, form: Annotated[PlaceForm, Form()]
) -> Response:
    """Put a part where it was dropped."""
    drafts.edit_draft(
        *(uow, automation_id, form.version),
        lambda one: tree.moved(one, form.part, form.into, form.before),
    )
    return _changed(request, uow, automation_id, At(form.tab))


@router.post("/undo", name="automations:undo_edit", dependencies=[WRITE])
def undo_edit(
    request: Request, uow: ClinicUow, automation_id: UUID, form: Annotated[DraftForm, Form()]
) -> Response:
    """Take the draft's last edit back."""
    drafts.undo_edit(uow, automation_id, form.version)
    return _changed(request, uow, automation_id, At(form.tab), _("Undone."))


def _undo(request: Request, automation_id: UUID, draft: SequenceDraft, tab: Tab) -> Undo:
    path = path_of(request, "automations:undo_edit", automation_id=automation_id)
    return Undo(path, {"version": draft.version, "tab": tab})


def _changed(
    request: Request,
    uow: UnitOfWork,
    automation_id: UUID,
    at: At,
    said: str = "",
    opened: Opened | None = None,
    undo: Undo | None = None,
) -> Response:
    """Answer with the builder as it is now, or without scripts by leading to it."""
    if not is_htmx(request):
        response = see_other(request, ROUTES[at.tab], automation_id=automation_id, message=said)
        response.headers["location"] += f"?edit={at.edit}#edit-{at.edit}" if at.edit else ""
        return response
    response = _block(request, context_of(request, uow, automation_id, at, opened=opened))
    path = path_of(request, ROUTES[at.tab], automation_id=automation_id)
    response.headers["HX-Push-Url"] = f"{path}?edit={at.edit}" if at.edit else path
    return toast(response, said, undo=undo) if said else response


def _page(
    request: Request,
    uow: UnitOfWork,
    automation_id: UUID,
    at: At,
    rejected: Rejected | None = None,
) -> Response:
    context = context_of(request, uow, automation_id, at, rejected)
    status = rejected.problem.status if rejected else 200
    # Who goes back in a browser is given the whole page, as everybody who asks for an address.
    if is_htmx(request) and "hx-history-restore-request" not in request.headers:
        return _block(request, context, status)
    return render(request, PAGE, status, **context)


def _block(request: Request, context: Mapping[str, Any], status: int = 200) -> Response:
    return render_block(request, PAGE, "builder", status, **{**context, "is_swapped": True})
