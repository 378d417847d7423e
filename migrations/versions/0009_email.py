"""Emails: subjects of templates, what an email says, SendGrid's accounts, and postal addresses."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0009_email"
down_revision = "0008_replies"
branch_labels = None
depends_on = None

PROVIDERS = "ck_channel_accounts_provider_known"


def upgrade() -> None:
    op.add_column("clinics", sa.Column("postal_address", sa.String(), nullable=True))
    subjects = sa.Column("subjects", JSONB(), server_default="{}", nullable=False)
    op.add_column("template_versions", subjects)
    for name in ("subject", "html"):
        op.add_column("communications", sa.Column(name, sa.String(), nullable=True))
    # Wider than it was: the release before this one writes nothing that it refuses.
    op.drop_constraint(op.f(PROVIDERS), "channel_accounts", type_="check")
    op.create_check_constraint(
        op.f(PROVIDERS), "channel_accounts", "provider IN ('sandbox', 'twilio', 'sendgrid')"
    )
