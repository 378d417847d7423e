"""Twilio's webhooks: verified, kept and applied in one transaction, then answered 2xx (TW-33).

A call whose signature nobody's token made changes nothing and gets a 403. A call that is signed and
cannot be used is kept all the same: Twilio gives an event up after one refusal (TW-31). Only where
nothing could be stored the answer is a 5xx.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any
from uuid import UUID

import structlog
from fastapi import APIRouter, Depends
from sqlalchemy.engine import Row
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from crm.accounts.deps import get_runtime
from crm.core.performing import describe, is_transient
from crm.core.principal import Principal
from crm.core.runtime import Runtime
from crm.core.uow import UnitOfWork
from crm.messaging.receiving import TextIn, receive_text
from crm.messaging.settling import StatusIn, apply_status
from webhooks import inbox
from webhooks.counts import REFUSED
from webhooks.opting_out import save_opt_out
from webhooks.twilio_call import Call, Candidate, candidates, has_number, is_proved

router = APIRouter(prefix="/webhooks/twilio", include_in_schema=False)
log = structlog.get_logger()

EMPTY_TWIML = '<?xml version="1.0" encoding="UTF-8"?><Response/>'
PROVIDER = Principal("provider")

_REPEATS = 3

Applied = tuple[str, UUID | None]
"""What became of a call, and the row that it led to."""


@dataclass(frozen=True)
class Kind:
    """What one address of ours is told: the field with the clinic's number, those of the key by
    which copies of a call are known, and what a call does."""

    name: str
    number: str
    key: tuple[str, ...]
    apply: Callable[[UnitOfWork, Call, Candidate], Applied]

    def external_id(self, call: Call) -> str:
        """Return the id by which copies of a call are known; none without a SID."""
        parts = [call.field(*names.split("|")) for names in self.key]
        return ":".join(parts) if parts[0] else ""


def _text(uow: UnitOfWork, call: Call, whose: Candidate) -> Applied:
    if not (whose.has_number and call.field("From") and call.field("MessageSid", "SmsSid")):
        log.error("webhook.unmatched", provider="twilio", kind="message")
        return inbox.UNMATCHED, None
    text = TextIn(
        sender_value=call.field("To"),
        from_e164=call.field("From"),
        body=call.field("Body"),
        provider_id=call.field("MessageSid", "SmsSid"),
        provider="twilio",
        opt_out=call.field("OptOutType") or None,
        received_at=call.received_at,
    )
    return "applied", receive_text(uow, text)


def _status(uow: UnitOfWork, call: Call, whose: Candidate) -> Applied:
    status = StatusIn(
        provider_id=call.field("MessageSid", "SmsSid"),
        status=call.field("MessageStatus", "SmsStatus"),
        error_code=call.field("ErrorCode") or None,
        attempt_id=call.attempt_id,
    )
    if not (status.provider_id and status.status):
        return inbox.UNMATCHED, None
    return ("applied" if apply_status(uow, status) else "kept"), None


def _keep(uow: UnitOfWork, call: Call, whose: Candidate) -> Applied:
    return "kept", None


MESSAGE = Kind("message", "To", ("MessageSid|SmsSid",), _text)
STATUS = Kind(
    "status", "From", ("MessageSid|SmsSid", "MessageStatus|SmsStatus", "ErrorCode"), _status
)
VOICE = Kind("voice", "To", ("CallSid", "CallStatus", "DialCallStatus"), _keep)
RECORDING = Kind("recording", "To", ("RecordingSid", "RecordingStatus"), _keep)
KINDS = {kind.name: kind for kind in (MESSAGE, STATUS, VOICE, RECORDING)}
for each in KINDS:
    REFUSED.labels("twilio", each)  # Told as 0 from the start, so that a first one is a rise.


async def _call(request: Request, runtime: Annotated[Runtime, Depends(get_runtime)]) -> Call:
    return Call.of(request, await request.body(), runtime.settings.base_url)


AnyCall = Annotated[Call, Depends(_call)]
AnyRuntime = Annotated[Runtime, Depends(get_runtime)]


@router.post("/message", name="webhooks:twilio_message")
async def message(call: AnyCall, runtime: AnyRuntime) -> Response:
    """Take a patient's text."""
    return await run_in_threadpool(take, runtime, call, MESSAGE)


@router.post("/status", name="webhooks:twilio_status")
async def status(call: AnyCall, runtime: AnyRuntime) -> Response:
    """Take what became of a text of ours."""
    return await run_in_threadpool(take, runtime, call, STATUS)


@router.post("/voice", name="webhooks:twilio_voice")
async def voice(call: AnyCall, runtime: AnyRuntime) -> Response:
    """Keep what is said about a phone call."""
    return await run_in_threadpool(take, runtime, call, VOICE)


@router.post("/recording", name="webhooks:twilio_recording")
async def recording(call: AnyCall, runtime: AnyRuntime) -> Response:
    """Keep what is said about a recording."""
    return await run_in_threadpool(take, runtime, call, RECORDING)


def take(runtime: Runtime, call: Call, kind: Kind) -> Response:
    """Verify, keep and apply a call; 403 without any effect for what nobody signed (TW-6)."""
    for whose in candidates(runtime.database, call, call.field(kind.number)):
        if _is_taken(runtime, call, kind, whose):
            return Response(EMPTY_TWIML, media_type="text/xml")
    REFUSED.labels("twilio", kind.name).inc()
    log.warning("webhook.refused", provider="twilio", kind=kind.name)
    return Response(status_code=403)


def _is_taken(runtime: Runtime, call: Call, kind: Kind, whose: Candidate) -> bool:
    """Take a call for a clinic, if its account signed it; what cannot be applied is only kept."""
    for left in reversed(range(_REPEATS)):
        try:
            with runtime.database.transaction(whose.clinic_id, PROVIDER, step=kind.name) as uow:
                return _apply(uow, call, kind, whose)
        except Exception as fault:
            if not is_transient(fault):
                error = describe(fault)
                log.error("webhook.failed", provider="twilio", kind=kind.name, at=error)
                break
            if not left:
                raise
    if kind is MESSAGE:
        save_opt_out(runtime.database, call, whose)
    with runtime.database.transaction(whose.clinic_id, PROVIDER) as uow:
        return _keep_for_later(uow, call, kind, error)


def _apply(uow: UnitOfWork, call: Call, kind: Kind, whose: Candidate) -> bool:
    if not is_proved(uow, call):
        return False
    kept = _store(uow, call, kind)
    if kept is not None:
        outcome, ref_id = kind.apply(uow, call, whose)
        inbox.conclude(uow, kept, outcome, ref_id)
    return True


def _keep_for_later(uow: UnitOfWork, call: Call, kind: Kind, error: str) -> bool:
    if not is_proved(uow, call):
        return False
    kept = _store(uow, call, kind)
    if kept is not None:
        inbox.put_off(uow, kept, error)
    return True


def _store(uow: UnitOfWork, call: Call, kind: Kind) -> UUID | None:
    return inbox.keep(
        uow,
        provider="twilio",
        kind=kind.name,
        external_id=kind.external_id(call),
        query=call.query,
        raw=call.raw,
    )


def apply_again(uow: UnitOfWork, rows: Sequence[Row[Any]]) -> None:
    """Apply stored calls that failed, or were nobody's when they came; they were proved then."""
    for row in rows:
        call = Call.again(inbox.raw_of(uow, row), row.query, row.received_at)
        kind = KINDS[row.kind]
        whose = Candidate(uow.clinic_id, has_number(uow, call, call.field(kind.number)))
        inbox.conclude(uow, row.id, *kind.apply(uow, call, whose))
