"""A sequence as a file: names in the place of ids, with its texts, for another clinic (W14)."""

import json
from collections.abc import Mapping
from math import isfinite
from typing import Any, Literal

from pydantic import Field
from sqlmodel import col, select

from automations.building.tree import Node, definition_of, draft_of
from automations.definitions import SequenceDefinition, check_size
from automations.drafts import name_beside, new_automation
from automations.models import Automation
from automations.names import Names
from automations.references import resolve
from crm.core.errors import N_, Invalid
from crm.core.uow import UnitOfWork
from crm.messaging.actions import new_template
from crm.messaging.queries import templates_shown
from crm.web.forms import InputModel
from crm.web.language import _
from pipelines.queries import pipelines

FORMAT = "frontdesk-sequence"
LARGEST = 200_000
"""Characters of a file at most."""

NOT_OURS = N_("This is no file of a sequence.")
NAMELESS = N_("An imported sequence")

_NAMED = ("template", "pipeline", "stage", "automation")


class TemplateWords(InputModel):
    """A template in a file: its words by language, and what they are for; an email has subjects."""

    bodies: dict[str, str]
    subjects: dict[str, str] = Field(default_factory=dict)
    message_class: Literal["care", "marketing"] = "care"


class Uploaded(InputModel):
    """A file: the definition with names for ids, and what the templates that it names say."""

    format: str = FORMAT
    definition: dict[str, Any]
    templates: dict[str, TemplateWords] = Field(default_factory=dict)


def download(uow: UnitOfWork, document: Mapping[str, Any], names: Names) -> dict[str, Any]:
    """Return a draft as a file: templates, pipelines, stages and sequences by their names.

    Users stay behind: what names one says `owner` in the file, or nothing.
    """
    plain, _keys = definition_of(document)
    defaults = {str(one.id) for one in pipelines(uow) if one.is_default}
    sequences = uow.session.execute(
        select(col(Automation.id), col(Automation.name)).where(
            col(Automation.clinic_id) == uow.clinic_id
        )
    )
    known = {
        "template": {str(one): name for one, name in names.templates.items()},
        "pipeline": {str(one): name for one, name in names.pipelines.items()},
        "stage": {str(one): name for one, name in names.stages.items()},
        "automation": {str(row.id): row.name for row in sequences},
    }
    definition = _named(plain, known, defaults)
    used = _all(definition, "template")
    templates = {
        one.name: {
            "bodies": dict(one.bodies),
            "message_class": one.message_class,
            **({"subjects": dict(one.subjects)} if one.channel == "email" else {}),
        }
        for one in templates_shown(uow)
        if one.name in used
    }
    return {"format": FORMAT, "definition": definition, "templates": templates}


def _named(value: Any, known: Mapping[str, Mapping[str, str]], defaults: set[str]) -> Any:
    if isinstance(value, list):
        return [_named(one, known, defaults) for one in value]
    if not isinstance(value, Mapping):
        return value
    made = {name: _named(one, known, defaults) for name, one in value.items()}
    if str(made.get("pipeline_id")) in defaults and made.get("stage_id"):
        # Its own default pipeline is what another clinic calls as it likes.
        del made["pipeline_id"]
    for name in _NAMED:
        row_id = made.pop(f"{name}_id", None)
        if row_id is not None and str(row_id) in known[name]:
            made[name] = known[name][str(row_id)].partition(" (")[0]
    made.pop("user_ids", None)
    for name in ("for", "to"):
        if made.get(name) not in (None, "owner", "everybody"):
            made[name] = "owner"
    return made


def _all(value: Any, name: str) -> set[str]:
    """Return every value that a document has under a name, however deep."""
    if isinstance(value, list):
        return {found for one in value for found in _all(one, name)}
    if not isinstance(value, Mapping):
        return set()
    own = {value[name]} if isinstance(value.get(name), str) else set()
    return own | {found for one in value.values() for found in _all(one, name)}


def upload(uow: UnitOfWork, text: str) -> Automation:
    """Begin a sequence as a file says, as a draft: what this clinic lacks is named in it.

    Raises Invalid where the file cannot be read.
    """
    try:
        read = json.loads(text[:LARGEST], parse_constant=_finite, parse_float=_finite)
    except (ValueError, RecursionError):
        raise Invalid(_(NOT_OURS), field="document") from None
    if isinstance(read, Mapping) and "definition" not in read:
        read = {"definition": read}
    try:
        return bring_in(uow, Uploaded.model_validate(read))
    except ValueError:
        raise Invalid(_(NOT_OURS), field="document") from None


def _finite(written: str) -> float:
    """Return a number that a database keeps. Raises ValueError for one without an end."""
    value = float(written)
    if not isfinite(value):
        raise ValueError(written)
    return value


def bring_in(uow: UnitOfWork, uploaded: Uploaded) -> Automation:
    """Begin a sequence as a draft, with those of its templates that the clinic has not yet.

    A template of the same name stays as the clinic wrote it. Raises Invalid, InvalidDefinition, and
    ValueError for a name with a dot.
    """
    check_size(uploaded.definition)
    if _has_dots(uploaded.definition):
        raise ValueError("a path could not be told from such a name")
    _add_templates(uow, uploaded.templates)
    fields = SequenceDefinition.model_fields
    kept = {name: value for name, value in uploaded.definition.items() if name in fields}
    name = str(kept.get("name") or _(NAMELESS))
    return new_automation(uow, name_beside(uow, name), draft_of(_by_ids(uow, kept)))


def _has_dots(value: Any) -> bool:
    if isinstance(value, list):
        return any(_has_dots(one) for one in value)
    if not isinstance(value, Mapping):
        return False
    return any("." in name or _has_dots(one) for name, one in value.items())


def _add_templates(uow: UnitOfWork, templates: Mapping[str, TemplateWords]) -> None:
    known = {one.name.casefold() for one in templates_shown(uow)}
    for name, words in templates.items():
        if name.casefold() not in known:
            new_template(uow, name, words.bodies, words.message_class, words.subjects or None)


def _by_ids(uow: UnitOfWork, definition: Mapping[str, Any]) -> Node:
    """Put ids in the place of the names that are known here; others stay, and are told of."""
    resolved, wrong = resolve(uow, definition)
    for path in wrong:
        *way, name = path.split(".")
        old, new = _at(definition, way), _at(resolved, way)
        if name in old:
            new[name] = old[name]
    return resolved


def _at(node: Any, way: list[str]) -> Any:
    for part in way:
        node = node[int(part)] if isinstance(node, list | tuple) else node[part]
    return node
