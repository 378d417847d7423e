"""SendGrid's Event Webhook: verified, each event kept once, answered 2xx; a worker applies them.

A call comes to the address of one clinic's account, which nobody can guess, and is signed with a
key of SendGrid's (SG-7). What nobody signed changes nothing and gets a 403. Whatever is signed is
kept, also what we cannot read; only where nothing could be stored the answer is a 5xx.
"""

import json
import time
from collections.abc import Sequence
from typing import Annotated, Any
from uuid import UUID

import structlog
from fastapi import APIRouter, Depends
from sqlalchemy.engine import Row
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from crm.accounts.deps import get_runtime
from crm.accounts.doors import resolve
from crm.core.errors import NotFound
from crm.core.loading import load
from crm.core.principal import Principal
from crm.core.runtime import Runtime
from crm.core.uow import UnitOfWork
from crm.messaging.actions.mail_hook import HOOK_DOOR, hook_keys
from crm.messaging.mail_events import MailEvent, apply_mail_events
from webhooks import inbox
from webhooks.counts import REFUSED

router = APIRouter(prefix="/webhooks/sendgrid", include_in_schema=False)
log = structlog.get_logger()

PROVIDER = Principal("provider")
KIND = "event"
REFUSED.labels("sendgrid", KIND)

OLDEST = 25 * 3600.0
"""Seconds; SendGrid tries for a day, and nobody says that it signs each try anew (SG-8)."""

LATE = 600.0
"""Seconds after which it is told in the log that SendGrid's events come late (SG-8)."""

IGNORED = "ignored"
"""What became of an event of an email that the clinic sent by other means."""

_SIGNATURE = "x-twilio-email-event-webhook-signature"
_TIMESTAMP = "x-twilio-email-event-webhook-timestamp"
_DROPPED = {
    "bounced address": "bounced",
    "invalid": "invalid",
    "spam reporting address": "complained",
    "unsubscribed address": "unsubscribed",
}


@router.post("/{endpoint_key}/events", name="webhooks:sendgrid_events")
async def events(
    request: Request, endpoint_key: str, runtime: Annotated[Runtime, Depends(get_runtime)]
) -> Response:
    """Take what became of a clinic's emails."""
    signed = (request.headers.get(_TIMESTAMP, ""), request.headers.get(_SIGNATURE, ""))
    return await run_in_threadpool(_take, runtime, endpoint_key, await request.body(), *signed)


def _take(
    runtime: Runtime, endpoint_key: str, raw: bytes, timestamp: str, signature: str
) -> Response:
    for opened in resolve(runtime.database, HOOK_DOOR, endpoint_key):
        with runtime.database.transaction(opened.clinic_id, PROVIDER, step="events") as uow:
            if is_proved(_keys(uow, opened.ref_id), raw, timestamp, signature):
                _keep(uow, raw)
                return Response(status_code=204)
    REFUSED.labels("sendgrid", KIND).inc()
    log.warning("webhook.refused", provider="sendgrid", kind=KIND)
    return Response(status_code=403)


def _keys(uow: UnitOfWork, account_id: UUID) -> Sequence[str]:
    try:
        return hook_keys(uow, account_id)
    except NotFound:
        return ()


def is_proved(keys: Sequence[str], raw: bytes, timestamp: str, signature: str) -> bool:
    """Whether one of SendGrid's keys signed just these bytes, not too long ago (SG-7, SG-8)."""
    try:
        age = time.time() - int(timestamp)
        payload = raw.decode()
    except ValueError:
        return False
    if not keys or age > OLDEST:
        return False
    if age > LATE:
        log.warning("webhook.late", provider="sendgrid", seconds=round(age))
    return any(_is_signed(key, payload, timestamp, signature) for key in keys)


def _is_signed(key: str, payload: str, timestamp: str, signature: str) -> bool:
    verifier = load("sendgrid.helpers.eventwebhook:EventWebhook")
    try:
        return bool(verifier(key).verify_signature(payload, signature, timestamp))
    except ValueError:  # What is no key, or no base64.
        return False


def _keep(uow: UnitOfWork, raw: bytes) -> None:
    told = _read(raw)
    if told is None:
        log.error("webhook.unmatched", provider="sendgrid", kind=KIND)
        kept = inbox.keep(uow, provider="sendgrid", kind=KIND, external_id="", query="", raw=raw)
        if kept is not None:
            inbox.conclude(uow, kept, inbox.UNMATCHED)
        return
    calls = [
        inbox.Call(str(event.get("sg_event_id") or ""), json.dumps(event).encode())
        for event in told
    ]
    inbox.keep_for_worker(uow, "sendgrid", KIND, calls)


def _read(raw: bytes) -> list[dict[str, Any]] | None:
    """Return the events of a call; None where it is no list of events."""
    try:
        told = json.loads(raw)
    except (ValueError, RecursionError):
        return None
    if not isinstance(told, list) or not all(isinstance(event, dict) for event in told):
        return None
    return told


def apply(uow: UnitOfWork, rows: Sequence[Row[Any]]) -> None:
    """Apply stored events."""
    told = {row.id: json.loads(inbox.raw_of(uow, row)) for row in rows}
    read = {row_id: mail_event(event, uow.clinic_id) for row_id, event in told.items()}
    ours = {row_id: event for row_id, event in read.items() if event is not None}
    apply_mail_events(uow, list(ours.values()))
    inbox.conclude_all(uow, list(ours), "applied")
    inbox.conclude_all(uow, sorted(read.keys() - ours.keys()), IGNORED)


def mail_event(told: dict[str, Any], clinic_id: UUID) -> MailEvent | None:
    """Return an event of ours, by the ids that we gave the email (SG-3); None for any other."""
    try:
        ids = [UUID(str(told[name])) for name in ("clinic_id", "attempt_id", "communication_id")]
    except (KeyError, ValueError):
        return None
    provider_id = str(told.get("sg_message_id") or "").replace("\x00", "").partition(".")[0]
    if ids[0] != clinic_id or not provider_id:
        return None
    kind = str(told.get("event") or "")
    if kind == "bounce" and told.get("type") == "blocked":
        kind = "blocked"
    return MailEvent(kind, provider_id[:100], ids[1], ids[2], _code(kind, told))


def _code(kind: str, told: dict[str, Any]) -> str | None:
    if kind == "dropped":
        return _DROPPED.get(str(told.get("reason") or "").lower(), "dropped")
    return {"bounce": "bounced", "blocked": "blocked"}.get(kind)
