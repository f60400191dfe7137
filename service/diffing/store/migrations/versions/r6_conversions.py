"""Results that clients want in another format."""

import sqlalchemy as sa
from alembic import op

revision = "6"
down_revision = "5"


def upgrade() -> None:
    """Add the table."""
    op.create_table(
        "conversions",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("rows", sa.BigInteger, nullable=False),
        sa.Column("status", sa.String, nullable=False),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("seen_at", sa.DateTime, nullable=False),
        sa.Column("wanted_at", sa.DateTime, nullable=False),
        sa.Column("error", sa.JSON),
        sqlite_autoincrement=True,
    )
    op.create_index("conversions_by_name", "conversions", ["name"], unique=True)
