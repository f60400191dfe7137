"""The Idempotency-Key of a job, and the digest of its request."""

import sqlalchemy as sa
from alembic import op

revision = "3"
down_revision = "2"


def upgrade() -> None:
    """Add the columns and the index."""
    for name in ("idempotency_key", "request"):
        op.add_column("jobs", sa.Column(name, sa.String))
    op.create_index("jobs_by_idempotency_key", "jobs", ["idempotency_key"], unique=True)
