"""The runner: a chunk of one clinic's due enrollments, decided one by one and written together."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import Uuid, and_, bindparam, case, func, or_, select, update

from automations.definitions import InvalidDefinition, SequenceDefinition
from automations.facts import Facts, Group
from automations.flushing import flush
from automations.hearing import hear
from automations.models import Automation, Enrollment
from automations.outcomes import QueueText
from automations.reading import with_groups
from automations.subjects import Subject, lock_facts
from automations.versions import definitions
from automations.walking import Pass, Standing, walk
from crm.accounts.models import Clinic
from crm.core.bulk import given
from crm.core.database import INDEXED
from crm.core.errors import N_
from crm.core.principal import Principal
from crm.core.runtime import Runtime
from crm.core.uow import UnitOfWork
from crm.core.work import Claim, Work
from crm.messaging.models import Communication

AUTOMATION = Principal("automation")

Flusher = Callable[[UnitOfWork, Sequence[Pass]], None]


class Named(NamedTuple):
    """An enrollment and whom it is about."""

    id: UUID
    contact_id: UUID
    lead_id: UUID | None = None

    @property
    def subject(self) -> Subject:
        """Whom it is about."""
        return Subject(self.contact_id, self.lead_id)


_enrollments: Any = Enrollment.__table__  # type: ignore[attr-defined]
_automations: Any = Automation.__table__  # type: ignore[attr-defined]
_clinics: Any = Clinic.__table__  # type: ignore[attr-defined]
_communications: Any = Communication.__table__  # type: ignore[attr-defined]
# A dead text holds nobody up, as if it had failed; brought back, it is waited for again.
_IS_DEAD = and_(_communications.c.status == "queued", _communications.c.dead_at.is_not(None))
_STANDS = case((_IS_DEAD, "failed"), else_=_communications.c.status)


def advance(runtime: Runtime, claim: Claim, flusher: Flusher = flush) -> None:
    """Take each claimed enrollment to its next wait or its end, all in one transaction.

    An enrollment that was ended, or taken over, since the claim is left alone: whoever did that
    took our token from it.
    """
    with runtime.database.transaction(
        claim.clinic_id, AUTOMATION, step="advance", plans=INDEXED
    ) as uow:
        ours = {"clinic": uow.clinic_id, "ids": claim.ids, "token": claim.token}
        named = [Named(*row) for row in uow.session.execute(_NAMED, ours)]
        passes = [walk(standing, uow.now) for standing in hold(uow, named, claim.token)]
        if passes:
            flusher(uow, passes)


def advance_here(uow: UnitOfWork, named: Sequence[Named]) -> None:
    """Take enrollments that nobody holds to their next wait, in the transaction that found them.

    Whoever moves a lead, or cannot decide, is left to a worker: a fault of theirs is then their
    own, and not that of the event which brought them here.
    """
    if not named:
        return
    with uow.acting_as(AUTOMATION):
        found = _readable(uow, named)
        passes = [one for standing in found if (one := _quiet_pass(standing, uow.now))]
        if passes:
            flush(uow, passes)
    left = sorted({one.id for one in named} - {one.standing.id for one in passes})
    if left:
        values = {"clinic": uow.clinic_id, "ids": left, "now": uow.now}
        for row in uow.session.execute(_LEAVE, {**values, "reserved": uow.reserved_until}):
            uow.ring("enrollments", [row.id], row.queue)


def _readable(uow: UnitOfWork, named: Sequence[Named]) -> Sequence[Standing]:
    """Hold these enrollments; none of them where what is kept of one cannot be read."""
    try:
        return hold(uow, named, None)
    except (ValueError, LookupError, InvalidDefinition):
        return ()


def _quiet_pass(standing: Standing, now: datetime) -> Pass | None:
    """Return a pass that waits, ends or queues texts; None for any other, and for a faulty one."""
    try:
        one = walk(standing, now)
    except Exception:
        return None
    return one if all(isinstance(effect, QueueText) for effect in one.effects) else None


def hold(uow: UnitOfWork, named: Sequence[Named], token: UUID | None) -> list[Standing]:
    """Lock the subjects, then the enrollments that are live and held under the token.

    Without a token, those that nobody holds. Returns where they stand.
    """
    facts = lock_facts(uow, [one.subject for one in named])
    ours = {"clinic": uow.clinic_id, "token": token, "now": uow.now}
    rows = uow.session.execute(_LOCK, {**ours, "ids": [one.id for one in named]}).all()
    parsed = definitions(uow, {row.version_id for row in rows})
    heard = hear(uow, [row for row in rows if row.listens is not None])
    known = _known(uow, rows, parsed, facts)
    return [
        Standing(
            id=row.id,
            automation_id=row.automation_id,
            automation_name=row.name,
            is_paused=row.automation_state == "paused" or row.paused_at is not None,
            definition=parsed[row.version_id],
            subject=Subject(row.contact_id, row.lead_id),
            facts=known[row.id],
            zone=ZoneInfo(row.timezone),
            cause=tuple(UUID(cause) for cause in row.cause),
            step=row.step,
            occurrence=row.occurrence,
            last_step=row.last_step,
            awaits=row.awaits,
            awaited_status=row.awaited_status,
            hears_from=row.hears_from,
            listens=row.listens,
            until=row.listens_until,
            heard=heard.get(row.id),
            queue=row.queue,
        )
        for row in rows
    ]


def _known(
    uow: UnitOfWork,
    rows: Sequence[Any],
    parsed: Mapping[UUID, SequenceDefinition],
    facts: Mapping[Subject, Facts],
) -> dict[UUID, Facts]:
    """Return what each enrollment's sequence may know: what no step looks at is not read."""
    asked: dict[Subject, set[Group]] = {}
    for row in rows:
        needs = parsed[row.version_id].needs
        asked.setdefault(Subject(row.contact_id, row.lead_id), set()).update(needs)
    read = with_groups(uow, facts, asked)
    return {
        row.id: read[Subject(row.contact_id, row.lead_id)].since(row.entered_at) for row in rows
    }


def _named() -> Any:
    c = _enrollments.c
    return select(c.id, c.contact_id, c.lead_id).where(*_ours())


def _ours() -> Sequence[Any]:
    """The enrollments that are held under the token, or those that nobody holds."""
    c = _enrollments.c
    return (
        c.clinic_id == bindparam("clinic"),
        given(c.id),
        c.lease_token.is_not_distinct_from(bindparam("token", type_=Uuid)),
    )


def _is_at_it() -> Any:
    """Due, or waiting for something to happen.

    Who was picked for that, and has come to wait for a time since, is left to that time.
    """
    c = _enrollments.c
    return or_(c.due_at <= bindparam("now"), c.awaits.is_not(None), c.listens.is_not(None))


def _lock() -> Any:
    """Lock the enrollments in id order, with their automation and what became of their text."""
    c = _enrollments.c
    awaited = and_(
        _communications.c.clinic_id == c.clinic_id, _communications.c.dedupe_key == c.awaits
    )
    its = and_(_automations.c.clinic_id == c.clinic_id, _automations.c.id == c.automation_id)
    return (
        select(
            *(c.id, c.automation_id, c.version_id, c.contact_id, c.lead_id, c.cause),
            *(c.step, c.occurrence, c.last_step, c.awaits, c.listens, c.listens_until),
            *(c.entered_at, c.paused_at, c.queue, _automations.c.name, _clinics.c.timezone),
            # Who was taken on by an earlier release, or has just come, has heard nothing yet.
            func.coalesce(c.hears_from, c.entered_at).label("hears_from"),
            _automations.c.state.label("automation_state"),
            _STANDS.label("awaited_status"),
        )
        .join(_automations, its)
        .join(_clinics, _clinics.c.id == c.clinic_id)
        .outerjoin(_communications, awaited)
        .where(*_ours(), c.state == "live", c.dead_at.is_(None))
        .where(or_(bindparam("token", type_=Uuid).is_not(None), _is_at_it()))
        .order_by(c.id)
        .with_for_update(of=_enrollments)
    )


def _leave() -> Any:
    """Leave enrollments to a worker: due now, for whoever hears of it first."""
    c = _enrollments.c
    return (
        update(_enrollments)
        .where(c.clinic_id == bindparam("clinic"), given(c.id), c.lease_token.is_(None))
        .where(c.state == "live", c.dead_at.is_(None), _is_at_it())
        .values(due_at=bindparam("now"), lease_until=bindparam("reserved"))
        .returning(c.id, c.queue)
    )


_NAMED, _LOCK, _LEAVE = _named(), _lock(), _leave()
ENROLLMENTS = Work(
    "enrollments", "enrollments", advance, title=N_("Somebody in a sequence"), lead="t.lead_id"
)
