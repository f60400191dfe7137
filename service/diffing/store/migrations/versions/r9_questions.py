"""The question of a job, and the job whose result it took."""

import sqlalchemy as sa
from alembic import op

revision = "9"
down_revision = "8"


def upgrade() -> None:
    """Add the columns. Only jobs that succeed from now on are found by their question."""
    op.add_column("jobs", sa.Column("fresh", sa.Boolean))
    op.add_column("jobs", sa.Column("question", sa.String))
    for table in ("jobs", "history"):
        op.add_column(table, sa.Column("reused_from", sa.Integer))
    op.create_index("jobs_by_question", "jobs", ["question"])
