"""The audit trail: what an entry says, and what it never says (LAW-52)."""

from collections.abc import Iterator
from contextvars import copy_context
from uuid import UUID

import pytest

from crm.core.ids import new_id
from crm.core.principal import SYSTEM, Principal
from crm.core.runtime import Runtime
from crm.core.uow import UnitOfWork
from crm.privacy.actions import Origin, audit, came_from, origin
from crm.privacy.models import AuditEntry
from crm.privacy.queries import audit_entries


@pytest.fixture
def by_user(runtime: Runtime, clinic: UUID) -> Iterator[UnitOfWork]:
    with runtime.database.transaction(clinic, Principal("user", new_id())) as uow:
        yield uow


def test_an_entry_says_who_what_when_and_from_where(by_user: UnitOfWork) -> None:
    lead, login = new_id(), new_id()

    def answer() -> None:
        came_from(Origin("r1", "203.0.113.7", "Browser/1 (x; y)", login))
        audit(by_user, "lead.exported", "lead", lead, rows=3, stages=[lead], reason="asked")

    copy_context().run(answer)

    [entry] = audit_entries(by_user)
    assert (entry.action, entry.object_kind, entry.object_id) == ("lead.exported", "lead", lead)
    assert (entry.principal_kind, entry.principal_id) == ("user", by_user.principal.id)
    assert (entry.at, entry.request_id, entry.ip) == (by_user.now, "r1", "203.0.113.7")
    assert entry.details == {
        "rows": 3,
        "stages": [str(lead)],
        "reason": "asked",
        "login_id": str(login),
    }
    assert entry.user_agent is None


def test_an_entry_of_a_sign_in_says_which_browser(by_user: UnitOfWork) -> None:
    def answer() -> None:
        came_from(Origin("r1", "203.0.113.7", "Browser/1 (x; y)" + "z" * 500))
        audit(by_user, "login.opened")

    copy_context().run(answer)

    [entry] = audit_entries(by_user)
    assert entry.user_agent is not None
    assert entry.user_agent.startswith("Browser/1 (x; y)z")
    assert len(entry.user_agent) == 200


@pytest.mark.parametrize("words", ["Zoe Quinn", "a@b.example", "+1 212 555 0142", "ñ", "x" * 81])
def test_words_do_not_get_into_an_entry(by_user: UnitOfWork, words: str) -> None:
    for value in (words, [words], {"a": words}, 1.5):
        with pytest.raises(ValueError, match="an id or a code"):
            audit(by_user, "lead.exported", note=value)

    assert audit_entries(by_user) == []


def test_what_is_rolled_back_leaves_no_entry(runtime: Runtime, clinic: UUID) -> None:
    def export_and_fail() -> None:
        with runtime.database.transaction(clinic, SYSTEM) as uow:
            audit(uow, "lead.exported")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        export_and_fail()

    with runtime.database.transaction(clinic, SYSTEM) as uow:
        assert audit_entries(uow) == []


def test_entries_come_newest_first_page_by_page(runtime: Runtime, clinic: UUID) -> None:
    thing = new_id()
    for number in range(5):
        runtime.clock.advance(minutes=1)
        with runtime.database.transaction(clinic, SYSTEM) as uow:
            audit(uow, f"a.n{number}", "thing", thing if number % 2 else None)

    def names(entries: list[AuditEntry]) -> list[str]:
        return [entry.action[-1] for entry in entries]

    with runtime.database.transaction(clinic, SYSTEM) as uow:
        first = audit_entries(uow, limit=2)
        assert names(first) == ["4", "3"]
        assert names(audit_entries(uow, before=first[-1].id)) == ["2", "1", "0"]
        assert names(audit_entries(uow, actions=["a.n0", "a.n2"])) == ["2", "0"]
        assert names(audit_entries(uow, object_id=thing)) == ["3", "1"]


def test_another_clinic_s_entries_are_not_there(
    runtime: Runtime, clinic: UUID, other_clinic: UUID
) -> None:
    with runtime.database.transaction(other_clinic, SYSTEM) as uow:
        audit(uow, "lead.exported")

    with runtime.database.transaction(clinic, SYSTEM) as uow:
        assert audit_entries(uow) == []


def test_outside_of_a_request_the_origin_is_unknown() -> None:
    assert copy_context().run(origin) == Origin()
