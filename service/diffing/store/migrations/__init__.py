"""How the jobs database of each release becomes that of the next; Alembic runs it."""
