"""What the page before publishing tells: the changes, whom they touch, what is sent, who else."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from automations.building.context import part_called
from automations.building.doubts import doubts
from automations.building.reading import Opened, Wrong, wrong_with
from automations.building.tree import ROOT, TRIGGER, definition_of
from automations.changes import Changes, changes_of, started_together
from automations.clocks.ahead import ahead_of
from automations.definitions import SequenceDefinition, parse
from automations.forecast import Forecast, outlook
from automations.references import with_ids
from automations.triggers.timed import TimedTrigger
from crm.core.uow import UnitOfWork
from crm.web.formats import small_money
from crm.web.language import N_, _, ngettext

WHAT: Mapping[str, tuple[str, str]] = {
    "added": (N_("Added"), "green"),
    "changed": (N_("Changed"), "blue"),
    "moved": (N_("Moved"), "purple"),
    "removed": (N_("Removed"), "red"),
}


@dataclass(frozen=True)
class Missing:
    """What is not complete: what it is called, what it lacks, and the part whose form asks for it.

    Without a key it is the list of steps itself.
    """

    called: str
    lacks: str
    key: str

    @property
    def is_setting(self) -> bool:
        """Whether it is changed under *Settings*."""
        return self.key in (ROOT, TRIGGER)


def publication(uow: UnitOfWork, opened: Opened, price: Decimal | None) -> dict[str, Any]:
    """Return what the page shows; a draft that cannot be published has no changes yet."""
    wrong = wrong_with(uow, opened.document)
    if wrong or not opened.has_draft:
        return {"missing": list(_missing(opened, wrong)), "changes": None}
    changes = changes_of(opened)
    bodies = opened.choices.bodies
    plain, _keys = definition_of(opened.document)
    definition = parse(with_ids(uow, plain))
    others = started_together(uow, opened.id, definition)
    soon = outlook(uow, opened.id, bodies, price)
    return {
        "missing": [],
        "changes": changes,
        "whats": {name: (_(label), tone) for name, (label, tone) in WHAT.items()},
        "others": [one.name for one in others],
        "doubts": doubts(uow, opened, definition, others),
        "hour": _words(soon.hour),
        "day": _words(soon.day),
        "is_partial": soon.is_partial,
        **_by_the_clock(uow, opened, definition),
        "confirm": _confirm(opened, changes),
    }


def _missing(opened: Opened, wrong: Wrong) -> Iterator[Missing]:
    """Yield what is not complete, a line for each form where it is changed."""
    for key, said in wrong.items():
        steps = said.get("steps") if key == ROOT else None
        if steps:
            yield Missing(_("Steps"), steps, "")
        fields = [words for words in said.values() if words is not steps]
        if fields:
            called = part_called(opened, key) or _("what starts it")
            yield Missing(called[:1].upper() + called[1:], " ".join(fields), key)


def _by_the_clock(
    uow: UnitOfWork, opened: Opened, definition: SequenceDefinition
) -> dict[str, Any]:
    """Return whom a trigger that looks at the time would find, and whether it does so anew."""
    trigger = definition.trigger
    if not isinstance(trigger, TimedTrigger):
        return {"ahead": None}
    is_new = opened.live is None or parse(opened.live).trigger != trigger
    return {"ahead": ahead_of(uow, trigger), "is_new_clock": is_new}


def _words(forecast: Forecast) -> tuple[int, str]:
    """Return how many messages that is, and in how many parts for how much."""
    parts = ngettext("%(num)s part", "%(num)s parts", forecast.parts)
    price = forecast.price
    return forecast.messages, parts if price is None else f"{parts} · {small_money(price)}"


def _confirm(opened: Opened, changes: Changes) -> str:
    """Return what the button says: the verb, and how much it does."""
    if not opened.number:
        return ngettext("Publish %(num)s step", "Publish %(num)s steps", len(changes.steps))
    return ngettext("Publish %(num)s change", "Publish %(num)s changes", changes.number)
