"""The chain of a ledger: what is changed later shows, and what is erased leaves it whole."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Connection, create_engine, delete, make_url, text
from sqlmodel import col, select
from typer.testing import CliRunner, Result

from crm import cli
from crm.compliance.actions import NewConsent, record_consents
from crm.compliance.models import Consent
from crm.compliance.wordings import publish_wording
from crm.contacts.actions import Person, match_or_create
from crm.core.crypto import ClinicKey, Keyring
from crm.core.ids import new_id
from crm.core.models import Chained
from crm.core.principal import SYSTEM
from crm.core.runtime import Runtime
from crm.privacy import chain
from crm.privacy.actions import Origin, audit, came_from
from crm.privacy.chain import Walk, walk
from crm.privacy.models import AuditEntry
from crm.registry import JOBS, LEDGERS
from tests.support.servers import TestServers
from workers import scheduler
from workers.chaining import link_all

Admin = Callable[[str], None]


@pytest.fixture
def admin(servers: TestServers, database_url: str) -> Iterator[Admin]:
    """Run a statement as who may change everything."""
    engine = create_engine(servers.url(make_url(database_url).database or ""))

    def run(statement: str) -> None:
        with engine.begin() as connection:
            assert _changed(connection, statement) == 1

    yield run
    engine.dispose()


def _changed(connection: Connection, statement: str) -> int:
    return connection.execute(text(statement)).rowcount


@pytest.fixture
def verify(runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Run the command that verifies a clinic's ledgers."""
    monkeypatch.setattr(cli, "runtime", lambda: runtime)
    command = ["audit", "verify"]
    return lambda clinic, *more: CliRunner().invoke(cli.app, [*command, str(clinic), *more])


def write(runtime: Runtime, clinic: UUID, count: int = 3) -> None:
    """Write consents with evidence and audit entries with an address, `count` of each."""
    copy_context().run(_write, runtime, clinic, count)


def _write(runtime: Runtime, clinic: UUID, count: int) -> None:
    came_from(Origin("r1", "203.0.113.7", "Browser/1"))
    with runtime.database.transaction(clinic, SYSTEM) as uow:
        publish_wording(uow, "en", "care", "express", "You may text me.")
        [person] = match_or_create(uow, [Person("Ana", "+12125550142")])
        given = NewConsent(
            *(person.address_ids["phone"], person.contact_id, "sms", "care", "express", "granted"),
            evidence={"words": "yes"},
        )
        record_consents(uow, [given] * count)
        for number in range(count):
            audit(uow, f"login.n{number}", "thing", new_id(), rows=number)


def link(runtime: Runtime) -> None:
    link_all(runtime.database, LEDGERS)


def write_and_link(runtime: Runtime, clinic: UUID, count: int = 3) -> None:
    write(runtime, clinic, count)
    link(runtime)


def walked(runtime: Runtime, clinic: UUID, ledger: type[Chained]) -> Walk:
    with runtime.database.transaction(clinic, SYSTEM) as uow:
        return walk(uow.session, uow.keyring, ledger, clinic)


def test_the_job_links_what_was_written(runtime: Runtime, clinic: UUID, other_clinic: UUID) -> None:
    write(runtime, clinic, 3)
    write(runtime, other_clinic, 2)
    assert walked(runtime, clinic, Consent) == Walk(0, 0, "", waiting=3)
    [job] = [job for job in JOBS if job.name == "chain"]
    scheduler.run_job(runtime, job)
    for ledger in (Consent, AuditEntry):
        for place, count in ((clinic, 3), (other_clinic, 2)):
            found = walked(runtime, place, ledger)
            assert (found.rows, found.erased, found.waiting, found.fault) == (count, 0, 0, None)
            assert found.last.startswith("1:")
    last = walked(runtime, clinic, Consent).last
    write(runtime, clinic, 1)
    scheduler.run_job(runtime, job)
    found = walked(runtime, clinic, Consent)
    assert (found.rows, found.fault) == (4, None)
    assert found.last != last


@pytest.mark.parametrize(
    ("ledger", "statement"),
    [
        (AuditEntry, "UPDATE audit_entries SET action = 'lead.viewed' WHERE chain_seq = 2"),
        (AuditEntry, "UPDATE audit_entries SET principal_id = id WHERE chain_seq = 2"),
        (AuditEntry, "UPDATE audit_entries SET object_id = NULL WHERE chain_seq = 2"),
        (AuditEntry, "UPDATE audit_entries SET at = at + interval '1 s' WHERE chain_seq = 2"),
        (AuditEntry, "UPDATE audit_entries SET details = '{}' WHERE chain_seq = 2"),
        (AuditEntry, "UPDATE audit_entries SET ip = '203.0.113.8' WHERE chain_seq = 2"),
        (AuditEntry, "UPDATE audit_entries SET commitments = '[]' WHERE chain_seq = 2"),
        (AuditEntry, "UPDATE audit_entries SET chain_hash = NULL WHERE chain_seq = 2"),
        (AuditEntry, "UPDATE audit_entries SET chain_hash = 'ñ:' WHERE chain_seq = 2"),
        (
            AuditEntry,
            "UPDATE audit_entries a SET commitments = a.commitments || b.commitments,"
            " ip = b.ip FROM audit_entries b WHERE a.chain_seq = 2 AND b.chain_seq = 3",
        ),
        (Consent, "UPDATE consents SET action = 'revoked' WHERE chain_seq = 2"),
        (Consent, "UPDATE consents SET evidence = 'x' WHERE chain_seq = 2"),
        (Consent, "UPDATE consents SET seq = seq + 100 WHERE chain_seq = 2"),
    ],
)
def test_a_changed_row_is_found(
    runtime: Runtime, clinic: UUID, admin: Admin, ledger: type[Chained], statement: str
) -> None:
    write_and_link(runtime, clinic)
    admin(statement)
    found = walked(runtime, clinic, ledger)
    assert found.rows == 1
    assert found.fault is not None
    assert found.fault.startswith("row 2 (")
    assert found.fault.endswith("was changed")


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM consents WHERE chain_seq = 2",
        "UPDATE consents SET chain_seq = NULL WHERE chain_seq = 2",
    ],
)
def test_a_missing_row_is_found(
    runtime: Runtime, clinic: UUID, admin: Admin, statement: str
) -> None:
    write_and_link(runtime, clinic)
    admin(statement)
    found = walked(runtime, clinic, Consent)
    assert (found.rows, found.fault) == (1, "row 2 is missing")


def test_rows_that_changed_places_are_found(runtime: Runtime, clinic: UUID, admin: Admin) -> None:
    write_and_link(runtime, clinic)
    for now, then in ((1, 9), (2, 1), (9, 2)):
        admin(f"UPDATE audit_entries SET chain_seq = {then} WHERE chain_seq = {now}")
    found = walked(runtime, clinic, AuditEntry)
    assert found.rows == 0
    assert str(found.fault).startswith("row 1 (")


def test_what_is_erased_leaves_the_chain_whole(
    runtime: Runtime, clinic: UUID, admin: Admin
) -> None:
    write_and_link(runtime, clinic)
    admin("UPDATE consents SET evidence = NULL WHERE chain_seq = 2")
    admin("UPDATE audit_entries SET ip = NULL, user_agent = NULL WHERE chain_seq = 1")
    write_and_link(runtime, clinic, 1)
    consents, entries = (walked(runtime, clinic, one) for one in (Consent, AuditEntry))
    assert (consents.rows, consents.erased, consents.fault) == (4, 1, None)
    assert (entries.rows, entries.erased, entries.fault) == (4, 2, None)
    admin("UPDATE consents SET evidence = 'another' WHERE chain_seq = 2")
    assert str(walked(runtime, clinic, Consent).fault).startswith("row 2 (")


def test_equal_values_have_commitments_that_do_not_show_it(runtime: Runtime, clinic: UUID) -> None:
    write_and_link(runtime, clinic)
    with runtime.database.transaction(clinic, SYSTEM) as uow:
        kept = uow.session.scalars(select(AuditEntry.commitments)).all()
    assert len({one["ip"] for one in kept if one}) == len(kept) == 3


def test_what_commits_late_is_linked_late(runtime: Runtime, clinic: UUID) -> None:
    with runtime.database.transaction(clinic, SYSTEM) as uow:
        audit(uow, "lead.exported")
        with runtime.database.transaction(clinic, SYSTEM) as second:
            audit(second, "lead.viewed")
        link(runtime)
    link(runtime)
    with runtime.database.transaction(clinic, SYSTEM) as uow:
        by_id = uow.session.scalars(select(AuditEntry).order_by(col(AuditEntry.id))).all()
        assert [(row.action, row.chain_seq) for row in by_id] == [
            ("lead.exported", 2),
            ("lead.viewed", 1),
        ]
    assert walked(runtime, clinic, AuditEntry).fault is None


def test_many_at_once_make_one_chain(
    runtime: Runtime, clinic: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chain, "CHUNK", 3)

    def one(number: int) -> None:
        if number % 2:
            write(runtime, clinic, 2)
        link(runtime)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(one, range(16)))
    link(runtime)
    for ledger in (Consent, AuditEntry):
        found = walked(runtime, clinic, ledger)
        assert (found.rows, found.waiting, found.fault) == (16, 0, None)


def test_who_comes_second_links_nothing(runtime: Runtime, clinic: UUID) -> None:
    write(runtime, clinic)
    with runtime.database.system() as first, runtime.database.system() as second:
        assert chain.link(first.session, runtime.database.keyring, Consent, clinic) == 3
        assert chain.link(second.session, runtime.database.keyring, Consent, clinic) == 0
    assert walked(runtime, clinic, Consent).rows == 3


def test_who_dies_in_a_chunk_has_linked_none_of_it(
    runtime: Runtime, clinic: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(runtime, clinic, 5)
    monkeypatch.setattr(chain, "CHUNK", 3)
    sign, signed = Keyring.sign, []

    def dies(keyring: Keyring, *message: Any) -> str:
        signed.append(message)
        if len(signed) > 9:
            raise MemoryError
        return sign(keyring, *message)

    monkeypatch.setattr(Keyring, "sign", dies)
    with pytest.raises(MemoryError):
        link_all(runtime.database, [Consent])
    monkeypatch.setattr(Keyring, "sign", sign)
    assert walked(runtime, clinic, Consent).rows == 3
    link(runtime)
    found = walked(runtime, clinic, Consent)
    assert (found.rows, found.waiting, found.fault) == (5, 0, None)


def test_a_clinic_whose_key_is_gone_holds_up_nobody(
    runtime: Runtime, clinic: UUID, other_clinic: UUID
) -> None:
    write(runtime, clinic)
    write(runtime, other_clinic)
    with runtime.database.transaction(clinic, SYSTEM) as uow:
        uow.session.execute(delete(ClinicKey))
    link(runtime)
    assert walked(runtime, clinic, Consent).waiting == 3
    assert walked(runtime, other_clinic, Consent).rows == 3


def test_the_command_names_what_was_changed(
    runtime: Runtime, clinic: UUID, admin: Admin, verify: Callable[..., Result]
) -> None:
    write_and_link(runtime, clinic)
    whole = verify(clinic)
    assert whole.exit_code == 0, whole.output
    assert (
        "consents: whole; rows: 3, erased values: 0, rows not linked yet: 0, last link: 1:"
        in whole.output
    )
    assert "consent_wordings: whole; rows: 1," in whole.output

    admin("UPDATE consents SET action = 'revoked' WHERE chain_seq = 3")
    write(runtime, clinic, 1)
    broken = verify(clinic)
    assert broken.exit_code == 1
    assert "consents: BROKEN, row 3 (" in broken.output
    assert "whole rows before it: 2" in broken.output
    assert (
        "audit_entries: whole; rows: 3, erased values: 0, rows not linked yet: 1," in broken.output
    )


def test_a_link_that_was_kept_tells_that_the_end_was_cut_off(
    runtime: Runtime, clinic: UUID, admin: Admin, verify: Callable[..., Result]
) -> None:
    write_and_link(runtime, clinic)
    kept = walked(runtime, clinic, Consent).last
    assert verify(clinic, "--last", kept).exit_code == 0
    admin("DELETE FROM consents WHERE chain_seq = 3")
    write_and_link(runtime, clinic, 1)
    assert walked(runtime, clinic, Consent).fault is None
    cut = verify(clinic, "--last", kept)
    assert cut.exit_code == 1
    assert "its end was cut off" in cut.output


def test_the_command_knows_no_unknown_clinic(verify: Callable[..., Result]) -> None:
    assert verify(new_id()).exit_code == 1
