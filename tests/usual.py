"""The options of a comparison that sets none."""

from typing import Any

USUAL_OPTIONS: dict[str, Any] = {
    "rel_tol": None,
    "abs_tol": 0.0,
    "tolerance": {},
    "text": [],
    "time": [],
    "time_tol": None,
    "trim": False,
    "nocase": False,
    "empty": [],
    "duplicates": "allow",
    "first": "error",
    "period": None,
    "settled_after": None,
    "today": None,
    "expect": {},
    "ignore": [],
    "rename": {},
    "measure": None,
    "additive": True,
    "totals": False,
    "totals_by": [],
}
"""As JSON has them, in a summary and in the catalogue, but for the dialects."""
