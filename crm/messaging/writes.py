"""The statements of sending and settling, each for many rows and built once, to stay prepared."""

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic_core import to_json
from sqlalchemy import (
    JSON,
    Boolean,
    ColumnElement,
    Integer,
    Text,
    Update,
    and_,
    bindparam,
    case,
    cast,
    func,
    null,
    or_,
    select,
    update,
)
from sqlalchemy import column as sql_column
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.engine import Row
from sqlalchemy.types import DateTime, Uuid

from crm.core.bulk import given
from crm.core.uow import UnitOfWork
from crm.messaging.models import Communication, Conversation

_table: Any = Communication.__table__  # type: ignore[attr-defined]
_text: Any = _table.c
_talks: Any = Conversation.__table__  # type: ignore[attr-defined]

_TIME = DateTime(timezone=True)
TOLD: Sequence[Any] = (
    *(_text.id, _text.status, _text.reason, _text.address_id, _text.contact_id, _text.lead_id),
    *(_text.origin_kind, _text.origin_id, _text.cause, _text.provider_id, _text.error_code),
    _text.channel,
)
_FREE = {"lease_until": null(), "lease_token": null()}


def _rows(**types: Any) -> Any:
    """A table of the given columns, filled from the rows that travel as one JSON text."""
    columns = [sql_column(name, kind) for name, kind in types.items()]
    given = func.json_to_recordset(cast(bindparam("given", type_=Text()), JSON))
    return given.table_valued(*columns, name="given").render_derived(with_types=True)


def run(
    uow: UnitOfWork, statement: Any, rows: Sequence[Mapping[str, Any]], **values: Any
) -> Sequence[Row[Any]]:
    """Run one statement over these rows; nothing is asked for none."""
    if not rows:
        return []
    given = {"clinic": uow.clinic_id, "now": uow.now, "given": to_json(rows).decode(), **values}
    return uow.session.execute(statement, given).all()


def still_held(is_named: ColumnElement[bool]) -> ColumnElement[bool]:
    """Return the condition of texts still queued and held by the claim `token` of `clinic`.

    `is_named` says which texts are meant. What is no longer so is another worker's, or settled.
    """
    return and_(
        _text.clinic_id == bindparam("clinic", type_=Uuid),
        is_named,
        _text.lease_token == bindparam("token"),
        _text.status == "queued",
    )


def _block() -> Update:
    given = _rows(id=Uuid, reason=Text, gate=Text)
    return (
        update(_table)
        .where(still_held(_text.id == given.c.id))
        .values(
            status="blocked",
            reason=given.c.reason,
            gate=cast(given.c.gate, JSONB),
            settled_at=bindparam("now", type_=_TIME),
            due_at=null(),
            held_reason=null(),
            **_FREE,
        )
        .returning(*TOLD)
    )


def _defer() -> Update:
    given = _rows(id=Uuid, reason=Text, until=_TIME, gate=Text)
    return (
        update(_table)
        .where(still_held(_text.id == given.c.id))
        .values(
            due_at=given.c.until,
            held_reason=given.c.reason,
            gate=cast(given.c.gate, JSONB),
            refused_since=null(),
            **_FREE,
        )
        .returning(_text.id, _text.lead_id, _text.contact_id)
    )


def _take() -> Update:
    given = _rows(
        **{"id": Uuid, "attempt": Uuid, "consent": Uuid, "sender": Uuid, "conversation": Uuid},
        **{"body": Text, "subject": Text, "html": Text, "gate": Text},
    )
    return (
        update(_table)
        .where(still_held(_text.id == given.c.id))
        .values(
            status="sending",
            attempt_id=given.c.attempt,
            consent_id=given.c.consent,
            sender_id=given.c.sender,
            conversation_id=given.c.conversation,
            body=given.c.body,
            subject=given.c.subject,
            html=given.c.html,
            gate=cast(given.c.gate, JSONB),
            taken_at=bindparam("now", type_=_TIME),
            due_at=bindparam("unconfirmed_at", type_=_TIME),
            held_reason=null(),
            error_code=null(),
            asked=0,
            **_FREE,
        )
        .returning(_text.id, _text.refused_since)
    )


def _extend() -> Update:
    return (
        update(_table)
        .where(still_held(given(_text.id)))
        .values(lease_until=bindparam("until", type_=_TIME))
    )


def _talk() -> Any:
    given = _rows(id=Uuid, address=Uuid, sender=Uuid)
    rows = select(
        bindparam("clinic", type_=Uuid),
        given.c.id,
        given.c.address,
        given.c.sender,
        bindparam("now", type_=_TIME),
        bindparam("now", type_=_TIME),
    )
    columns = ["clinic_id", "id", "address_id", "sender_id", "last_out_at", "created_at"]
    statement = insert(_talks).from_select(columns, rows, include_defaults=False)
    return statement.on_conflict_do_update(
        index_elements=["clinic_id", "address_id", "sender_id"],
        set_={"last_out_at": statement.excluded.last_out_at},
    ).returning(_talks.c.id, _talks.c.address_id, _talks.c.sender_id)


def _is_open(given: Any) -> Any:
    """Whether nobody knows yet what became of it; one to be sent once more was sent after all."""
    is_resend = and_(_text.status == "queued", _text.resends > 0, given.c.status == "sent")
    return or_(_text.status.in_(("sending", "unconfirmed")), is_resend)


_RECORDED = {
    **{"status": "status", "provider_id": "provider", "provider_status": "provider_status"},
    **{"error_code": "code", "reason": "reason", "held_reason": "held", "due_at": "due"},
}


def _record() -> Update:
    """Write what came back; only for the attempt that it came for, and only while it is open.

    A callback may have come first, and a text queued once more may turn out to have been sent.
    """
    given = _rows(
        **{"id": Uuid, "attempt": Uuid, "status": Text, "provider": Text, "code": Text},
        **{"provider_status": Text, "reason": Text, "held": Text, "due": _TIME},
    )
    now, is_busy = bindparam("now", type_=_TIME), given.c.held == "provider_busy"
    is_queued, is_settled = given.c.status == "queued", given.c.status.in_(("sent", "failed"))
    return (
        update(_table)
        .where(
            _text.clinic_id == bindparam("clinic", type_=Uuid),
            _text.id == given.c.id,
            _text.attempt_id == given.c.attempt,
            _is_open(given),
        )
        .values(
            **{column: given.c[name] for column, name in _RECORDED.items()},
            dead_at=null(),
            settled_at=case((is_settled, now), else_=null()),
            refused_since=case((is_busy, func.coalesce(_text.refused_since, now)), else_=null()),
            attempt_id=case((is_queued, null()), else_=_text.attempt_id),
            taken_at=case((is_queued, null()), else_=_text.taken_at),
            attempts=_text.attempts + cast(cast(is_queued, Boolean), Integer),
            **_FREE,
        )
        .returning(*TOLD)
    )


def _settle() -> Update:
    """Write what asking a provider told, for the attempt that it was asked about."""
    given = _rows(
        **{"id": Uuid, "attempt": Uuid, "status": Text, "reason": Text, "due": _TIME},
        **{"lease": _TIME, "asked": Integer, "resends": Integer, "attempts": Integer},
    )
    is_queued = given.c.status == "queued"
    return (
        update(_table)
        .where(
            _text.clinic_id == bindparam("clinic", type_=Uuid),
            _text.id == given.c.id,
            _text.lease_token == bindparam("token"),
            _text.attempt_id == given.c.attempt,
            _text.status.in_(("sending", "unconfirmed")),
        )
        .values(
            status=given.c.status,
            reason=given.c.reason,
            due_at=given.c.due,
            asked=given.c.asked,
            resends=given.c.resends,
            attempts=given.c.attempts,
            taken_at=case((is_queued, null()), else_=_text.taken_at),
            settled_at=case((given.c.status == "failed", bindparam("now", type_=_TIME))),
            lease_until=given.c.lease,
            lease_token=null(),
        )
        .returning(*TOLD)
    )


def _apply() -> Update:
    """Write what a status means; its row is locked and was read under that lock."""
    given = _rows(
        **{"id": Uuid, "status": Text, "provider": Text, "provider_status": Text},
        **{"code": Text, "reason": Text},
    )
    now = bindparam("now", type_=_TIME)
    return (
        update(_table)
        .where(_text.clinic_id == bindparam("clinic", type_=Uuid), _text.id == given.c.id)
        .values(
            status=given.c.status,
            provider_id=given.c.provider,
            provider_status=given.c.provider_status,
            error_code=given.c.code,
            reason=given.c.reason,
            held_reason=null(),
            due_at=null(),
            dead_at=null(),
            # A text queued once more has lost when it left; this status proves that it had.
            taken_at=func.coalesce(_text.taken_at, now),
            settled_at=func.coalesce(_text.settled_at, now),
            **_FREE,
        )
        .returning(*TOLD)
    )


BLOCK, DEFER, TAKE, EXTEND, TALK = _block(), _defer(), _take(), _extend(), _talk()
RECORD, SETTLE, APPLY = _record(), _settle(), _apply()
