"""Published versions as the engine reads them: each is parsed once a process."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlmodel import col, select

from automations.definitions import SequenceDefinition, parse
from automations.models import Automation, SequenceVersion
from crm.core.events import Event
from crm.core.uow import UnitOfWork

_MOST_PARSED = 2000
_parsed: dict[tuple[UUID, UUID], SequenceDefinition] = {}


def definitions(uow: UnitOfWork, version_ids: Iterable[UUID]) -> dict[UUID, SequenceDefinition]:
    """Return the definitions of the clinic's versions; each is read and parsed once a process."""
    wanted = set(version_ids)
    found = {one: known for one in wanted if (known := _parsed.get((uow.clinic_id, one)))}
    missing = wanted - found.keys()
    if missing:
        rows = uow.session.execute(
            select(SequenceVersion.id, SequenceVersion.definition).where(
                col(SequenceVersion.clinic_id) == uow.clinic_id,
                col(SequenceVersion.id).in_(missing),
            )
        )
        fresh = {row.id: parse(row.definition) for row in rows}
        if len(_parsed) > _MOST_PARSED:
            _parsed.clear()
        _parsed.update({(uow.clinic_id, one): parsed for one, parsed in fresh.items()})
        found |= fresh
    return found


@dataclass(frozen=True)
class LiveAutomation:
    """An automation that people may enter now, by its published version."""

    id: UUID
    version_id: UUID
    definition: SequenceDefinition


_LIVE = "automations.live"


def live_automations(uow: UnitOfWork) -> Mapping[type[Event], Sequence[LiveAutomation]]:
    """Return the live automations by the events they listen to; read once a transaction."""
    known: dict[type[Event], list[LiveAutomation]] | None = uow.session.info.get(_LIVE)
    if known is None:
        known = uow.session.info[_LIVE] = _read_live(uow)
    return known


def forget_live(uow: UnitOfWork) -> None:
    """Read the live automations anew, after one was published, paused or resumed."""
    uow.session.info.pop(_LIVE, None)


def _read_live(uow: UnitOfWork) -> dict[type[Event], list[LiveAutomation]]:
    rows = uow.session.execute(
        select(Automation.id, Automation.version_id)
        .where(
            col(Automation.clinic_id) == uow.clinic_id,
            col(Automation.state) == "live",
            col(Automation.version_id).is_not(None),
        )
        .order_by(col(Automation.id))
    ).all()
    parsed = definitions(uow, [row.version_id for row in rows])
    by_event: dict[type[Event], list[LiveAutomation]] = {}
    for row in rows:
        automation = LiveAutomation(row.id, row.version_id, parsed[row.version_id])
        for event in automation.definition.trigger.listens:
            by_event.setdefault(event, []).append(automation)
    return by_event
