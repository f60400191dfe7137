# mypy: ignore-errors
"""A lazy left join, filtered, streamed to the file."""

import sys

import polars as pl

old_path, new_path, output, key, value = sys.argv[1:]
keys, values = key.split(","), value.split(",")


def number(column: str) -> pl.Expr:
    """The column as numbers, NULL where it has none."""
    return pl.col(column).cast(pl.Float64, strict=False)


def differs(column: str) -> pl.Expr:
    """Whether the values of new and old are neither close nor both empty."""
    new, old = number(column), pl.col(f"{column}_old")
    return ~pl.when(new.is_null() | old.is_null()).then(new.is_null() & old.is_null()).otherwise(
        new.is_close(old, rel_tol=1e-9)
    )


new = pl.scan_csv(new_path, infer_schema=False)
old = pl.scan_csv(old_path, infer_schema=False).select(
    *keys, *(number(column).alias(f"{column}_old") for column in values), in_old=True
)
(
    new.join(old, on=keys, how="left", nulls_equal=True)
    .filter(pl.col("in_old").is_null() | pl.any_horizontal(differs(column) for column in values))
    .select(new.collect_schema().names())
    .sink_csv(output)
)
