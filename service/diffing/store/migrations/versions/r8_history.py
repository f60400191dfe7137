"""Ended jobs of metrics, which outlive their results."""

import sqlalchemy as sa
from alembic import op

revision = "8"
down_revision = "7"


def upgrade() -> None:
    """Add the table. The history begins with the jobs that end from now on."""
    op.create_table(
        "history",
        sa.Column("job_id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("metric", sa.String, nullable=False),
        sa.Column("owner", sa.String),
        sa.Column("status", sa.String, nullable=False),
        sa.Column("of_catalogue", sa.Boolean, nullable=False),
        sa.Column("created_at", sa.DateTime, nullable=False),
        sa.Column("finished_at", sa.DateTime, nullable=False),
        sa.Column("seconds", sa.Float),
        sa.Column("counts", sa.JSON),
        sa.Column("verdict", sa.JSON),
        sa.Column("old", sa.JSON),
        sa.Column("new", sa.JSON),
        sa.Column("error", sa.JSON),
    )
    op.create_index("history_by_metric", "history", ["metric", "job_id"])
    op.create_index("history_by_end", "history", ["finished_at"])
