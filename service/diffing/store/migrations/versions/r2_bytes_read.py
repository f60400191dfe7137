"""Bytes of its inputs that a job has read."""

import sqlalchemy as sa
from alembic import op

revision = "2"
down_revision = "1"


def upgrade() -> None:
    """Add the columns, unless a release without versions did."""
    there = {column["name"] for column in sa.inspect(op.get_bind()).get_columns("jobs")}
    for name in ("bytes_read", "bytes_total"):
        if name not in there:
            op.add_column("jobs", sa.Column(name, sa.BigInteger))
