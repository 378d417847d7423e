"""Doing claimed work: a chunk at once; when it fails, its items alone, so one culprit pays."""

from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

import structlog
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from crm.core import killpoints
from crm.core import work as due
from crm.core.errors import LeaseLost
from crm.core.hand import own_hand
from crm.core.principal import SYSTEM
from crm.core.runtime import Runtime
from crm.core.work import Claim, Work

log = structlog.get_logger()

_REPEATS = 5
_TRANSIENT = {"40001", "40P01", "55P03", "57P01", "57P02", "57P03"}


def claim_and_perform(
    runtime: Runtime,
    kind: str,
    *,
    queue: str = "default",
    ids: Sequence[UUID] | None = None,
    limit: int | None = None,
) -> int:
    """Claim due rows of a kind and do them; return how many were claimed."""
    work = runtime.work[kind]
    with runtime.database.system() as system:
        claims = due.claim(
            system,
            work,
            lease=runtime.settings.lease,
            queue=queue,
            ids=ids,
            limit=limit,
            consumers=list(runtime.subscriptions.by_name),
        )
        killpoints.reached("claim.before_commit")
    killpoints.reached("claim.after_commit")
    for claim in claims:
        perform(runtime, work, claim)
        _perform_in_hand(runtime)
    return sum(len(claim.ids) for claim in claims)


def _perform_in_hand(runtime: Runtime) -> None:
    """Deliver what was written meanwhile and kept; see `hand`."""
    hand = own_hand()
    for claim in hand.taken() if hand else ():
        perform(runtime, runtime.work["deliveries"], claim)


def perform(runtime: Runtime, work: Work, claim: Claim) -> None:
    """Do one clinic's chunk; deadlocks and lost connections repeat it uncounted."""
    for _ in range(_REPEATS):
        try:
            work.run(runtime, claim)
            return
        except LeaseLost:
            _give_back(runtime, work, claim)
            return
        except Exception as fault:
            if is_transient(fault):
                continue
            _isolate(runtime, work, claim, fault)
            return
    _give_back(runtime, work, claim)


def _isolate(runtime: Runtime, work: Work, claim: Claim, fault: Exception) -> None:
    if len(claim.ids) > 1:
        for row_id in claim.ids:
            perform(runtime, work, replace(claim, ids=[row_id]))
        return
    with runtime.database.transaction(claim.clinic_id, SYSTEM) as uow:
        tell = work.failing(uow, claim.ids) if work.failing else None
        died = due.fail(
            uow.session,
            work,
            claim,
            claim.ids[0],
            now=uow.now,
            error=describe(fault),
            most=runtime.settings.work_attempts,
        )
        if died and tell:
            tell()
    log.warning(
        "work.failed", kind=work.kind, id=str(claim.ids[0]), error=type(fault).__name__, dead=died
    )


def _give_back(runtime: Runtime, work: Work, claim: Claim) -> None:
    with runtime.database.transaction(claim.clinic_id, SYSTEM) as uow:
        due.release(uow.session, work, claim)


def describe(fault: BaseException) -> str:
    """Return the type and the place of a fault, without its message, which may name a patient."""
    trace = fault.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    place = f"{trace.tb_frame.f_globals.get('__name__')}:{trace.tb_lineno}" if trace else "unknown"
    return f"{type(fault).__name__} at {place}"


def is_transient(fault: Exception) -> bool:
    """Return whether a fault is the database's passing weather: a deadlock, a lost connection.

    What a row itself provokes (a limit exceeded, a statement cancelled) is not: it would be
    repeated for ever.
    """
    if isinstance(fault, PoolTimeout):
        return True
    if not isinstance(fault, DBAPIError):
        return False
    state = getattr(fault.orig, "sqlstate", None)
    if state is None:
        return fault.connection_invalidated or isinstance(fault, OperationalError)
    return fault.connection_invalidated or state in _TRANSIENT or str(state).startswith("08")
