"""Tables of people and their addresses; the unit is the address."""

from datetime import datetime
from typing import Literal, get_args
from uuid import UUID

from sqlalchemy import Index, String, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from crm.core.models import ClinicScoped, DataClass, one_of, reference, table_args

AddressKind = Literal["phone", "email"]
ADDRESS_KINDS: tuple[AddressKind, ...] = get_args(AddressKind)


class Contact(ClinicScoped, table=True):
    """A person with a phone or an email; a merge is a pointer and nothing else."""

    __tablename__ = "contacts"
    __table_args__ = table_args(
        reference("merged_into_id", "contacts"),
        one_of("language", ("en", "es")),
        Index(
            "ix_contacts_merged",
            "clinic_id",
            "merged_into_id",
            postgresql_where=text("merged_into_id IS NOT NULL"),
        ),
    )
    retention = DataClass.PERSON
    tracked = frozenset({"name", "language", "timezone"})

    name: str
    language: str = "en"
    timezone: str | None = None
    merged_into_id: UUID | None = None
    created_at: datetime
    version: int = 1


class Address(ClinicScoped, table=True):
    """A phone number (E.164) or an email address: what consents, is suppressed, and is locked."""

    __tablename__ = "addresses"
    __table_args__ = table_args(
        UniqueConstraint("clinic_id", "kind", "value"), one_of("kind", ADDRESS_KINDS)
    )
    retention = DataClass.PERSON

    kind: str
    value: str
    created_at: datetime


class ContactAddress(ClinicScoped, table=True):
    """That a contact uses an address; several people may share one phone."""

    __tablename__ = "contact_addresses"
    __table_args__ = table_args(
        reference("contact_id", "contacts"),
        reference("address_id", "addresses"),
        UniqueConstraint("clinic_id", "address_id", "contact_id"),
        Index("ix_contact_addresses_contact", "clinic_id", "contact_id"),
    )
    retention = DataClass.PERSON

    contact_id: UUID
    address_id: UUID
    created_at: datetime


class SearchTerm(SQLModel, table=True):
    """One folded word, email or reversed phone of a row, asked by text range."""

    __tablename__ = "search_terms"

    clinic_id: UUID = Field(primary_key=True)
    term: str = Field(primary_key=True, sa_type=String(collation="C"))
    kind: str = Field(primary_key=True)
    ref_id: UUID = Field(primary_key=True)
