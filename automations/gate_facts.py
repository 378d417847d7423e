"""What the gate asks of automations: is the enrollment that queued a text still live, is its
sequence not paused, and does another automation speak to the same person just now?

One that did all its steps counts as live: its last text may be tried once more (TW-44). Nothing
else of it can wait, for it goes on only when its texts are settled.
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import and_, bindparam, or_, select, true, tuple_
from sqlalchemy.engine import Row

from automations.enrollments import ORIGIN
from automations.models import Automation, Enrollment
from automations.walking import FINISHED
from crm.accounts.models import Clinic
from crm.compliance.gate import Voice
from crm.core.bulk import given
from crm.core.uow import UnitOfWork
from crm.messaging.models import Communication

ARRIVED = ("sent", "delivered")
SPOKEN = ("sending", "unconfirmed", *ARRIVED)
"""The states of a text that a person has got, or may be getting."""

_automations: Any = Automation.__table__  # type: ignore[attr-defined]
_enrollments: Any = Enrollment.__table__  # type: ignore[attr-defined]
_communications: Any = Communication.__table__  # type: ignore[attr-defined]
_clinics: Any = Clinic.__table__  # type: ignore[attr-defined]


def origin_facts(
    uow: UnitOfWork, communication_ids: Sequence[UUID]
) -> Mapping[UUID, Mapping[str, Any]]:
    """Return what is known of the origins of texts that enrollments queued, and of other voices."""
    values = {"clinic": uow.clinic_id, "ids": list(communication_ids), "now": uow.now}
    return {
        row.id: {
            "is_origin_live": row.state == "live" or row.exit_reason == FINISHED,
            "is_origin_paused": row.automation == "paused" or row.paused_at is not None,
            "gap": timedelta(minutes=row.voice_gap_minutes),
            "is_outranked": row.rival_id is not None,
            "other_voice": _voice(row),
        }
        for row in uow.session.execute(_STATES, values)
    }


def _voice(row: Row[Any]) -> Voice | None:
    if row.voice_id is None:
        return None
    return Voice(row.voice_id, row.voice_at, row.is_of_event, row.voice_status in ARRIVED)


def _states() -> Any:
    c, passage, whole = _communications.c, _enrollments.c, _automations.c
    its = and_(passage.clinic_id == c.clinic_id, passage.id == c.origin_id)
    theirs = and_(whole.clinic_id == c.clinic_id, whole.id == passage.automation_id)
    voice, rival = _last_voice(), _rival()
    return (
        select(
            *(c.id, passage.state, passage.exit_reason, passage.paused_at),
            *(whole.state.label("automation"), _clinics.c.voice_gap_minutes),
            *(*voice.c, rival.c.rival_id),
        )
        .join(_enrollments, its)
        .join(_automations, theirs)
        .join(_clinics, _clinics.c.id == c.clinic_id)
        .outerjoin(voice, true())
        .outerjoin(rival, true())
        .where(c.clinic_id == bindparam("clinic"), given(c.id), c.origin_kind == ORIGIN)
    )


def _last_voice() -> Any:
    """What another automation said last; what it said of the same event counts before the rest."""
    other, where = _others("spoken")
    is_of_event = (other.c.cause[-1].astext == _communications.c.cause[-1].astext).label(
        "is_of_event"
    )
    return (
        select(
            other.c.id.label("voice_id"),
            other.c.taken_at.label("voice_at"),
            other.c.status.label("voice_status"),
            is_of_event,
        )
        .where(where, other.c.status.in_(SPOKEN), other.c.taken_at.is_not(None))
        .order_by(is_of_event.desc(), other.c.taken_at.desc())
        .limit(1)
        .lateral("voice")
    )


def _rival() -> Any:
    """A text of another automation that is about to leave, and goes first.

    Ranks are in one order, so of several that are due at once there is always one that goes.
    """
    other, where = _others("rival")
    passage, whole = _enrollments.alias("rival_passage"), _automations.alias("rival_automation")
    its = and_(passage.c.clinic_id == other.c.clinic_id, passage.c.id == other.c.origin_id)
    theirs = and_(whole.c.clinic_id == other.c.clinic_id, whole.c.id == passage.c.automation_id)
    goes_first = tuple_(whole.c.priority, other.c.id) < tuple_(
        _automations.c.priority, _communications.c.id
    )
    return (
        select(other.c.id.label("rival_id"))
        .join(passage, its)
        .join(whole, theirs)
        .where(where, other.c.status == "queued", other.c.due_at <= bindparam("now"), goes_first)
        .limit(1)
        .lateral("rival")
    )


def _others(name: str) -> tuple[Any, Any]:
    """Return what other automations wrote to the person by this channel, at any address."""
    other, c = _communications.alias(name), _communications.c
    passage = _enrollments.alias(f"{name}_origin")
    is_ours = (
        select(passage.c.id)
        .where(
            passage.c.clinic_id == other.c.clinic_id,
            passage.c.id == other.c.origin_id,
            passage.c.automation_id == _automations.c.id,
        )
        .correlate(other, _automations)
        .exists()
    )
    return other, and_(
        other.c.clinic_id == c.clinic_id,
        or_(other.c.address_id == c.address_id, other.c.contact_id == c.contact_id),
        other.c.direction == "out",
        other.c.channel == c.channel,
        other.c.origin_kind == ORIGIN,
        ~is_ours,
    )


_STATES = _states()
