"""What people and clinics set: a theme, versions of what is edited, removal that keeps names."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003_settings"
down_revision = "0002_desk"
branch_labels = None
depends_on = None

# A clinic invites people; whether it knew them it is told by the unique email alone.
INVITING = (
    "CREATE POLICY app_invite ON users FOR INSERT TO frontdesk_app"
    " WITH CHECK (password_hash IS NULL AND NOT is_disabled AND login_epoch = 0)",
    "GRANT INSERT ON users TO frontdesk_app",
)
VERSIONED = ("pipelines", "stages", "lost_reasons")
REMOVABLE = ("stages", "lost_reasons")


def upgrade() -> None:
    op.add_column("users", sa.Column("theme", sa.String(), server_default="system", nullable=False))
    shortcuts = sa.Column("has_shortcuts", sa.Boolean(), server_default=sa.true(), nullable=False)
    op.add_column("users", shortcuts)
    op.create_check_constraint(
        op.f("ck_users_theme_known"), "users", "theme IN ('system', 'light', 'dark')"
    )
    op.add_column("logins", sa.Column("clinics", sa.Integer(), server_default="1", nullable=False))
    for table in VERSIONED:
        version = sa.Column("version", sa.Integer(), server_default="1", nullable=False)
        op.add_column(table, version)
    for table in REMOVABLE:
        op.add_column(table, sa.Column("removed_at", sa.DateTime(timezone=True), nullable=True))
    wordings = sa.Column("wordings", postgresql.JSONB(), server_default="{}", nullable=False)
    op.add_column("request_forms", wordings)
    for statement in INVITING:
        op.execute(statement)
