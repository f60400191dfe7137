"""Accepted files, and files with a name, to compare with."""

import sqlalchemy as sa
from alembic import op

revision = "10"
down_revision = "9"


def upgrade() -> None:
    """Add the tables, and the columns of jobs and of the history."""
    op.create_table(
        "acceptances",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("metric", sa.String, nullable=False),
        sa.Column("job_id", sa.Integer, nullable=False),
        sa.Column("kept", sa.String, nullable=False),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("sha256", sa.String, nullable=False),
        sa.Column("how", sa.String, nullable=False),
        sa.Column("api_key", sa.String),
        sa.Column("note", sa.String, nullable=False),
        sa.Column("accepted_at", sa.DateTime, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("acceptances_by_metric", "acceptances", ["metric", "id"])
    op.create_table(
        "pins",
        sa.Column("metric", sa.String, nullable=False),
        sa.Column("job_id", sa.Integer, nullable=False),
        sa.Column("kept", sa.String, nullable=False),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("sha256", sa.String, nullable=False),
        sa.Column("pin", sa.String, nullable=False),
        sa.Column("api_key", sa.String),
        sa.Column("pinned_at", sa.DateTime, nullable=False),
        sa.PrimaryKeyConstraint("metric", "pin"),
    )
    op.add_column("jobs", sa.Column("kept", sa.String))
    for table in ("jobs", "history"):
        op.add_column(table, sa.Column("baseline", sa.JSON))
