"""A CSV file from outside: checked, unpacked, split, scanned, and rewritten if need be.

May touch fsspec and zstd; knows nothing of jobs or SQL.
"""
