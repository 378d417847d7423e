"""Published versions as the engine reads them: each is parsed once a process."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlmodel import col, select

from automations.definitions import SequenceDefinition, parse
from automations.models import Automation, SequenceVersion, TriggerClock
from crm.core.events import Event
from crm.core.uow import UnitOfWork

_MOST_PARSED = 10_000
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
class Published:
    """An automation by its published version; who would enter a paused one is refused.

    One that starts by the clock starts nobody for what came to be before `counts_from`.
    """

    id: UUID
    version_id: UUID
    definition: SequenceDefinition
    is_paused: bool
    counts_from: datetime | None = None


_PUBLISHED = "automations.published"


def published_automations(uow: UnitOfWork) -> Mapping[type[Event], Sequence[Published]]:
    """Return the automations, paused ones too, by what they listen to; read once a transaction."""
    known: dict[type[Event], list[Published]] | None = uow.session.info.get(_PUBLISHED)
    if known is None:
        known = uow.session.info[_PUBLISHED] = _read_published(uow)
    return known


def forget_published(uow: UnitOfWork) -> None:
    """Read the automations anew, after one was published, paused or resumed."""
    uow.session.info.pop(_PUBLISHED, None)


def _read_published(uow: UnitOfWork) -> dict[type[Event], list[Published]]:
    its = (col(TriggerClock.clinic_id) == col(Automation.clinic_id)) & (
        col(TriggerClock.id) == col(Automation.id)
    )
    columns: Any = (
        *(col(Automation.id), col(Automation.version_id), col(Automation.state)),
        col(TriggerClock.counts_from),
    )
    query: Any = select(*columns)
    rows = uow.session.execute(
        query.outerjoin(TriggerClock, its)
        .where(
            col(Automation.clinic_id) == uow.clinic_id,
            col(Automation.version_id).is_not(None),
        )
        .order_by(col(Automation.id))
    ).all()
    parsed = definitions(uow, [row.version_id for row in rows])
    by_event: dict[type[Event], list[Published]] = {}
    for row in rows:
        is_paused = row.state == "paused"
        version = parsed[row.version_id]
        automation = Published(row.id, row.version_id, version, is_paused, row.counts_from)
        for event in automation.definition.trigger.listens:
            by_event.setdefault(event, []).append(automation)
    return by_event
