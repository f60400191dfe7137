"""The steps of a diff before and after a cluster joins the rows."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from diffing.core.cluster import Join, Staged
from diffing.core.comparison import Comparison
from diffing.engine.connection import Session
from diffing.engine.parameters import Work
from diffing.engine.plan import Plan
from diffing.engine.query_profile import Profile


class Joiner(Protocol):
    """Has a cluster join the staged rows."""

    def join(self, join: Join) -> str:
        """Write `decided`, and return the name and version of the engine."""

    def interrupt(self) -> None:
        """End the join, from another thread."""


@dataclass
class OnCluster:
    """A join on a cluster.

    Args:
        staged: its files on this machine.
        joiner: has the cluster join them.

    Attributes:
        engine: name and version of what joined; None before.
    """

    staged: Staged
    joiner: Joiner
    engine: str | None = None

    def plan(self, bound: dict[str, Any]) -> Plan:
        """The plan that fits any files.

        Args:
            bound: the parameters of `sql/`.
        """
        return Plan(
            keys="exact_bytes" if bound["keys"] == "exact" else "hashed_bytes",
            old="grouped",
            values="any",
            single=bound["single"],
        )

    def outcome(
        self,
        session: Session,
        work: Work,
        bound: dict[str, Any],
        check: Callable[[Counter[str]], object],
    ) -> Profile:
        """Fill `outcome`, which exists.

        Args:
            session: may read both files and the staged ones.
            work: the order.
            bound: the parameters of `sql/`.
            check: called before the join with the rows that were read, by the name of the file;
                raises an error if these are not all.

        Returns:
            The counts of the join.
        """
        read = Counter[str]()
        for side, path in zip(work.sides, (self.staged.old, self.staged.new), strict=True):
            rows_of_file = bound[f"{side.pieces.protocol}_rows"]
            written = session.run(
                "stage", bound | {"rows_of_file": rows_of_file, "staged": str(path)}
            )
            read[side.pieces.names[0]] = written["Count"]
        check(read)
        session.raise_if_interrupted()
        self.engine = self.joiner.join(_join_of(work.comparison))
        session.raise_if_interrupted()
        session.run("outcome_of_cluster", bound | {"decided": str(self.staged.decided)})
        sums = session.run("decided_sums")
        return Profile(read, held=sums["held"], joined=sums["joined"], filtered=())


def _join_of(comparison: Comparison) -> Join:
    return Join(
        rel_tols=tuple(rel_tol for rel_tol, _ in comparison.tolerances),
        abs_tols=tuple(abs_tol for _, abs_tol in comparison.tolerances),
        time_tols=comparison.time_tols,
        counts=comparison.duplicates == "count",
    )
