"""Sums over all jobs, and the request of a job."""

import sqlalchemy as sa
from alembic import op

revision = "5"
down_revision = "4"


def upgrade() -> None:
    """Add the tables and columns. The sums begin with the jobs that end from now on."""
    for name in ("request_id", "traceparent"):
        op.add_column("jobs", sa.Column(name, sa.String))
    op.create_table(
        "totals",
        sa.Column("name", sa.String, primary_key=True),
        sa.Column("metric", sa.String, primary_key=True),
        sa.Column("label", sa.String, primary_key=True),
        sa.Column("value", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "durations",
        sa.Column("name", sa.String, primary_key=True),
        sa.Column("metric", sa.String, primary_key=True),
        sa.Column("label", sa.String, primary_key=True),
        sa.Column("at_most", sa.Float, primary_key=True),
        sa.Column("number", sa.BigInteger, nullable=False),
        sa.Column("seconds", sa.Float, nullable=False),
    )
