"""A part's form as the page shows it: each field with its value, its options and its error."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from automations.building.choices import Choices
from automations.building.fields import Field, fields_of
from automations.building.parts import TRIGGER_KINDS, class_of, label_of
from automations.building.tree import TRIGGER
from crm.web.language import N_, _

PREFIX = "f."
"""Before the names of a part's fields in a form, apart from what the form itself needs."""

KIND = Field("kind", N_("Starts when"), "", "choice", "", (), True)


@dataclass(frozen=True)
class FieldShown:
    """A field in a form; `chosen` are the options that are on, where there may be several."""

    id: str
    name: str
    label: str
    hint: str
    widget: str
    value: str
    options: Sequence[tuple[str, str]]
    chosen: frozenset[str]
    error: str
    is_needed: bool
    length: int | None


def form_of(
    node: Mapping[str, Any],
    list_name: str,
    choices: Choices,
    wrong: Mapping[str, str],
    typed: Mapping[str, str] | None = None,
) -> list[FieldShown]:
    """Return the fields of a part: as they are, or as they were typed into a form refused since."""
    part = class_of(node, list_name)
    fields = fields_of(part) if part is not None else ()
    shown = [_shown(node, one, choices, wrong, typed) for one in fields]
    if node["id"] == TRIGGER:
        kinds = [(kind, label_of(each)) for kind, each in TRIGGER_KINDS.items()]
        starts = _shown(node, KIND, choices, wrong, typed, kinds)
        return [starts, *shown]
    return shown


def _shown(
    node: Mapping[str, Any],
    field: Field,
    choices: Choices,
    wrong: Mapping[str, str],
    typed: Mapping[str, str] | None,
    options: Sequence[tuple[str, str]] | None = None,
) -> FieldShown:
    value = node.get(field.name, field.default)
    name = f"{PREFIX}{field.name}"
    chosen = _chosen(name, value, typed)
    listed = choices.of(field, value) if options is None else options
    # Nothing is chosen for anybody: an empty choice stands first where there is no value yet.
    needs_blank = field.widget == "choice" and (not field.is_needed or value in (None, ""))
    if needs_blank and field.default is None:
        listed = [("", _("Choose one") if field.is_needed else _("Any")), *listed]
    return FieldShown(
        id=f"{node['id']}-{field.name}",
        name=name,
        label=_(field.label),
        hint=_hint(field),
        widget=field.widget,
        value=_text(value) if typed is None else typed.get(name, ""),
        options=listed,
        chosen=chosen,
        error=_message(field.name, wrong),
        is_needed=field.is_needed or (field.widget == "choice" and field.default is not None),
        length=field.length,
    )


def _hint(field: Field) -> str:
    if field.hint or field.widget != "number" or field.default is None:
        return _(field.hint) if field.hint else ""
    return _("Left empty, it is %(default)s.", default=field.default)


def _chosen(name: str, value: Any, typed: Mapping[str, str] | None) -> frozenset[str]:
    if typed is not None:
        prefix = f"{name}."
        return frozenset(one.removeprefix(prefix) for one in typed if one.startswith(prefix))
    if value is True:
        return frozenset({"yes"})
    return frozenset(str(one) for one in value) if isinstance(value, list | tuple) else frozenset()


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, list | tuple):
        return ", ".join(str(one) for one in value)
    return str(value)


def _message(name: str, wrong: Mapping[str, str]) -> str:
    """Return what is wrong with a field, also with one of several that it holds."""
    found = (said for field, said in wrong.items() if field.split(".")[0] == name)
    return next(found, "")


def of_the_whole(
    node: Mapping[str, Any], list_name: str, wrong: Mapping[str, str]
) -> Sequence[str]:
    """Return what is wrong with a part and belongs to none of its form's fields."""
    part = class_of(node, list_name)
    own = {field.name for field in fields_of(part)} if part is not None else set()
    return [said for field, said in wrong.items() if field.split(".")[0] not in own]
