"""What an automation is: one strict document of a trigger, conditions, exits and typed steps."""

from collections.abc import Iterable, Mapping
from datetime import time
from functools import cached_property
from itertools import pairwise
from typing import Annotated, Any, Literal, get_args

from pydantic import Field, ValidationError, ValidationInfo, field_validator

from automations.conditions import AnyCondition
from automations.facts import Group
from automations.program import DEEPEST, MOST_STEPS, Program, compile_steps, outline
from automations.steps import AnyStep
from automations.times import WEEKDAYS, TimeOfDay, Weekday
from automations.triggers import AnyTrigger
from crm.compliance import quiet_hours
from crm.core.errors import N_, Invalid
from crm.web.forms import InputModel
from crm.web.language import _
from crm.web.problems import human_message

ExitCode = Literal["replied", "booked", "won", "lost", "opted_out", "stage_changed"]
EXIT_CODES: tuple[ExitCode, ...] = get_args(ExitCode)
DEFAULT_EXITS: tuple[ExitCode, ...] = ("replied", "booked", "won", "lost", "opted_out")

Importance = Literal["appointment", "reply", "follow_up", "marketing"]
"""Whose text goes first where several sequences are about to write to one person."""

OUT_OF_ORDER = N_("It ends before it begins: take a later hour.")
NO_FULL_HOUR = N_("Take a full hour, such as 09:00.")

Reentry = Literal["never", "after_end", "restart"]
"""May somebody enter again: never, once the last passage has ended, or at once, ending that one."""


KIND_NEEDED = N_("Say what kind this is.")
TOO_MANY = N_("A sequence has at most %(most)s steps, those in its branches counted too.")
TOO_DEEP = N_("A step stands in at most %(most)s branches within each other.")
UNREADABLE = N_("This is nested too deeply.")
MOST_NESTED = 40
"""Lists and objects within each other at most: what the branches and conditions at most need."""

_MOST_PATH = 200


class InvalidDefinition(Invalid):
    """A sequence that cannot be published; `fields` maps `steps.2.template_id` to what is wrong."""

    code = "invalid_sequence"
    title = N_("This sequence cannot be published")

    def __init__(self, fields: Mapping[str, str], kinds: Mapping[str, str] | None = None) -> None:
        detail = "; ".join(
            f"{_place(field, kinds or {})}: {message}" for field, message in fields.items()
        )
        super().__init__(detail, fields=fields)


class SequenceDefinition(InputModel):
    """A trigger, conditions, exits, re-entry, importance, hours and at most 50 steps of a version.

    What it sends leaves only from `sends_from` to `sends_until` of the days `sends_on`, by the
    clocks where the person may be, and within the hours of the law and of the clinic.
    """

    name: Annotated[str, Field(min_length=1, max_length=120)]
    trigger: AnyTrigger
    conditions: Annotated[tuple[AnyCondition, ...], Field(max_length=10)] = ()
    exits: tuple[ExitCode, ...] = DEFAULT_EXITS
    reentry: Reentry = "after_end"
    importance: Importance = "follow_up"
    sends_from: TimeOfDay | None = None
    sends_until: TimeOfDay | None = None
    sends_on: Annotated[tuple[Weekday, ...], Field(min_length=1)] = WEEKDAYS
    steps: Annotated[tuple[AnyStep, ...], Field(min_length=1, max_length=MOST_STEPS)]

    @field_validator("exits")
    @classmethod
    def _each_once(cls, exits: tuple[ExitCode, ...]) -> tuple[ExitCode, ...]:
        return tuple(code for code in EXIT_CODES if code in exits)

    @field_validator("sends_on")
    @classmethod
    def _days_in_order(cls, days: tuple[Weekday, ...]) -> tuple[Weekday, ...]:
        return tuple(day for day in WEEKDAYS if day in days)

    @field_validator("sends_from", "sends_until")
    @classmethod
    def _full_hour(cls, at: time | None) -> time | None:
        if at is not None and at != time(at.hour):
            raise ValueError(NO_FULL_HOUR)
        return at

    @field_validator("sends_until")
    @classmethod
    def _in_order(cls, until: time | None, info: ValidationInfo) -> time | None:
        begins = info.data.get("sends_from")
        if until is not None and until <= (begins or time()):
            raise ValueError(OUT_OF_ORDER)
        return until

    @property
    def week(self) -> quiet_hours.Week | None:
        """The hours of each day, Monday first, in which it sends; None where all are."""
        start = self.sends_from.hour if self.sends_from else 0
        end = self.sends_until.hour if self.sends_until else 24
        if (start, end, self.sends_on) == (0, 24, WEEKDAYS):
            return None
        return tuple((start, end) if day in self.sends_on else (0, 0) for day in WEEKDAYS)

    @cached_property
    def program(self) -> Program:
        """The steps with those of their branches, in the order by which places are numbered."""
        return compile_steps(self.steps)

    @cached_property
    def needs(self) -> frozenset[Group]:
        """The groups of facts that its steps look at."""
        return frozenset[Group]().union(*(place.step.asks() for place in self.program))

    @cached_property
    def entry_needs(self) -> frozenset[Group]:
        """The groups of facts that its conditions look at when somebody enters."""
        return frozenset[Group]().union(*(condition.asks() for condition in self.conditions))


def parse(document: Any) -> SequenceDefinition:
    """Return the definition that a document holds.

    Raises InvalidDefinition, which names each wrong step and field.
    """
    check_size(document)
    try:
        return SequenceDefinition.model_validate(document)
    except ValidationError as error:
        fields: dict[str, str] = {}
        for finding in error.errors(include_url=False, include_input=False):
            field = _field(finding["loc"], document)
            if finding["type"].startswith("union_tag"):
                fields.setdefault(f"{field}.kind", _kind_message(finding))
            else:
                fields.setdefault(field, human_message(finding))
        raise InvalidDefinition(fields, step_kinds(document)) from None


def check_size(document: Any) -> None:
    """Refuse a document of too many steps, or one that is nested too deeply to be looked through.

    Raises InvalidDefinition.
    """
    if _is_deeper(document, MOST_NESTED):
        raise InvalidDefinition({"steps": _(UNREADABLE)})
    steps = list(outline(document))
    wrong = {one.path: _(TOO_DEEP, most=DEEPEST) for one in steps if one.depth == DEEPEST + 1}
    if len(steps) > MOST_STEPS:
        wrong["steps"] = _(TOO_MANY, most=MOST_STEPS)
    if wrong:
        raise InvalidDefinition(wrong, step_kinds(document))


def step_kinds(document: Any) -> dict[str, str]:
    """Return the kind of each step of a document that may be wrong, by the step's path."""
    return {one.path: one.kind[:40] for one in outline(document) if one.kind is not None}


def _is_deeper(value: Any, most: int) -> bool:
    level = [value]
    for _depth in range(most + 1):
        level = [inner for one in level for inner in _inside(one)]
        if not level:
            return False
    return True


def _inside(value: Any) -> Iterable[Any]:
    if isinstance(value, Mapping):
        return value.values()
    return value if isinstance(value, list | tuple) else ()


def _field(loc: tuple[int | str, ...], document: Any) -> str:
    """Return the path of a field as it was written: without the kinds that told parts apart.

    A part of a union is followed by its kind, once, before its own fields.
    """
    path: list[str] = []
    node, may_be_kind = document, False
    for part in loc:
        if may_be_kind and isinstance(node, Mapping) and node.get("kind") == part:
            may_be_kind = False
            continue
        path.append(str(part))
        node, may_be_kind = _child(node, part), True
    return ".".join(path)[:_MOST_PATH] or "body"


def _child(node: Any, part: int | str) -> Any:
    if isinstance(node, Mapping):
        return node.get(part)
    if isinstance(node, list | tuple) and isinstance(part, int) and part < len(node):
        return node[part]
    return None


def _kind_message(finding: Any) -> str:
    expected = finding.get("ctx", {}).get("expected_tags")
    return _("Choose one of: %(expected)s.", expected=expected) if expected else _(KIND_NEEDED)


def _place(field: str, kinds: Mapping[str, str]) -> str:
    """Return where a field stands, for a person: steps are counted from one."""
    words: list[str] = []
    rest: list[str] = []
    path = ""
    for before, part in pairwise(["", *field.split(".")]):
        path = f"{path}.{part}" if path else part
        is_step = part.isdigit() and (path in kinds or path == f"steps.{part}")
        if not is_step:
            rest.append(part)
            continue
        if before == "steps":
            rest.pop()
        words += [".".join(rest)] if rest else []
        kind = kinds.get(path, "?")
        words.append(_("Step %(number)s (%(kind)s)", number=int(part) + 1, kind=kind))
        rest = []
    return ", ".join([*words, ".".join(rest)] if rest else words)
