"""The diff itself: runs `sql/` on two checked files, and writes what came out.

The only room that touches DuckDB.
"""
