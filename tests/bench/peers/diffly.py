# mypy: ignore-errors
"""compare_frames on numbers beside the texts: the rows of new alone and the joined unequal ones."""

import sys

import polars as pl
from diffly import compare_frames

old_path, new_path, output, key, value = sys.argv[1:]
keys, values = key.split(","), value.split(",")
numbers = [f"number of {column}" for column in values]


def read(path: str) -> pl.DataFrame:
    """All columns as text, and the values as numbers besides."""
    casts = (
        pl.col(column).cast(pl.Float64, strict=False).alias(name)
        for column, name in zip(values, numbers, strict=True)
    )
    return pl.read_csv(path, infer_schema=False).with_columns(casts)


new = read(new_path)
texts = [column for column in new.columns if column not in numbers]
comparison = compare_frames(read(old_path), new, primary_key=keys, rel_tol=1e-9)
changed = comparison.joined_unequal(*numbers, lazy=True).select(
    column if column in keys else pl.col(f"{column}_right").alias(column) for column in texts
)
added = comparison.right_only(lazy=True).select(texts)
pl.concat([added, changed]).sink_csv(output)
