# mypy: ignore-errors
"""The anti join that one writes first: equal keys and close values, in one condition."""

import sys

import duckdb

old_path, new_path, output, key, value = sys.argv[1:]
SAME = 'new."{0}" is not distinct from old."{0}"'
CLOSE = """(
    new."{0}" is not distinct from old."{0}"
    or abs(try_cast(new."{0}" as double) - try_cast(old."{0}" as double))
        <= 1e-9 * greatest(
            abs(try_cast(new."{0}" as double)), abs(try_cast(old."{0}" as double))
        )
)"""
SCRIPT = """
copy (
    select new.*
    from read_csv($new, all_varchar = true, header = true) as new
    anti join read_csv($old, all_varchar = true, header = true) as old
        on {}
) to $output (format csv, header true)
"""
conditions = [SAME.format(name) for name in key.split(",")]
conditions += [CLOSE.format(name) for name in value.split(",")]
duckdb.execute(
    SCRIPT.format("\n        and ".join(conditions)),
    {"old": old_path, "new": new_path, "output": output},
)
