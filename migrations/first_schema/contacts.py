"""People, their addresses, and how they are found."""

import sqlalchemy as sa
from alembic import op


def create() -> None:
    contacts()
    addresses()
    contact_addresses()
    search_terms()


def contacts() -> None:
    op.create_table(
        "contacts",
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("language", sa.String(), nullable=False),
        sa.Column("timezone", sa.String(), nullable=True),
        sa.Column("merged_into_id", sa.Uuid(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint("language IN ('en', 'es')", name=op.f("ck_contacts_language_known")),
        sa.ForeignKeyConstraint(
            ["clinic_id", "merged_into_id"],
            ["contacts.clinic_id", "contacts.id"],
            name=op.f("fk_contacts_clinic_id_merged_into_id"),
        ),
        sa.PrimaryKeyConstraint("clinic_id", "id", name=op.f("pk_contacts")),
    )
    op.create_index(
        "ix_contacts_merged",
        "contacts",
        ["clinic_id", "merged_into_id"],
        postgresql_where=sa.text("merged_into_id IS NOT NULL"),
    )


def addresses() -> None:
    op.create_table(
        "addresses",
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("value", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("kind IN ('phone', 'email')", name=op.f("ck_addresses_kind_known")),
        sa.PrimaryKeyConstraint("clinic_id", "id", name=op.f("pk_addresses")),
        sa.UniqueConstraint(
            "clinic_id", "kind", "value", name=op.f("uq_addresses_clinic_id_kind_value")
        ),
    )


def contact_addresses() -> None:
    op.create_table(
        "contact_addresses",
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("contact_id", sa.Uuid(), nullable=False),
        sa.Column("address_id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["clinic_id", "address_id"],
            ["addresses.clinic_id", "addresses.id"],
            name=op.f("fk_contact_addresses_clinic_id_address_id"),
        ),
        sa.ForeignKeyConstraint(
            ["clinic_id", "contact_id"],
            ["contacts.clinic_id", "contacts.id"],
            name=op.f("fk_contact_addresses_clinic_id_contact_id"),
        ),
        sa.PrimaryKeyConstraint("clinic_id", "id", name=op.f("pk_contact_addresses")),
        sa.UniqueConstraint(
            "clinic_id",
            "address_id",
            "contact_id",
            name=op.f("uq_contact_addresses_clinic_id_address_id_contact_id"),
        ),
    )
    op.create_index(
        "ix_contact_addresses_contact", "contact_addresses", ["clinic_id", "contact_id"]
    )


def search_terms() -> None:
    op.create_table(
        "search_terms",
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column("term", sa.String(collation="C"), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("ref_id", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint(
            "clinic_id", "term", "kind", "ref_id", name=op.f("pk_search_terms")
        ),
    )
