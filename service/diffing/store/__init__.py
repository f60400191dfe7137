"""What is kept of jobs, API keys and workers: tables and queue.

The only room that touches SQLAlchemy and Alembic; also puts ids into Huey.
"""
