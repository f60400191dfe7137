# mypy: ignore-errors
"""PolarsCompare on keys and values, then the rows of new that have one of the keys it found."""

import sys

import polars as pl
from datacompy import PolarsCompare

old_path, new_path, output, key, value = sys.argv[1:]
keys, values = key.split(","), value.split(",")


def compared(rows: pl.DataFrame) -> pl.DataFrame:
    """The columns to compare: all others would be compared as well."""
    return rows.select(*keys, pl.col(values).cast(pl.Float64, strict=False))


old = pl.read_csv(old_path, infer_schema=False)
new = pl.read_csv(new_path, infer_schema=False)
found = PolarsCompare(
    compared(old), compared(new), join_columns=keys, rel_tol=1e-9, cast_column_names_lower=False
)
wanted = pl.concat([found.df2_unq_rows.select(keys), found.all_mismatch().select(keys)])
new.join(wanted, on=keys, how="semi", nulls_equal=True).write_csv(output)
