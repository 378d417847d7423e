"""What an automation is: one strict document of a trigger, conditions, exits and typed steps."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, get_args

from pydantic import Field, ValidationError, field_validator

from automations.conditions import AnyCondition
from automations.steps import AnyStep
from automations.triggers import AnyTrigger
from crm.core.errors import N_, Invalid
from crm.web.forms import InputModel
from crm.web.language import _
from crm.web.problems import human_message

ExitCode = Literal["replied", "booked", "won", "lost", "opted_out", "stage_changed"]
EXIT_CODES: tuple[ExitCode, ...] = get_args(ExitCode)
DEFAULT_EXITS: tuple[ExitCode, ...] = ("replied", "booked", "won", "lost", "opted_out")

Reentry = Literal["never", "after_end", "restart"]
"""May somebody enter again: never, once the last passage has ended, or at once, ending that one."""


KIND_NEEDED = N_("Say what kind this is.")


class InvalidDefinition(Invalid):
    """A sequence that cannot be published; `fields` maps `steps.2.template_id` to what is wrong."""

    code = "invalid_sequence"
    title = N_("This sequence cannot be published")

    def __init__(self, fields: Mapping[str, str], kinds: Mapping[int, str] | None = None) -> None:
        detail = "; ".join(
            f"{_place(field, kinds or {})}: {message}" for field, message in fields.items()
        )
        super().__init__(detail, fields=fields)


class SequenceDefinition(InputModel):
    """A trigger, conditions, exits, re-entry and at most 50 steps; what a version holds."""

    name: Annotated[str, Field(min_length=1, max_length=120)]
    trigger: AnyTrigger
    conditions: Annotated[tuple[AnyCondition, ...], Field(max_length=10)] = ()
    exits: tuple[ExitCode, ...] = DEFAULT_EXITS
    reentry: Reentry = "after_end"
    steps: Annotated[tuple[AnyStep, ...], Field(min_length=1, max_length=50)]

    @field_validator("exits")
    @classmethod
    def _each_once(cls, exits: tuple[ExitCode, ...]) -> tuple[ExitCode, ...]:
        return tuple(code for code in EXIT_CODES if code in exits)


def parse(document: Any) -> SequenceDefinition:
    """Return the definition that a document holds.

    Raises InvalidDefinition, which names each wrong step and field.
    """
    try:
        return SequenceDefinition.model_validate(document)
    except ValidationError as error:
        fields: dict[str, str] = {}
        for finding in error.errors(include_url=False, include_input=False):
            field = _field(finding["loc"])
            if finding["type"].startswith("union_tag"):
                fields.setdefault(f"{field}.kind", _kind_message(finding))
            else:
                fields.setdefault(field, human_message(finding))
        raise InvalidDefinition(fields, step_kinds(document)) from None


def step_kinds(document: Any) -> dict[int, str]:
    """Return the kind of each step of a document that may be wrong."""
    steps = document.get("steps") if isinstance(document, Mapping) else None
    if not isinstance(steps, Sequence) or isinstance(steps, str):
        return {}
    return {
        index: str(step["kind"])[:40]
        for index, step in enumerate(steps)
        if isinstance(step, Mapping) and "kind" in step
    }


def _field(loc: tuple[int | str, ...]) -> str:
    """Return the path of a field as it was written.

    What follows a position, or `trigger`, is the kind that tells a union's members apart.
    """
    befores = ("", *loc)
    path = [
        str(part)
        for before, part in zip(befores, loc, strict=False)
        if not (isinstance(before, int) or before == "trigger")
    ]
    return ".".join(path)[:80] or "body"


def _kind_message(finding: Any) -> str:
    expected = finding.get("ctx", {}).get("expected_tags")
    return _("Choose one of: %(expected)s.", expected=expected) if expected else _(KIND_NEEDED)


def _place(field: str, kinds: Mapping[int, str]) -> str:
    """Return where a field stands, for a person: steps are counted from one."""
    parts = field.split(".")
    if parts[0] != "steps" or len(parts) < 2 or not parts[1].isdigit():
        return field
    index = int(parts[1])
    place = _("Step %(number)s (%(kind)s)", number=index + 1, kind=kinds.get(index, "?"))
    return f"{place}, {'.'.join(parts[2:])}" if len(parts) > 2 else place
