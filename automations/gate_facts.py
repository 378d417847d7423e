"""What the gate asks of automations: is the enrollment that queued a text still live, is its
sequence not paused, and does another automation speak to the same person just now?

One that did all its steps counts as live: its last text may be tried once more (TW-44). Nothing
else of it can wait, for it goes on only when its texts are settled.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import and_, bindparam, func, or_, select, true, tuple_
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.engine import Row

from automations.enrollments import ORIGIN
from automations.models import BULK, Automation, Enrollment
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
    facts: dict[UUID, dict[str, Any]] = {}
    for row in uow.session.execute(_STATES, values):
        known = facts.setdefault(row.id, _of_origin(row))
        if row.is_rival:
            known["is_outranked"] = True
        elif row.voice_id is not None:
            known["other_voice"] = _voice(row)
    return facts


def _of_origin(row: Row[Any]) -> dict[str, Any]:
    return {
        "is_origin_live": row.state == "live" or row.exit_reason == FINISHED,
        "is_origin_paused": row.automation == "paused" or row.paused_at is not None,
        "origin_week": row.week and tuple((start, end) for start, end in row.week),
        "gap": timedelta(minutes=row.voice_gap_minutes),
        "is_outranked": False,
        "other_voice": None,
    }


def _voice(row: Row[Any]) -> Voice:
    return Voice(
        communication_id=row.voice_id,
        at=row.voice_at,
        is_of_event=row.is_of_event,
        has_arrived=row.voice_status in ARRIVED,
        is_as_important=row.is_as_important,
    )


def _states() -> Any:
    """A row a text, or two where another automation has spoken and one more is about to."""
    c, passage, whole = _communications.c, _enrollments.c, _automations.c
    its = and_(passage.clinic_id == c.clinic_id, passage.id == c.origin_id)
    theirs = and_(whole.clinic_id == c.clinic_id, whole.id == passage.automation_id)
    voices = _voices()
    return (
        select(
            *(c.id, passage.state, passage.exit_reason, passage.paused_at),
            *(whole.state.label("automation"), whole.week, _clinics.c.voice_gap_minutes),
            *voices.c,
        )
        .join(_enrollments, its)
        .join(_automations, theirs)
        .join(_clinics, _clinics.c.id == c.clinic_id)
        .outerjoin(voices, true())
        .where(c.clinic_id == bindparam("clinic"), given(c.id), c.origin_kind == ORIGIN)
    )


def _voices() -> Any:
    """What another automation said last within the gap, and a rival: one look for both.

    Of what was said, the same event's comes before all else. A rival is about to leave, and goes
    first: ranks are in one order, so of several that are due at once there is always one that goes.
    """
    other = _Other.named("other")
    text = other.text
    gap = func.make_interval(0, 0, 0, 0, 0, _clinics.c.voice_gap_minutes)
    has_spoken = and_(text.status.in_(SPOKEN), text.taken_at > bindparam("now") - gap)
    goes_first = tuple_(other.whole.priority, text.id) < tuple_(
        _automations.c.priority, _communications.c.id
    )
    is_rival = (text.status == "queued").label("is_rival")
    is_of_event = (text.cause[-1].astext == _communications.c.cause[-1].astext).label("is_of_event")
    return (
        other.select(
            *(is_rival, text.id.label("voice_id"), text.taken_at.label("voice_at")),
            *(text.status.label("voice_status"), is_of_event),
            (other.whole.priority <= _automations.c.priority).label("is_as_important"),
        )
        .where(or_(has_spoken, and_(is_rival, text.due_at <= bindparam("now"), goes_first)))
        .ext(distinct_on(is_rival))
        .order_by(is_rival, is_of_event.desc(), text.taken_at.desc())
        .lateral("voices")
    )


@dataclass(frozen=True)
class _Other:
    """What other automations wrote to the person by this channel, at any of the addresses."""

    texts: Any
    passages: Any
    automations: Any

    @classmethod
    def named(cls, name: str) -> "_Other":
        return cls(
            _communications.alias(name),
            _enrollments.alias(f"{name}_passage"),
            _automations.alias(f"{name}_automation"),
        )

    @property
    def text(self) -> Any:
        return self.texts.c

    @property
    def whole(self) -> Any:
        return self.automations.c

    def select(self, *columns: Any) -> Any:
        c, text, passage, whole = _communications.c, self.text, self.passages.c, self.whole
        its = and_(passage.clinic_id == text.clinic_id, passage.id == text.origin_id)
        theirs = and_(whole.clinic_id == text.clinic_id, whole.id == passage.automation_id)
        return (
            select(*columns)
            .select_from(self.texts)
            .join(self.passages, its)
            .join(self.automations, theirs)
            .where(
                text.clinic_id == c.clinic_id,
                or_(text.address_id == c.address_id, text.contact_id == c.contact_id),
                text.direction == "out",
                text.channel == c.channel,
                text.origin_kind == ORIGIN,
                # The passage's own texts, which are most, are passed over before they are joined.
                text.origin_id != c.origin_id,
                # A campaign reaches people who share an address one after another, too.
                or_(
                    whole.id != _automations.c.id,
                    and_(text.queue == BULK, text.contact_id != c.contact_id),
                ),
            )
        )


_STATES = _states()
