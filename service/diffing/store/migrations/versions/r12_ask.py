"""The question that a file with rows answers."""

import sqlalchemy as sa
from alembic import op

revision = "12"
down_revision = "11"


def upgrade() -> None:
    """Add the column."""
    op.add_column("conversions", sa.Column("ask", sa.JSON))
