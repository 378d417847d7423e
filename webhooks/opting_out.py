"""A STOP is heeded even where the text that carries it could not be received (LAW-5)."""

from uuid import UUID

import structlog

from crm.compliance.actions import revoke_consents, suppress
from crm.compliance.keywords import Match, classify
from crm.contacts.actions import claim_addresses
from crm.core.database import Database
from crm.core.performing import describe, is_transient
from crm.core.principal import Principal
from crm.core.uow import UnitOfWork
from webhooks.twilio_call import Call, Candidate, is_proved

_PROVIDER = Principal("provider")
_REPEATS = 3

log = structlog.get_logger()


def save_opt_out(database: Database, call: Call, whose: Candidate) -> None:
    """Suppress who asks for it in a text that failed; never raises, for the call is kept yet."""
    match = classify(call.field("Body"))
    is_stop = match is not None and match.kind == "stop"
    if not (is_stop or call.field("OptOutType").upper() == "STOP"):
        return
    if not (whose.has_number and call.field("From")):
        return
    for left in reversed(range(_REPEATS)):
        try:
            with database.transaction(whose.clinic_id, _PROVIDER, step="opt_out") as uow:
                if not is_proved(uow, call):
                    return
                address_id = _suppress(uow, call)
            # On its own: the suppression holds whatever becomes of the ledger.
            with database.transaction(whose.clinic_id, _PROVIDER, step="revoke") as uow:
                _revoke(uow, call, address_id, match if is_stop else None)
            return
        except Exception as fault:
            if not (left and is_transient(fault)):
                log.error("webhook.opt_out_failed", provider="twilio", at=describe(fault))
                return


def _suppress(uow: UnitOfWork, call: Call) -> UUID:
    key = ("phone", call.field("From"))
    address_id = claim_addresses(uow, [key])[key]
    suppress(uow, address_id, "sms", "stop")
    return address_id


def _revoke(uow: UnitOfWork, call: Call, address_id: UUID, match: Match | None) -> None:
    body = call.field("Body")
    evidence = {
        "words": match.words if match else body,
        "matcher": match.matcher if match else f"provider:{call.field('OptOutType')}",
        "body": body,
        "provider_id": call.field("MessageSid", "SmsSid"),
    }
    revoke_consents(uow, address_id, contact_id=None, source="text", evidence=evidence)
