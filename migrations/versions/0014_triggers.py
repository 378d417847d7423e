"""What sequences tell the clinic's people."""

import sqlalchemy as sa
from alembic import op

from crm.core import tenancy

revision = "0014_triggers"
down_revision = "0013_campaigns"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "staff_notices",
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("lead_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid()),
        sa.Column("message", sa.String(), nullable=False),
        sa.Column("told_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("clinic_id", "id", name=op.f("pk_staff_notices")),
        sa.ForeignKeyConstraint(
            ["clinic_id", "lead_id"],
            ["leads.clinic_id", "leads.id"],
            name=op.f("fk_staff_notices_clinic_id_lead_id"),
        ),
        if_not_exists=True,
    )
    told = ["clinic_id", "told_at", "id"]
    op.create_index("ix_staff_notices_told", "staff_notices", told, if_not_exists=True)
    for statement in tenancy.rls_statements("staff_notices"):
        op.execute(statement)
