"""What the gate and the words need to know of texts: one statement for many, whatever their number.

It is asked under the locks of the addresses just before texts are taken, so that what it says holds
until the commit.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any
from uuid import UUID

from sqlalchemy.engine import Row

from crm.compliance.gate import WEEK, Facts, Overtaken
from crm.compliance.windows import states_of
from crm.contacts import phones
from crm.core.runtime import FactSource
from crm.core.uow import UnitOfWork
from crm.messaging.actions.queuing import KINDS
from crm.messaging.facts.statement import STATEMENT

VOICE = ("other_voice", "is_outranked", "gap")
"""What whoever knows the automations says of the others that write to the same person."""

ORIGIN = ("origin_week", *VOICE)
"""What whoever queued a text says of it, beside whether it may still leave."""

TOLD = ("is_origin_live", "is_origin_paused", "is_lead_open", *ORIGIN)
"""What the sources tell of a text, in the gate's names."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A queued text with everything known of it now."""

    row: Row[Any]
    facts: Facts
    zone_source: str
    known: Mapping[str, object]

    @property
    def id(self) -> UUID:
        """The communication's id."""
        return self.row.id  # type: ignore[no-any-return]


def gather(
    uow: UnitOfWork,
    sources: Sequence[FactSource],
    ids: Sequence[UUID],
    token: UUID,
) -> list[Candidate]:
    """Return those of the texts that are queued and held under the token, in id order.

    Their rows stay locked until the transaction ends.
    """
    values = {
        "clinic": uow.clinic_id,
        "ids": list(ids),
        "token": token,
        "week_ago": uow.now - WEEK,
    }
    rows = uow.session.execute(STATEMENT, values).all()
    if not rows:
        return []
    told = _ask(uow, sources, [row.id for row in rows])
    return [_candidate(uow, row, told.get(row.id, {})) for row in rows]


def _ask(
    uow: UnitOfWork, sources: Sequence[FactSource], ids: Sequence[UUID]
) -> dict[UUID, dict[str, Any]]:
    """Ask each source once; of two that know the same fact, the one that stops it is believed."""
    told: dict[UUID, dict[str, Any]] = {}
    for source in sources:
        for row_id, said in source(uow, ids).items():
            mine = told.setdefault(row_id, {"values": {}})
            mine["values"].update(said.get("values", {}))
            for name in ("is_origin_live", "is_lead_open"):
                mine[name] = mine.get(name, True) and said.get(name, True)
            mine["booked_at"] = said.get("booked_at") or mine.get("booked_at")
            mine.update((name, said[name]) for name in ORIGIN if name in said)
            mine["is_origin_paused"] = any(one.get("is_origin_paused") for one in (mine, said))
    return told


def _candidate(uow: UnitOfWork, row: Row[Any], told: Mapping[str, Any]) -> Candidate:
    zones, zone_source = candidate_zones(
        row.contact_zone, row.value if row.kind == "phone" else None, row.clinic_zone
    )
    facts = Facts(
        communication_id=row.id,
        now=uow.now,
        message_class=row.message_class,
        channel=row.channel,
        created_at=row.created_at,
        zones=zones,
        states=states_of(row.value) if row.kind == "phone" else (),
        tier=row.tier if row.consent_action == "granted" else "none",
        is_textable=row.kind == KINDS.get(row.channel) and not _is_dead(row),
        is_suppressed=row.is_suppressed,
        is_holding=row.is_holding_sends,
        **_sender(row),
        useful_until=row.useful_until,
        sent_at=tuple(row.sent_at or ()),
        last_in_at=row.last_in_at,
        answers_at=row.answers_at,
        is_once_more=row.retry_of is not None,
        **{name: told[name] for name in TOLD if name in told},
        overtaken_by=_overtaken_by(row, told.get("booked_at")),
        start_hour=row.window_start_hour,
        end_hour=row.window_end_hour,
        daily_cap=row.daily_cap,
    )
    return Candidate(row, facts, zone_source, told.get("values", {}))


def _sender(row: Row[Any]) -> dict[str, Any]:
    """Return what a person has to mend before it may leave."""
    return {
        "has_sender": row.use_sender_id is not None,
        "is_sender_paused": bool(row.is_paused),
        "is_template_paused": bool(row.is_template_paused),
        "has_postal_address": bool(row.postal_address),
    }


def _overtaken_by(row: Row[Any], booked_at: datetime | None) -> Overtaken | None:
    """Return what has happened since the text was written that makes it needless (pain 15)."""
    if not row.is_overtakable:
        return None
    if row.last_in_at is not None and row.last_in_at > row.created_at:
        return "replied"
    return "booked" if booked_at is not None and booked_at > row.created_at else None


def _is_dead(row: Row[Any]) -> bool:
    """Whether the address was refused as one that gets nothing, and has sent nothing since."""
    refused_at, last_in_at = row.refused_at, row.last_in_at
    return refused_at is not None and (last_in_at is None or last_in_at < refused_at)


@lru_cache(maxsize=65_536)
def candidate_zones(
    contact_zone: str | None, phone: str | None, clinic_zone: str
) -> tuple[tuple[str, ...], str]:
    """Return every zone where the recipient may be, and how we know (LAW-23, LAW-24).

    A zone the person chose does not remove the number's; the clinic's counts only without either.
    """
    number_zones = phones.zones_of(phone) if phone else ()
    zones = tuple(dict.fromkeys([*([contact_zone] if contact_zone else []), *number_zones]))
    if not zones:
        return (clinic_zone,), "clinic"
    known = {"contact": contact_zone, "number": number_zones}
    return zones, "+".join(name for name, zone in known.items() if zone)
