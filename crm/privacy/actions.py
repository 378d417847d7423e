"""Verbs of the audit trail: one line for each act that somebody may have to answer for (LAW-52)."""

import re
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from crm.core.ids import new_id
from crm.core.uow import UnitOfWork
from crm.privacy.models import AuditEntry

_CODE = re.compile(r"[\w.:/+-]{0,80}", re.ASCII)
MAX_USER_AGENT = 200


@dataclass(frozen=True)
class Origin:
    """Where a request came from: what its audit entries say besides who and what (SEC-15).

    `login_id` is the login or the API key that it used.
    """

    request_id: str | None = None
    ip: str | None = None
    user_agent: str | None = None
    login_id: UUID | None = None


_origin: ContextVar[Origin | None] = ContextVar("audit_origin", default=None)


def came_from(origin: Origin) -> None:
    """Remember where the request being answered came from, for the rest of its task."""
    _origin.set(origin)


def origin() -> Origin:
    """Return where the request being answered came from; nothing is known outside of one."""
    return _origin.get() or Origin()


def audit(
    uow: UnitOfWork,
    action: str,
    object_kind: str | None = None,
    object_id: UUID | None = None,
    **details: Any,
) -> None:
    """Note an act, such as `lead.exported`, in this transaction; details are ids and codes only.

    Sign-ins also note the browser (P11). Raises ValueError for words in the details.
    """
    came = origin()
    noted = {name: _code(name, value) for name, value in details.items()}
    if came.login_id is not None:
        noted.setdefault("login_id", str(came.login_id))
    is_sign_in = action.startswith("login.")
    entry = {
        "id": new_id(),
        "action": action,
        "principal_kind": uow.principal.kind,
        "principal_id": uow.principal.id,
        "object_kind": object_kind,
        "object_id": object_id,
        "at": uow.now,
        "request_id": came.request_id,
        "ip": came.ip,
        "user_agent": (came.user_agent or "")[:MAX_USER_AGENT] or None if is_sign_in else None,
        "details": noted,
    }
    uow.insert(AuditEntry, [entry])


def _code(name: str, value: Any) -> Any:
    """Return an id, a number or a code as JSON holds it; prose may hold what a person said."""
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, list | tuple | set | frozenset):
        return [_code(name, one) for one in value]
    if isinstance(value, str) and _CODE.fullmatch(value):
        return value
    raise ValueError(f"an audit entry's {name} must be an id or a code")
