"""Settling: what became of a text whose answer never came. It is asked, never guessed (TW-45)."""

from crm.compliance.actions import lock_addresses
from crm.core.errors import N_
from crm.core.principal import SYSTEM
from crm.core.runtime import Runtime
from crm.core.work import Claim, Work
from crm.messaging.settling.asking import Answer, Question, ask, questions
from crm.messaging.settling.by_hand import AlreadySettled, leave_to_person, settle_by_hand
from crm.messaging.settling.deciding import write_answers
from crm.messaging.settling.statuses import StatusIn, apply_status, apply_statuses

__all__ = [
    "SETTLEMENTS",
    "AlreadySettled",
    "StatusIn",
    "apply_status",
    "apply_statuses",
    "settle",
    "settle_by_hand",
]


def settle(runtime: Runtime, claim: Claim) -> None:
    """Find out what became of a chunk of one clinic's texts; none is asked in a transaction."""
    with runtime.database.transaction(claim.clinic_id, SYSTEM) as uow:
        asked = questions(uow, runtime, claim)
    answers: list[tuple[Question, Answer]] = [(question, ask(question)) for question in asked]
    if not answers:
        return
    with runtime.database.transaction(claim.clinic_id, SYSTEM, step="settle") as uow:
        lock_addresses(uow, [question.row.address_id for question in asked])
        write_answers(uow, runtime.settings, claim, answers)


SETTLEMENTS = Work(
    "settlements",
    "communications",
    settle,
    waiting="t.due_at IS NOT NULL AND t.status IN ('sending', 'unconfirmed')",
    of="t.status IN ('sending', 'unconfirmed')",
    limit=20,
    title=N_("Text to ask about"),
    lead="t.lead_id",
    failing=leave_to_person,
)
