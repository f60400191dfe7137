# mypy: ignore-errors
"""A left merge with an indicator; merge takes empty keys for equal."""

import sys

import pandas as pd

old_path, new_path, output, key, value = sys.argv[1:]
keys, values = key.split(","), value.split(",")

text = {"dtype": str, "keep_default_na": False, "na_values": [""]}
new = pd.read_csv(new_path, **text)
old = pd.read_csv(old_path, usecols=keys + values, **text)
for column in values:
    old[column] = pd.to_numeric(old[column], errors="coerce")
merged = new.merge(old, on=keys, how="left", suffixes=("", "_old"), indicator=True)

wanted = merged["_merge"] == "left_only"
for column in values:
    a, b = pd.to_numeric(merged[column], errors="coerce"), merged[f"{column}_old"]
    largest = a.abs().where(a.abs() >= b.abs(), b.abs())
    wanted |= ~((a - b).abs().le(1e-9 * largest) | (a == b) | (a.isna() & b.isna()))
merged.loc[wanted, new.columns].to_csv(output, index=False)
