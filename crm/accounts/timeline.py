"""Who did things, for timelines: users and API keys by their names."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from crm.accounts.queries import key_names, user_names
from crm.core.events import EventRow
from crm.core.uow import UnitOfWork
from crm.web.language import _


def authors(uow: UnitOfWork, rows: Sequence[EventRow]) -> Mapping[UUID, str]:
    """Return the names of the users and API keys that did these."""
    users = _of_kind(rows, "user")
    keys = _of_kind(rows, "api_key")
    users_by_id = user_names(uow, list(set(users.values()))) if users else {}
    keys_by_id = key_names(uow, list(set(keys.values()))) if keys else {}
    return {
        **{row_id: users_by_id[one] for row_id, one in users.items() if one in users_by_id},
        **{
            row_id: _("the API key “%(name)s”", name=keys_by_id[one])
            for row_id, one in keys.items()
            if one in keys_by_id
        },
    }


def _of_kind(rows: Sequence[EventRow], kind: str) -> dict[UUID, UUID]:
    return {
        row.id: row.principal_id for row in rows if row.principal_kind == kind and row.principal_id
    }
