"""Noise: rows that changed by little, far below those that really changed."""

from collections.abc import Mapping, Sequence
from typing import Any

# Rows below a tolerance are noise, if they are at least this part of the changed rows, and the next
# two powers of ten add at most that part of the noise.
_NOISE, _BEYOND = 0.05, 0.1
_MOST_NOISE = 1e-4


def noise_in(curve: Sequence[Mapping[str, Any]], changed: int) -> tuple[float, int] | None:
    """The least tolerance that separates noise from changes, and the rows of noise.

    Args:
        curve: of an analysis: rows that are still changed, by tolerance.
        changed: number of changed rows.
    """
    for point, later in zip(curve, curve[2:], strict=False):
        rows = changed - point["rows"]
        if (
            point["rel_tol"] <= _MOST_NOISE
            and rows >= max(2, _NOISE * changed)
            and point["rows"] - later["rows"] <= _BEYOND * rows
        ):
            return point["rel_tol"], rows
    return None
