# mypy: ignore-errors
"""load_csv and compare, as the README of csv-diff has it.

It takes one key column and knows no tolerance. Without a key it tells rows apart by all their
fields, so that a changed row is an added one.
"""

import csv
import sys
from pathlib import Path

from csv_diff import compare, load_csv

old_path, new_path, output, key, value = sys.argv[1:]
single = key if "," not in key else None

with Path(old_path).open(newline="") as old_file, Path(new_path).open(newline="") as new_file:
    header = next(csv.reader(new_file))
    new_file.seek(0)
    old = load_csv(old_file, key=single, dialect="excel")
    new = load_csv(new_file, key=single, dialect="excel")
found = compare(old, new)
with Path(output).open("w", newline="") as file:
    writer = csv.DictWriter(file, header, lineterminator="\n")
    writer.writeheader()
    writer.writerows(found["added"])
    writer.writerows(new[change["key"]] for change in found["changed"])
