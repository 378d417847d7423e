"""What people agreed to, in which words, and whom we must not contact."""

import sqlalchemy as sa
from alembic import op

from migrations.first_schema.parts import chained


def create() -> None:
    consent_wordings()
    consents()
    suppressions()


def consent_wordings() -> None:
    op.create_table(
        "consent_wordings",
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("language", sa.String(), nullable=False),
        sa.Column("purpose", sa.String(), nullable=False),
        sa.Column("tier", sa.String(), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("text_hash", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        *chained(),
        sa.PrimaryKeyConstraint("clinic_id", "id", name=op.f("pk_consent_wordings")),
        sa.UniqueConstraint(
            "clinic_id",
            "text_hash",
            "language",
            "purpose",
            name=op.f("uq_consent_wordings_clinic_id_text_hash_language_purpose"),
        ),
    )
    op.create_index(
        "uq_consent_wordings_chain", "consent_wordings", ["clinic_id", "chain_seq"], unique=True
    )


def consents() -> None:
    op.create_table(
        "consents",
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("seq", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("address_id", sa.Uuid(), nullable=False),
        sa.Column("contact_id", sa.Uuid(), nullable=True),
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("purpose", sa.String(), nullable=False),
        sa.Column("tier", sa.String(), nullable=False),
        sa.Column("action", sa.String(), nullable=False),
        sa.Column("wording_id", sa.Uuid(), nullable=True),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("evidence", sa.String(), nullable=True),
        sa.Column("principal_kind", sa.String(), nullable=False),
        sa.Column("principal_id", sa.Uuid(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        *chained(),
        sa.CheckConstraint(
            "action IN ('granted', 'revoked')", name=op.f("ck_consents_action_known")
        ),
        sa.CheckConstraint(
            "channel IN ('sms', 'email', 'voice')", name=op.f("ck_consents_channel_known")
        ),
        sa.CheckConstraint(
            "purpose IN ('care', 'marketing')", name=op.f("ck_consents_purpose_known")
        ),
        sa.CheckConstraint(
            "tier IN ('none', 'express', 'written')", name=op.f("ck_consents_tier_known")
        ),
        sa.ForeignKeyConstraint(
            ["clinic_id", "address_id"],
            ["addresses.clinic_id", "addresses.id"],
            name=op.f("fk_consents_clinic_id_address_id"),
        ),
        sa.ForeignKeyConstraint(
            ["clinic_id", "wording_id"],
            ["consent_wordings.clinic_id", "consent_wordings.id"],
            name=op.f("fk_consents_clinic_id_wording_id"),
        ),
        sa.PrimaryKeyConstraint("clinic_id", "id", name=op.f("pk_consents")),
    )
    op.create_index(
        "ix_consents_latest", "consents", ["clinic_id", "address_id", "channel", "purpose", "seq"]
    )
    op.create_index("uq_consents_chain", "consents", ["clinic_id", "chain_seq"], unique=True)


def suppressions() -> None:
    op.create_table(
        "suppressions",
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("address_id", sa.Uuid(), nullable=False),
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("communication_id", sa.Uuid(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("lifted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("lifted_by_communication_id", sa.Uuid(), nullable=True),
        sa.CheckConstraint(
            "channel IN ('sms', 'email', 'voice')", name=op.f("ck_suppressions_channel_known")
        ),
        sa.ForeignKeyConstraint(
            ["clinic_id", "address_id"],
            ["addresses.clinic_id", "addresses.id"],
            name=op.f("fk_suppressions_clinic_id_address_id"),
        ),
        sa.PrimaryKeyConstraint("clinic_id", "id", name=op.f("pk_suppressions")),
    )
    op.create_index(
        "uq_suppressions_live",
        "suppressions",
        ["clinic_id", "address_id", "channel"],
        unique=True,
        postgresql_where=sa.text("lifted_at IS NULL"),
    )
