"""Browsers that signed in with an API key."""

import sqlalchemy as sa
from alembic import op

revision = "7"
down_revision = "6"


def upgrade() -> None:
    """Add the table."""
    op.create_table(
        "sessions",
        sa.Column("digest", sa.String, primary_key=True),
        sa.Column("api_key", sa.String, nullable=False),
        sa.Column("ends_at", sa.DateTime, nullable=False),
    )
