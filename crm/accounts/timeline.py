"""Who did things, for timelines: users and API keys by their names."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlmodel import col

from crm.accounts.models import ApiKey, User
from crm.core.events import EventRow
from crm.core.uow import UnitOfWork
from crm.web.language import _
from crm.web.timeline import Authors, Found


def _reads(uow: UnitOfWork, rows: Sequence[EventRow]) -> Mapping[str, Any]:
    users, keys = set(_of_kind(rows, "user").values()), set(_of_kind(rows, "api_key").values())
    asked: dict[str, Any] = {}
    if users:
        asked["users"] = select(col(User.id), col(User.name)).where(col(User.id).in_(users))
    if keys:
        ours = (col(ApiKey.clinic_id) == uow.clinic_id, col(ApiKey.id).in_(keys))
        asked["keys"] = select(col(ApiKey.id), col(ApiKey.name)).where(*ours)
    return asked


def _names(_uow: UnitOfWork, rows: Sequence[EventRow], found: Found) -> Mapping[UUID, str]:
    """Return the names of the users and API keys that did these."""
    users = {row.id: row.name for row in found.get("users", ())}
    keys = {row.id: row.name for row in found.get("keys", ())}
    by_users, by_keys = _of_kind(rows, "user"), _of_kind(rows, "api_key")
    return {
        **{row_id: users[one] for row_id, one in by_users.items() if one in users},
        **{
            row_id: _("the API key “%(name)s”", name=keys[one])
            for row_id, one in by_keys.items()
            if one in keys
        },
    }


def _of_kind(rows: Sequence[EventRow], kind: str) -> dict[UUID, UUID]:
    return {
        row.id: row.principal_id for row in rows if row.principal_kind == kind and row.principal_id
    }


AUTHORS = Authors(_names, _reads)
