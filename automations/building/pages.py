"""The builder: a draft's steps and settings, changed part by part, also without scripts."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Form, Query, Request
from pydantic import ConfigDict, Field
from starlette.responses import Response

from automations import drafts, figures
from automations.building import tree
from automations.building.fields import read
from automations.building.forms import PREFIX, form_of, of_the_whole
from automations.building.parts import (
    CONDITION_KINDS,
    ICONS,
    LIST_LABELS,
    TRIGGER_KINDS,
    class_of,
    fresh,
    kinds_in,
)
from automations.building.preview import Preview, preview_of
from automations.building.reading import Opened, open_automation, shown, wrong_with
from automations.models import SequenceDraft
from crm.accounts.deps import ClinicUow, own_uow, require
from crm.accounts.roles import may
from crm.core.errors import Invalid
from crm.core.runtime import Runtime
from crm.core.uow import UnitOfWork
from crm.web.forms import FormModel, Rejected, shows_again
from crm.web.htmx import Undo, is_htmx, toast
from crm.web.language import _
from crm.web.pages import see_other
from crm.web.paths import path_of
from crm.web.templating import render, render_block

router = APIRouter(prefix="/sequences/{automation_id}", include_in_schema=False)

READ, WRITE = require("automations:read"), require("automations:write")
PAGE = "automations/builder.html"
ROUTES: Mapping[str, str] = {"steps": "automations:sequence", "settings": "automations:settings"}

Tab = Literal["steps", "settings"]
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

    def typed(self) -> dict[str, str]:
        """Return what was typed, by the names of the part's fields."""
        extra = self.model_extra or {}
        return {
            name.removeprefix(PREFIX): str(value)
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


@dataclass(frozen=True)
class At:
    """What of a draft is open: the part that is edited, or the place that gets a new one."""

    tab: Tab
    edit: str = ""
    add: str = ""
    before: str = ""
    lead_id: UUID | None = None
    speak: Literal["en", "es"] | None = None
    is_new: bool = False


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
    kinds = kinds_in(tree.list_of(form.into))
    if form.kind not in kinds:
        raise Invalid(_("There is no such kind."), field="kind")
    node = fresh(form.kind, tree.list_of(form.into))
    drafts.edit_draft(
        uow, automation_id, form.version, lambda one: tree.put(one, node, form.into, form.before)
    )
    return _changed(request, uow, automation_id, At(form.tab, edit=node["id"], is_new=True))


def _save_again(request: Request, rejected: Rejected) -> Response:
    typed = rejected.values
    tab: Tab = "settings" if typed.get("tab") == "settings" else "steps"
    with own_uow(request) as uow:
        at = At(tab, edit=typed.get("part", ""))
        automation_id = UUID(request.path_params["automation_id"])
        return _page(request, uow, automation_id, at, rejected)


@router.post(
    "/save", name="automations:save_part", dependencies=[WRITE, shows_again(_save_again)]
)
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
    said = _("Kept in the draft. Something is still missing.") if is_wrong else _("Kept.")
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


def _undo(
    request: Request, automation_id: UUID, draft: SequenceDraft, tab: Tab
) -> Undo:
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
    response = _block(request, _context(request, uow, automation_id, at, opened=opened))
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
    context = _context(request, uow, automation_id, at, rejected)
    status = rejected.problem.status if rejected else 200
    # Who goes back in a browser is given the whole page, as everybody who asks for an address.
    if is_htmx(request) and "hx-history-restore-request" not in request.headers:
        return _block(request, context, status)
    return render(request, PAGE, status, **context)


def _block(request: Request, context: Mapping[str, Any], status: int = 200) -> Response:
    return render_block(request, PAGE, "builder", status, is_swapped=True, **context)


def _context(
    request: Request,
    uow: UnitOfWork,
    automation_id: UUID,
    at: At,
    rejected: Rejected | None = None,
    opened: Opened | None = None,
) -> dict[str, Any]:
    opened = opened or open_automation(uow, automation_id)
    wrong = wrong_with(uow, opened.document) if opened.has_draft else {}
    may_edit = may(request.state.recognised.membership.role, "automations:write")
    return {
        "now": uow.now,
        "it": opened,
        "at": at,
        "is_swapped": False,
        "problem": rejected.problem if rejected else None,
        "root": shown(opened, wrong),
        "trigger": shown(opened, wrong, tree.TRIGGER),
        "words": _words_of_start(opened),
        "may_edit": may_edit,
        "open": _open(request, uow, opened, at, {} if at.is_new else wrong, rejected),
        "kinds": kinds_in(tree.list_of(at.add)) if at.add and may_edit else {},
        "figures": figures.figures_of(uow, opened) if at.tab == "steps" else {},
        "lists": LIST_LABELS,
        "icons": ICONS,
        "conditions": CONDITION_KINDS,
        "missing": sum(len(fields) for fields in wrong.values()),
    }


def _words_of_start(opened: Opened) -> str:
    kind = str(opened.document.get("trigger", {}).get("kind", ""))
    part = TRIGGER_KINDS.get(kind)
    return _(part.label) if part is not None else ""


def _open(
    request: Request,
    uow: UnitOfWork,
    opened: Opened,
    at: At,
    wrong: Mapping[str, Mapping[str, str]],
    rejected: Rejected | None,
) -> dict[str, Any]:
    """Return the forms that are open, by part: on the settings those of the root and the trigger.

    A part that is gone has none, and the page stands without it.
    """
    wanted = [tree.ROOT, tree.TRIGGER] if at.tab == "settings" else []
    known = {place.node["id"]: place for place in tree.places(opened.document)}
    forms: dict[str, Any] = {}
    for key in [*wanted, *([at.edit] if at.edit in known else [])]:
        node = tree.find(opened.document, key)
        name = known[key].list if key in known else ""
        is_typed = rejected is not None and at.edit == key
        forms[key] = {
            "fields": form_of(
                *(node, name, opened.choices, wrong.get(key, {})),
                rejected.values if rejected is not None and is_typed else None,
            ),
            "whole": of_the_whole(node, name, wrong.get(key, {})),
            "preview": _preview(request, uow, opened, node, at),
        }
    return forms


def _preview(
    request: Request, uow: UnitOfWork, opened: Opened, node: tree.Node, at: At
) -> Preview | None:
    bodies = opened.choices.bodies.get(str(node.get("template_id", "")))
    if bodies is None:
        return None
    runtime: Runtime = request.app.state.runtime
    price = runtime.settings.text_segment_price
    return preview_of(uow, bodies, at.lead_id, at.speak, price)
