"""A call of Twilio's: its fields, the proof that it comes from Twilio, and whose it is."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs, parse_qsl
from uuid import UUID

from sqlmodel import col, select
from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request
from twilio.request_validator import RequestValidator

from crm.accounts.doors import resolve
from crm.core.database import Database
from crm.core.uow import UnitOfWork
from crm.messaging.actions.connect import ACCOUNT_DOOR, NUMBER_DOOR
from crm.messaging.models import ChannelAccount, Sender


@dataclass(frozen=True)
class Call:
    """One request, as received: `url` is the public one that Twilio signed (TW-3, TW-4).

    `fields` are the decoded values of a form, or of a JSON body, whose signature covers the
    address alone, with the hash of the body in it (TW-5). `received_at` is when it came, where that
    is not now.
    """

    url: str
    raw: bytes
    fields: FormData
    signature: str
    is_json: bool = False
    received_at: datetime | None = None

    @classmethod
    def of(cls, request: Request, raw: bytes, base_url: str) -> "Call":
        """Read a request; whatever cannot be read has no fields, and so no account."""
        query = request.scope["query_string"].decode("latin-1")
        url = base_url + request.scope["path"] + (f"?{query}" if query else "")
        is_json = request.headers.get("content-type", "").startswith("application/json")
        fields = _json_fields(raw) if is_json else _form_fields(raw)
        return cls(url, raw, fields, request.headers.get("x-twilio-signature", ""), is_json)

    @classmethod
    def again(cls, raw: bytes, query: str, received_at: datetime) -> "Call":
        """Return a stored call as it was, but for its signature, which was checked."""
        is_json = raw.lstrip().startswith(b"{")
        fields = _json_fields(raw) if is_json else _form_fields(raw)
        return cls(f"?{query}", raw, fields, "", is_json, received_at)

    @property
    def query(self) -> str:
        """The query of the address that was called."""
        return self.url.partition("?")[2]

    def field(self, *names: str) -> str:
        """Return the first of these fields that says something, as it can be stored."""
        for name in names:
            value = self.fields.get(name)
            if isinstance(value, str) and value:
                return value.replace("\x00", "")
        return ""

    @property
    def attempt_id(self) -> UUID | None:
        """The attempt that our callback address carries (TW-24)."""
        values = parse_qs(self.query).get("a", [])
        try:
            return UUID(values[0]) if values else None
        except ValueError:
            return None

    def is_signed_with(self, auth_token: str) -> bool:
        """Whether the signature is Twilio's for this token; what cannot be checked is not."""
        signed: Any = self.raw.decode("utf-8", "replace") if self.is_json else self.fields
        try:
            return bool(RequestValidator(auth_token).validate(self.url, signed, self.signature))
        except (TypeError, ValueError):  # A JSON body without its hash; text that is no UTF-8.
            return False


@dataclass(frozen=True)
class Candidate:
    """A clinic that a call may be for; the number in the call is one of its own, or is not."""

    clinic_id: UUID
    has_number: bool


def candidates(database: Database, call: Call, number: str) -> Iterator[Candidate]:
    """Yield whose call it may be: the number's clinic, else those that use the account (TW-14).

    Each has to prove it with its own token: a clinic that names another's number gets nothing.
    """
    sid = call.field("AccountSid")
    if not sid:
        return
    if number:
        for opened in resolve(database, NUMBER_DOOR, f"{sid}:{number}"):
            yield Candidate(opened.clinic_id, True)
    for opened in resolve(database, ACCOUNT_DOOR, sid):
        yield Candidate(opened.clinic_id, False)


def has_number(uow: UnitOfWork, call: Call, number: str) -> bool:
    """Whether a number is the clinic's, at the account that a call names."""
    its = (col(ChannelAccount.clinic_id) == col(Sender.clinic_id)) & (
        col(ChannelAccount.id) == col(Sender.account_id)
    )
    found = uow.session.scalar(
        select(col(Sender.id))
        .join(ChannelAccount, its)
        .where(
            col(Sender.clinic_id) == uow.clinic_id,
            col(Sender.value) == number,
            col(ChannelAccount.provider) == "twilio",
            col(ChannelAccount.external_id) == call.field("AccountSid"),
        )
    )
    return found is not None


def is_proved(uow: UnitOfWork, call: Call) -> bool:
    """Whether a token of the clinic's account signed the call: the current or the last (TW-7)."""
    accounts = uow.session.scalars(
        select(ChannelAccount).where(
            col(ChannelAccount.clinic_id) == uow.clinic_id,
            col(ChannelAccount.provider) == "twilio",
            col(ChannelAccount.external_id) == call.field("AccountSid"),
        )
    )
    return any(
        call.is_signed_with(token) for account in accounts for token in _tokens(uow, account)
    )


def _tokens(uow: UnitOfWork, account: ChannelAccount) -> list[str]:
    if not account.credentials:
        return []
    known = json.loads(uow.decrypt(account.id, account.credentials))
    return [known[name] for name in ("auth_token", "auth_token_secondary") if known.get(name)]


def _form_fields(raw: bytes) -> FormData:
    """Decode a form as Twilio signs it: nothing trimmed, empty values kept (TW-1, TW-2)."""
    try:
        pairs: list[tuple[str, str | UploadFile]] = [
            *parse_qsl(raw.decode("utf-8", "replace"), keep_blank_values=True)
        ]
    except ValueError:
        return FormData()
    return FormData(pairs)


def _json_fields(raw: bytes) -> FormData:
    try:
        body = json.loads(raw)
    except (ValueError, RecursionError):
        return FormData()
    known = body if isinstance(body, dict) else {}
    values: dict[str, str | UploadFile] = {
        str(name): str(value) for name, value in known.items() if value is not None
    }
    return FormData(values)
