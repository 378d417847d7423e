"""Rows travel as one text: every kind of column arrives as it was."""

from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from crm.core.bulk import among, insert_rows
from crm.core.events import EventRow
from crm.core.ids import new_id
from crm.core.uow import UnitOfWork

_events: Any = EventRow.__table__  # type: ignore[attr-defined]


def event(uow: UnitOfWork, **values: object) -> dict[str, object]:
    return {
        "clinic_id": uow.clinic_id,
        "id": new_id(),
        "name": "lead.created",
        "order_key": new_id(),
        "cause": [],
        "principal_kind": "system",
        "at": uow.now,
        "payload": {},
        **values,
    }


def test_values_arrive_as_they_were(uow: UnitOfWork) -> None:
    causes = [[], [new_id()], [new_id(), new_id()]]
    payloads = [{}, {"a": [1, None, 'é"\\{},']}, {"nested": {"b": True}}]
    rows = [
        event(uow, cause=cause, payload=payload, lead_id=lead, name=name)
        for cause, payload, lead, name in zip(
            causes, payloads, (None, new_id(), None), ("x", "", 'é"\\u0041{},\n'), strict=True
        )
    ]
    stored = insert_rows(uow.session, _events, rows, returning=("id", "seq"))
    assert [one.id for one in sorted(stored, key=lambda one: one.seq)] == [
        row["id"] for row in rows
    ]
    found = uow.session.execute(select(_events).order_by(_events.c.seq)).all()
    assert [one.cause for one in found] == causes
    assert [one.payload for one in found] == payloads
    assert [one.lead_id for one in found] == [row["lead_id"] for row in rows]
    assert [one.name for one in found] == [row["name"] for row in rows]
    assert {one.at for one in found} == {uow.now}


def test_known_rows_are_left_alone_or_refused(uow: UnitOfWork) -> None:
    row = event(uow)
    assert len(insert_rows(uow.session, _events, [row], returning=("id",))) == 1
    other = event(uow)
    added = insert_rows(uow.session, _events, [row, other], skip_known=True, returning=("id",))
    assert [one.id for one in added] == [other["id"]]
    with pytest.raises(IntegrityError), uow.session.begin_nested():
        insert_rows(uow.session, _events, [row])


def test_nothing_is_done_for_no_rows(uow: UnitOfWork) -> None:
    assert insert_rows(uow.session, _events, [], returning=("id",)) == []


def test_among_is_one_array_of_any_length(uow: UnitOfWork) -> None:
    rows = [event(uow) for _ in range(3)]
    insert_rows(uow.session, _events, rows)
    wanted = [row["id"] for row in rows[:2]]
    found = uow.session.scalars(select(_events.c.id).where(among(_events.c.id, wanted)))
    assert sorted(found) == sorted(wanted)  # type: ignore[type-var]
    assert uow.session.scalars(select(_events.c.id).where(among(_events.c.id, []))).all() == []


def test_what_cannot_travel_is_refused(uow: UnitOfWork) -> None:
    for wrong in ({"at": uow.now.replace(tzinfo=None)}, {"payload": b"a"}):
        with pytest.raises(TypeError):
            insert_rows(uow.session, _events, [event(uow, **wrong)])
    with pytest.raises(ValueError, match="serialize"):
        insert_rows(uow.session, _events, [event(uow, payload={"a": object()})])
    with pytest.raises(ValueError, match="different columns"):
        insert_rows(uow.session, _events, [event(uow), {"id": new_id()}])
