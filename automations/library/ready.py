"""What a ready sequence is: a file as one clinic gives it to another."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from automations.portable import TemplateWords, Uploaded
from crm.web.language import _

EXITS = ("replied", "booked", "won", "lost", "opted_out")


@dataclass(frozen=True)
class Ready:
    """A ready sequence: its name and what it is for, its definition, and its texts."""

    code: str
    name: str
    summary: str
    trigger: Mapping[str, Any]
    steps: tuple[Mapping[str, Any], ...]
    texts: Mapping[str, Mapping[str, str]]
    exits: tuple[str, ...] = EXITS
    reentry: str = "after_end"
    conditions: tuple[Mapping[str, Any], ...] = field(default=())
    message_class: str = "care"

    def as_file(self) -> Uploaded:
        """Return it as a file, named in the reader's language."""
        definition = {
            "name": _(self.name),
            "trigger": dict(self.trigger),
            "conditions": list(self.conditions),
            "exits": list(self.exits),
            "reentry": self.reentry,
            "importance": "marketing" if self.message_class == "marketing" else "follow_up",
            "steps": list(self.steps),
        }
        templates = {
            name: TemplateWords(bodies=dict(bodies), message_class=self.message_class)
            for name, bodies in self.texts.items()
        }
        return Uploaded(definition=definition, templates=templates)


def text(template: str, **more: Any) -> Mapping[str, Any]:
    """Return a step that sends a text."""
    return {"kind": "send_text", "template": template, **more}


def wait(**span: int) -> Mapping[str, Any]:
    """Return a step that waits for days, hours or minutes."""
    return {"kind": "wait_for", **span}


def until(time: str, weekday: str | None = None) -> Mapping[str, Any]:
    """Return a step that waits for a time of day."""
    return {"kind": "wait_until", "time": time, **({"weekday": weekday} if weekday else {})}
