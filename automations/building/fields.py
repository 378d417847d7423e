"""The forms of triggers, conditions and steps, made from the fields of their classes.

A new kind needs no form of its own: its fields' types say what is asked, `Ask` says how.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import time as TimeOfDay
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Le, MaxLen
from pydantic import BaseModel

from automations.asking import Ask, Widget
from automations.building.tree import LISTS
from crm.core.errors import N_
from crm.web.language import _

KNOWN: Mapping[str, Ask] = {
    "template_id": Ask(N_("Template"), choices="templates"),
    "useful_hours": Ask(
        N_("Worth sending for (hours)"),
        N_("A message that is held longer, over a night or a weekend, is not sent any more."),
    ),
    "days": Ask(N_("Days")),
    "hours": Ask(N_("Hours")),
    "minutes": Ask(N_("Minutes")),
    "time": Ask(N_("Time of day"), widget="time"),
    "weekday": Ask(N_("Weekday")),
    "business_days": Ask(N_("Only on business days")),
    "zone": Ask(N_("By the clock of")),
    "event": Ask(N_("Event")),
    "match": Ask(N_("Goes on with “then” where")),
    "percent": Ask(N_("Of a hundred people")),
    "title": Ask(N_("What is to be done?")),
    "due_in_days": Ask(N_("Due in days")),
    "for": Ask(N_("For"), choices="owner_or_user"),
    "for_": Ask(N_("For"), choices="owner_or_user"),
    "to": Ask(N_("Whom"), choices="owner_or_everybody"),
    "message": Ask(N_("Message"), widget="words"),
    "pipeline_id": Ask(N_("Pipeline"), choices="pipelines"),
    "stage_id": Ask(N_("Stage"), choices="stages"),
    "user_ids": Ask(N_("Among"), N_("One after another, in this order."), choices="users"),
    "user_id": Ask(N_("User"), choices="users"),
    "automation_id": Ask(N_("Sequence"), choices="automations"),
    "add": Ask(N_("Tags to add"), N_("Names with commas between them."), widget="list"),
    "remove": Ask(N_("Tags to remove"), N_("Names with commas between them."), widget="list"),
    "tag": Ask(N_("Tag")),
    "tags": Ask(N_("Tags"), N_("Names with commas between them."), widget="list"),
    "field": Ask(N_("Field")),
    "value": Ask(N_("Value")),
    "channel": Ask(N_("Channel")),
    "source": Ask(N_("Source"), choices="sources"),
    "sources": Ask(N_("Sources"), choices="sources"),
    "language": Ask(N_("Language")),
    "name": Ask(N_("Name")),
    "exits": Ask(
        N_("Ends early when"),
        N_("Whoever leaves gets nothing more of it; what waits to be sent is withdrawn."),
    ),
    "reentry": Ask(N_("Entering again")),
    "importance": Ask(
        N_("Importance"),
        N_("Where several sequences are about to write to one person, the most important does."),
    ),
    "sends_from": Ask(
        N_("Sends from"),
        N_("By the clock where the person is. Texts also keep to the clinic's hours."),
    ),
    "sends_until": Ask(N_("Sends until")),
    "sends_on": Ask(N_("Sends on")),
}
"""What fields of these names ask for, whatever part they belong to."""

VALUES: Mapping[str, str] = {
    "en": N_("English"),
    "es": N_("Spanish"),
    "monday": N_("Monday"),
    "tuesday": N_("Tuesday"),
    "wednesday": N_("Wednesday"),
    "thursday": N_("Thursday"),
    "friday": N_("Friday"),
    "saturday": N_("Saturday"),
    "sunday": N_("Sunday"),
    "clinic": N_("the clinic"),
    "recipient": N_("the person"),
    "sms": N_("Text"),
    "email": N_("Email"),
    "all": N_("all of these hold"),
    "any": N_("any of these holds"),
    "replied": N_("They reply"),
    "delivered": N_("A text is delivered"),
    "stage_changed": N_("The lead is moved"),
    "tag_added": N_("A tag is added"),
    "task_done": N_("A task is done"),
    "form_submitted": N_("A form is sent"),
    "booked": N_("They book"),
    "won": N_("The lead is won"),
    "lost": N_("The lead is lost"),
    "opted_out": N_("They opt out"),
    "never": N_("Never: nobody enters it twice"),
    "after_end": N_("Once the last time has ended"),
    "appointment": N_("An appointment: first"),
    "reply": N_("An answer to what they wrote"),
    "follow_up": N_("A follow-up"),
    "marketing": N_("News and offers: last"),
    "restart": N_("At once: it starts anew"),
}
"""How the values of choices read; others read as they are written."""

_HELD = frozenset({"kind", "trigger", *LISTS})


@dataclass(frozen=True)
class Field:
    """A field of a part as a form asks for it; `options` are those that no clinic adds to."""

    name: str
    label: str
    hint: str
    widget: Widget
    choices: str
    options: tuple[str, ...]
    is_needed: bool
    most: int | None = None
    least: int | None = None
    length: int | None = None
    default: Any = None

    def is_given(self, value: Any) -> bool:
        """Return whether a value says anything."""
        return value not in (None, "", [], ())


@cache
def fields_of(part: type[BaseModel]) -> tuple[Field, ...]:
    """Return what a form asks of a part, in the order of its class; lists of parts are none."""
    names = [name for name in part.model_fields if name not in _HELD]
    # A stage stands for its pipeline, which is added on the way to a version.
    is_told = "stage_id" in names and part.model_fields["stage_id"].is_required()
    kept = (name for name in names if not (is_told and name == "pipeline_id"))
    return tuple(_field(part, name) for name in kept)


def _field(part: type[BaseModel], name: str) -> Field:
    info = part.model_fields[name]
    kind, notes = _bare(info.annotation, list(info.metadata))
    shown = info.alias or name
    ask = next((note for note in notes if isinstance(note, Ask)), None) or KNOWN.get(name, Ask())
    limits = {type(note): note for note in notes}
    many = get_args(kind) if get_origin(kind) in (tuple, list, frozenset) else ()
    options = tuple(str(one) for one in get_args(many[0] if many else kind))
    is_choice = get_origin(many[0] if many else kind) is Literal
    default = None if info.is_required() else info.get_default(call_default_factory=True)
    return Field(
        name=shown,
        label=ask.label or shown.replace("_", " ").capitalize(),
        hint=ask.hint,
        widget=ask.widget or _widget(kind, bool(many), is_choice, ask),
        choices=ask.choices,
        options=options if is_choice else (),
        is_needed=info.is_required(),
        most=getattr(limits.get(Le), "le", None),
        least=getattr(limits.get(Ge), "ge", None),
        length=getattr(limits.get(MaxLen), "max_length", None),
        default=list(default) if isinstance(default, tuple) else default,
    )


def _bare(annotation: Any, notes: list[Any]) -> tuple[Any, list[Any]]:
    """Return a type without `Annotated` and `None` around it, and what was noted there."""
    if get_origin(annotation) is Annotated:
        inner, *more = get_args(annotation)
        return _bare(inner, [*notes, *_flat(more)])
    if get_origin(annotation) in (Union, UnionType):
        inner = [one for one in get_args(annotation) if one is not NoneType]
        if len(inner) == 1:
            return _bare(inner[0], notes)
    return annotation, _flat(notes)


def _flat(notes: Sequence[Any]) -> list[Any]:
    """Return the notes of a type, those of pydantic's own `Field` one by one."""
    return [one for note in notes for one in (note, *getattr(note, "metadata", ()))]


def _widget(kind: Any, is_many: bool, is_choice: bool, ask: Ask) -> Widget:
    if is_many:
        return "many" if is_choice or ask.choices else "list"
    if is_choice or ask.choices:
        return "choice"
    if kind is bool:
        return "check"
    if kind is int:
        return "number"
    return "time" if kind is TimeOfDay else "text"


def value_words(value: str) -> str:
    """Return how a value of a choice reads."""
    return _(VALUES[value]) if value in VALUES else value


def read(part: type[BaseModel], typed: Mapping[str, str]) -> dict[str, Any]:
    """Return the fields of a part from what was typed; what is left empty is left out.

    Nothing is refused here: what cannot be used stays, and the page says what is wrong with it.
    """
    found: dict[str, Any] = {}
    for field in fields_of(part):
        value = _typed(field, typed)
        if value is not None:
            found[field.name] = value
    if found.get("stage_id"):
        found.pop("pipeline_id", None)
    return found


def _typed(field: Field, typed: Mapping[str, str]) -> Any:
    if field.widget == "check":
        return typed.get(field.name) == "yes"
    if field.widget == "many":
        prefix = f"{field.name}."
        return [name.removeprefix(prefix) for name in typed if name.startswith(prefix)]
    raw = typed.get(field.name, "").replace("\r\n", "\n").strip()
    if field.widget == "list":
        return [one.strip() for one in raw.split(",") if one.strip()]
    if not raw:
        return None
    return int(raw) if field.widget == "number" and raw.isascii() and raw.isdigit() else raw
