"""What the builder's page shows: the parts of a draft, the forms that are open, and the rest."""

from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

from fastapi import Request

from automations import figures
from automations.building import tree
from automations.building.forms import form_of, of_the_whole
from automations.building.parts import (
    ICONS,
    LIST_LABELS,
    TRIGGER_KINDS,
    kinds_in,
    label_of,
    words_of,
)
from automations.building.preview import Preview, preview_of
from automations.building.reading import Opened, Wrong, open_automation, shown, wrong_with
from crm.accounts.roles import may
from crm.core.runtime import Runtime
from crm.core.uow import UnitOfWork
from crm.messaging.queries import in_language
from crm.messaging.rendering import EMAIL_LIMIT, preview
from crm.web.forms import Rejected
from crm.web.language import _, current_language

Tab = Literal["steps", "settings"]


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


def context_of(
    request: Request,
    uow: UnitOfWork,
    automation_id: UUID,
    at: At,
    rejected: Rejected | None = None,
    opened: Opened | None = None,
) -> dict[str, Any]:
    """Return what the template takes, for whoever asks."""
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
        "words": words_of_start(opened),
        "may_edit": may_edit,
        "open": _open(request, uow, opened, at, {} if at.is_new else wrong, rejected),
        "kinds": _kinds(at) if may_edit else [],
        "figures": figures.figures_of(uow, opened) if at.tab == "steps" else {},
        "texts": _texts(opened),
        "subjects": _subjects(opened),
        "unspoken": _unspoken(opened),
        "lists": LIST_LABELS,
        "icons": ICONS,
        "missing": sum(len(fields) for fields in wrong.values()),
    }


def _kinds(at: At) -> list[tuple[str, str]]:
    """Return the kinds that may come where something is added, each with its label."""
    if not at.add:
        return []
    return [(kind, label_of(part)) for kind, part in kinds_in(tree.list_of(at.add)).items()]


def _sent(opened: Opened) -> set[str]:
    """Return the ids of the templates that its steps send."""
    return {str(place.node.get("template_id")) for place in tree.places(opened.document)}


def _unspoken(opened: Opened) -> dict[str, list[str]]:
    """Return in which languages of the clinic's people its templates say nothing."""
    return {one: opened.choices.unspoken(one) for one in _sent(opened)}


def _texts(opened: Opened) -> dict[str, str]:
    """Return what the templates that its steps send say, for nobody in particular."""
    bodies = opened.choices.bodies
    language = current_language()
    return {
        one: preview(in_language(bodies[one], language), limit=EMAIL_LIMIT)
        for one in _sent(opened) & bodies.keys()
    }


def _subjects(opened: Opened) -> dict[str, str]:
    """Return the subjects of the emails that its steps send."""
    subjects, language = opened.choices.subjects, current_language()
    found = _sent(opened) & subjects.keys()
    return {one: preview(in_language(subjects[one], language)) for one in found}


def words_of_start(opened: Opened) -> str:
    """Return what starts it, with its filters; nothing where that is not chosen yet."""
    trigger = tree.find(opened.document, tree.TRIGGER)
    is_known = str(trigger.get("kind", "")) in TRIGGER_KINDS
    return words_of(trigger, "", opened.choices.names) if is_known else ""


def part_called(opened: Opened, key: str) -> str:
    """Return what a part is called: how a step or condition reads, or which form it is.

    Nothing for a start that is not chosen yet. Raises PartGone.
    """
    if key == tree.ROOT:
        return _("name, end and entering again")
    if key == tree.TRIGGER:
        return words_of_start(opened)
    name = tree.place_of(opened.document, key).list
    return words_of(tree.find(opened.document, key), name, opened.choices.names)


def _open(
    request: Request,
    uow: UnitOfWork,
    opened: Opened,
    at: At,
    wrong: Wrong,
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
                *(
                    node,
                    name,
                    opened.choices,
                    {} if _is_untouched(node, at) else wrong.get(key, {}),
                ),
                rejected.values if rejected is not None and is_typed else None,
            ),
            "whole": of_the_whole(node, name, wrong.get(key, {})),
            "preview": _preview(request, uow, opened, node, at),
        }
    return forms


def _is_untouched(node: tree.Node, at: At) -> bool:
    """Return whether nobody has yet said what starts it: no form is wrong unfilled."""
    return node["id"] == tree.TRIGGER and not node.get("kind") and at.edit != tree.TRIGGER


def _preview(
    request: Request, uow: UnitOfWork, opened: Opened, node: tree.Node, at: At
) -> Preview | None:
    bodies = opened.choices.bodies.get(str(node.get("template_id", "")))
    if bodies is None:
        return None
    runtime: Runtime = request.app.state.runtime
    price = runtime.settings.text_segment_price
    subjects = opened.choices.subjects.get(str(node["template_id"]))
    return preview_of(uow, bodies, subjects, at.lead_id, at.speak, price)
