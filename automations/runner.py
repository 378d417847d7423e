"""The runner: a chunk of one clinic's due enrollments, decided one by one and written together."""

from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import and_, bindparam, case, select

from automations.flushing import flush
from automations.models import Automation, Enrollment
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

Flusher = Callable[[UnitOfWork, Claim, Sequence[Pass]], None]

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
        passes = [walk(standing, uow.now) for standing in hold(uow, claim)]
        if passes:
            flusher(uow, claim, passes)


def hold(uow: UnitOfWork, claim: Claim) -> list[Standing]:
    """Lock the subjects and then the enrollments that we still hold; return where they stand."""
    ours = {"clinic": uow.clinic_id, "ids": claim.ids, "token": claim.token}
    named = uow.session.execute(_NAMED, ours).all()
    facts = lock_facts(uow, [Subject(row.contact_id, row.lead_id) for row in named])
    rows = uow.session.execute(_LOCK, ours).all()
    parsed = definitions(uow, {row.version_id for row in rows})
    return [
        Standing(
            id=row.id,
            automation_id=row.automation_id,
            automation_name=row.name,
            is_paused=row.automation_state == "paused",
            definition=parsed[row.version_id],
            subject=Subject(row.contact_id, row.lead_id),
            facts=facts[Subject(row.contact_id, row.lead_id)],
            zone=ZoneInfo(row.timezone),
            cause=tuple(UUID(cause) for cause in row.cause),
            step=row.step,
            occurrence=row.occurrence,
            awaits=row.awaits,
            awaited_status=row.awaited_status,
        )
        for row in rows
    ]


def _named() -> Any:
    c = _enrollments.c
    return select(c.contact_id, c.lead_id).where(*_ours())


def _ours() -> Sequence[Any]:
    """The enrollments of a claim that its worker still holds."""
    c = _enrollments.c
    return (
        c.clinic_id == bindparam("clinic"),
        given(c.id),
        c.lease_token == bindparam("token"),
    )


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
            *(c.step, c.occurrence, c.awaits, _automations.c.name, _clinics.c.timezone),
            _automations.c.state.label("automation_state"),
            _STANDS.label("awaited_status"),
        )
        .join(_automations, its)
        .join(_clinics, _clinics.c.id == c.clinic_id)
        .outerjoin(_communications, awaited)
        .where(*_ours(), c.state == "live")
        .order_by(c.id)
        .with_for_update(of=_enrollments)
    )


_NAMED, _LOCK = _named(), _lock()
ENROLLMENTS = Work(
    "enrollments", "enrollments", advance, title=N_("Somebody in a sequence"), lead="t.lead_id"
)
