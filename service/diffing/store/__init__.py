"""Tables of jobs, API keys and workers, and the queue.

The only room that touches SQLAlchemy and Alembic; also puts ids into Huey.
"""
