"""The diff: runs `sql/` on two checked files, and writes the outputs.

The only room that touches DuckDB and Spark.
"""
