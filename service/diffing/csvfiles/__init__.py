"""A CSV file from outside: checked, unpacked, split, scanned, and rewritten if need be.

May touch fsspec, zstd and numpy; knows nothing of jobs or SQL.
"""
