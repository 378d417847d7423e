"""Two clinics never meet: each of the two walls holds without the other."""

from uuid import UUID

import pytest
from sqlalchemy import create_engine, inspect, text
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlmodel import select

from crm.contacts.models import Contact
from crm.core import tenancy
from crm.core.errors import NotFound
from crm.core.ids import new_id
from crm.core.models import ClinicScoped, metadata
from crm.core.principal import SYSTEM
from crm.core.runtime import Runtime

SCOPED = sorted(table.name for table in metadata.tables.values() if "clinic_id" in table.c)


@pytest.fixture
def contact_id(runtime: Runtime, clinic: UUID) -> UUID:
    with runtime.database.transaction(clinic, SYSTEM) as uow:
        contact = Contact(name="Ana", created_at=uow.now)
        uow.add(contact)
    return contact.id


def test_another_clinics_row_is_not_found(
    runtime: Runtime, contact_id: UUID, other_clinic: UUID
) -> None:
    with runtime.database.transaction(other_clinic, SYSTEM) as uow:
        assert uow.session.scalars(select(Contact)).all() == []
        with pytest.raises(NotFound):
            uow.get(Contact, contact_id)


def test_row_level_security_holds_without_the_criterion(
    runtime: Runtime, contact_id: UUID, other_clinic: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tenancy, "guard", lambda session, clinic_id: None)
    with runtime.database.transaction(other_clinic, SYSTEM) as uow:
        assert uow.session.scalars(select(Contact)).all() == []
        assert uow.session.execute(text("SELECT count(*) FROM contacts")).scalar_one() == 0
        changed = uow.session.execute(text("UPDATE contacts SET name = 'x' RETURNING id")).all()
        assert changed == []


def test_the_criterion_holds_without_row_level_security(
    runtime: Runtime, contact_id: UUID, other_clinic: UUID
) -> None:
    with runtime.database.system() as system:
        assert system.session.scalars(select(Contact)).all() != []
    with runtime.database.system() as system:
        tenancy.guard(system.session, other_clinic)
        assert system.session.scalars(select(Contact)).all() == []


def test_a_row_of_another_clinic_is_never_flushed(
    runtime: Runtime, clinic: UUID, other_clinic: UUID
) -> None:
    with (
        pytest.raises(tenancy.ForeignRow),
        runtime.database.transaction(clinic, SYSTEM) as uow,
    ):
        uow.add(Contact(clinic_id=other_clinic, name="Ben", created_at=uow.now))


def test_the_database_refuses_to_write_for_another_clinic(
    runtime: Runtime, clinic: UUID, other_clinic: UUID
) -> None:
    with (
        pytest.raises(DBAPIError, match="row-level security"),
        runtime.database.transaction(clinic, SYSTEM) as uow,
    ):
        uow.insert(
            Contact,
            [{"id": new_id(), "clinic_id": other_clinic, "name": "Cy", "created_at": uow.now}],
        )


def test_without_a_role_every_table_shows_nothing(owner_url: str, clinic: UUID) -> None:
    forced = text("SELECT relrowsecurity, relforcerowsecurity FROM pg_class WHERE relname = :t")
    engine = create_engine(owner_url)
    with engine.connect() as connection:
        for table in [*SCOPED, "clinics", "users"]:
            assert connection.scalar(text(f"SELECT count(*) FROM {table}")) == 0, table
            assert tuple(connection.execute(forced, {"t": table}).one()) == (True, True), table
    engine.dispose()


def test_every_reference_to_a_clinic_table_is_composite() -> None:
    for table in metadata.tables.values():
        for constraint in table.foreign_key_constraints:
            target = constraint.referred_table
            if "clinic_id" in target.c:
                assert "clinic_id" in constraint.column_keys, f"{table.name}: {constraint.name}"


def test_every_clinic_table_says_its_data_class() -> None:
    classes = [mapper for mapper in _subclasses(ClinicScoped) if hasattr(mapper, "__table__")]
    assert len(classes) > 25
    for mapped in classes:
        assert mapped.retention, mapped.__name__
        key = [column.name for column in inspect(mapped).primary_key]
        assert key == ["clinic_id", "id"], mapped.__name__


def test_a_reference_to_another_clinics_row_is_refused(
    runtime: Runtime, contact_id: UUID, other_clinic: UUID
) -> None:
    with (
        pytest.raises(IntegrityError),
        runtime.database.transaction(other_clinic, SYSTEM) as uow,
    ):
        uow.add(Contact(name="Dee", merged_into_id=contact_id, created_at=uow.now))


def _subclasses(base: type) -> list[type]:
    return [sub for direct in base.__subclasses__() for sub in (direct, *_subclasses(direct))]
