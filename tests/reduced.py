"""Watches whether diffs compared only the rows that their files do not share."""

from collections.abc import Iterator
from contextlib import contextmanager
from unittest.mock import patch

from diffing.engine.compare_pair import Compared, PairComparison
from diffing.engine.pair import Pair

_run_really = PairComparison.run


@contextmanager
def watched() -> Iterator[list[bool]]:
    """A list with an entry for each comparison that ends well: whether it was reduced."""
    reduced: list[bool] = []

    def run(work: PairComparison, pair: Pair) -> Compared:
        compared = _run_really(work, pair)
        reduced.append(compared.rest is not None)
        return compared

    with patch.object(PairComparison, "run", run):
        yield reduced
