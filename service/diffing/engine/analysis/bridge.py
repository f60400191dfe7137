"""The bridge of an analysis: the steps from old to new, beside the totals of the whole files."""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import Any

from diffing.core.comparison import Comparison
from diffing.core.errors import DiffFailed
from diffing.core.figures import PARTS, SIGNS
from diffing.core.periods import State
from diffing.engine.analysis.sums import Sum, sums_in
from diffing.engine.analysis.totals import At, Grouped, Total, Totals

# the part of the moves without signs, up to which the rest of a bridge is rounding
_CLOSE = 1e-9

BridgePart = Mapping[str, Any]


class Bridges:
    """The bridges of a diff: of all periods, and of those in each state.

    Args:
        found: the answer of the query.
        comparison: of the diff.
        by: names of the key columns that group them.
        summary: of the diff, as JSON values.
        totals: of the whole files; None if the diff took none.
    """

    def __init__(
        self,
        found: Mapping[str, Any],
        comparison: Comparison,
        by: Sequence[str],
        summary: Mapping[str, Any],
        totals: Totals | None,
    ) -> None:
        self._groups: Sequence[Sequence[str | None]] = found["groups"] or []
        self._parts: Sequence[BridgePart] = found["parts"]
        self._others = {one["state"]: one["others"] for one in found["others"]}
        self._comparison = comparison
        self._by = by
        self._summary = summary
        self._totals = totals

    def whole(self, others: int) -> list[dict[str, Any]]:
        """The bridge of all rows.

        Args:
            others: number of groups that are not named.

        Raises:
            DiffFailed: it does not lead from one total to the other, although it must.
        """
        totals = self._totals.grouped(self._by) if self._totals else None
        return self._entries(self._parts, totals, None, others)

    def of_state(self, state: State) -> list[dict[str, Any]]:
        """The bridge of the periods in a state.

        Raises:
            DiffFailed: it does not have the rows of the summary.
        """
        totals = self._totals.grouped(self._by, by_state=True) if self._totals else None
        parts = [part for part in self._parts if part["state"] == state]
        self._require_sums(parts, state)
        return self._entries(parts, totals, state, self._others.get(state, 0))

    def _require_sums(self, parts: Iterable[BridgePart], state: State) -> None:
        """Check that each column has the added and removed rows of the periods.

        Raises:
            DiffFailed: one has others.
        """
        found = Counter[tuple[int, str]]()
        for part in parts:
            found[part["nth"], part["part"]] += part["cells"]
        counts = self._summary["periods"][state]
        for nth in {part["nth"] for part in self._parts}:
            if any(found[nth, kind] != counts[kind] for kind in ("added", "removed")):
                raise _do_not_add_up()

    def net(self, nth: int) -> float | None:
        """The sum of the moves of changed numbers of a value column."""
        net = Sum()
        for part in self._parts:
            if part["nth"] == nth and part["part"] in ("up", "down"):
                old, new = sums_in(part)
                net += new - old
        return net.number

    def _entries(
        self, parts: Iterable[BridgePart], totals: Grouped | None, state: State | None, others: int
    ) -> list[dict[str, Any]]:
        found: defaultdict[tuple[int, int], list[BridgePart]] = defaultdict(list)
        for part in parts:
            found[part["nth"], part["place"]].append(part)
        entries = []
        # the rest is the last one
        for nth, place in sorted(found, key=lambda at: (at[0], at[1] == 0, at[1])):
            texts = self._groups[place - 1] if place else None
            steps, net = _steps(found[nth, place])
            whole = None
            if totals and texts is not None:
                at = At(state, tuple(texts), nth)
                whole = self._whole(steps, net, totals.at(at))
            if texts is None and self._comparison.measure:
                steps = _without_amounts(steps)
            entries.append(
                {
                    "column": self._comparison.value[nth - 1],
                    "group": None if texts is None else dict(zip(self._by, texts, strict=True)),
                    "groups": others if texts is None else 1,
                    **steps,
                    "totals": whole,
                }
            )
        return entries

    def _whole(
        self, steps: Mapping[str, Any], net: Sum, totals: tuple[Total, Total]
    ) -> dict[str, Any]:
        """The totals of a group, and what the steps between them leave over."""
        old, new = totals
        residual = new.sum - old.sum - net
        self._require_rows(steps, old.rows, new.rows)
        if residual and self._is_exact:
            raise _do_not_add_up()
        return {
            "old": {"rows": old.rows, "amount": old.sum.number},
            "new": {"rows": new.rows, "amount": new.sum.number},
            "left_out": old.left_out + new.left_out,
            "residual": residual.number,
            "closes": _closes(steps, residual),
        }

    def _require_rows(self, steps: Mapping[str, Any], old_rows: int, new_rows: int) -> None:
        """Check that the rows of a group add up, which they do unless keys repeat.

        Raises:
            DiffFailed: they do not.
        """
        if self._repeats:
            return
        if old_rows + steps["added"]["rows"] - steps["removed"]["rows"] != new_rows:
            raise _do_not_add_up()

    @property
    def _repeats(self) -> bool:
        """Whether a key repeats, so that a row may be paired with several."""
        repeated: int = sum(self._summary["duplicate_keys"].values())
        return repeated > 0 and self._comparison.duplicates != "count"

    @property
    def _is_exact(self) -> bool:
        """Whether the steps have every number that moved, also within tolerance."""
        single = len(self._comparison.value) == 1
        return single and not self._summary["within_tolerance"] and not self._repeats


def _steps(parts: Sequence[BridgePart]) -> tuple[dict[str, Any], Sum]:
    """The steps from old to new, and their exact net: added - removed + up - down + other."""
    steps: dict[str, Any] = {}
    net = Sum()
    ordered = sorted(parts, key=lambda part: PARTS.index(part["part"]))
    found = {name: list(group) for name, group in groupby(ordered, key=lambda part: part["part"])}
    for name in PARTS:
        moved, rows = Sum(), 0
        for part in found.get(name, []):
            old, new = sums_in(part)
            moved += new - old
            rows += part["cells"]
        net += moved
        # what went is told without its sign
        amount = Sum() - moved if SIGNS[name] < 0 else moved
        steps[name] = {"rows": rows, "amount": amount.number}
    left_out = sum(int(part["left_out"]) for part in parts)
    return steps | {"net": net.number, "left_out": left_out}, net


def _without_amounts(steps: Mapping[str, Any]) -> dict[str, Any]:
    """The steps of values that cannot be added up: only their rows."""
    of_parts = {name: {**steps[name], "amount": None} for name in PARTS}
    return {**steps, **of_parts, "net": None}


def _closes(steps: Mapping[str, Any], residual: Sum) -> bool:
    """Whether the steps lead from one total to the other, but for rounding."""
    if not residual:
        return True
    amounts = [steps[name]["amount"] for name in PARTS]
    if residual.number is None or None in amounts:
        return False
    # the sum of large amounts themselves would be no double
    return abs(residual.number) <= math.fsum(_CLOSE * abs(amount) for amount in amounts)


def _do_not_add_up() -> DiffFailed:
    return DiffFailed("The totals of the analysis do not add up; this is a fault of the service.")
