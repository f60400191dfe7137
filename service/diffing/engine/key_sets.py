"""Sets of columns that may be a key, the most likely first."""

import heapq
import re
from bisect import insort
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from operator import itemgetter

Row = Sequence[str]

# a set with such a column comes after all sets without
_UNLIKELY = 1000.0
_WORDS_OF_IDS = "id ids key keys code codes uuid guid pk no nr num number"
_WORDS_OF_KEYS = """
    date day week month quarter year period cohort sku isin iban iso fips ticker symbol name slug
    email segment
"""
_WORDS_OF_MEASURES = """
    value values amount price cost revenue sales total sum avg average mean median min max rate
    ratio pct percent share score count quantity qty balance profit margin weight height length
    latitude longitude lat lon updated modified changed loaded exported
    description comment comments note notes text url
"""
_IDS = frozenset(_WORDS_OF_IDS.split())
_KEY_WORDS = _IDS | frozenset(_WORDS_OF_KEYS.split())
_MEASURE_WORDS = frozenset(_WORDS_OF_MEASURES.split())
_FRACTION = re.compile(r"[+-]?\d*\.\d+(?:[eE][+-]?\d+)?|[+-]?\d+\.?(?:[eE][+-]?\d+)")
_LONG_TEXT = 60
_MOST_PAIRS = 100


def costs(columns: Sequence[str], rows: Sequence[Row]) -> list[float]:
    """The cost of each column of a key: 1 or little more, and far more for measures.

    Args:
        columns: their names.
        rows: some rows, with a field for each column.
    """
    return [
        1 + _doubt(name, [row[place] for row in rows]) + 0.02 * place / len(columns)
        for place, name in enumerate(columns)
    ]


def is_unlikely(cost: float) -> bool:
    """Whether a column of this cost is rather a measure or a long text."""
    return cost > _UNLIKELY


def _doubt(name: str, fields: Sequence[str]) -> float:
    words = [word.lower() for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+", name)]
    filled = [field for field in fields if field]
    fractions = sum(_FRACTION.fullmatch(field) is not None for field in filled)
    long = sum(len(field) > _LONG_TEXT for field in filled)
    is_id = bool(words) and words[-1] in _IDS
    if max(fractions, long) * 2 > len(filled) or (not is_id and _MEASURE_WORDS & {*words}):
        return _UNLIKELY
    return (0 if _KEY_WORDS & {*words} else 0.05) + (0.03 if len(filled) < len(fields) else 0)


@dataclass(frozen=True, order=True)
class _Node:
    """A set of columns, and the others with which the search may extend it.

    Args:
        cost: of the set.
        number: of the node.
        chosen: the columns, without the last one.
        barred: bits of the columns that other nodes try.
        options: columns for the last place, cheapest first; empty for the empty set.
        place: of the last column in `options`.
    """

    cost: float
    number: int
    chosen: tuple[int, ...]
    barred: int
    options: tuple[int, ...]
    place: int

    @property
    def columns(self) -> tuple[int, ...]:
        return (*self.chosen, self.options[self.place])


class KeySets:
    """The sets of columns that tell all known pairs of rows apart, cheapest first.

    Two rows differ in some columns, and a key must contain one of these. So a key hits the
    difference of each pair. The search meets each smallest set once.

    Args:
        costs: of the columns, by number.
        on_step: called often; an exception from it ends the search.
    """

    def __init__(self, costs: Sequence[float], on_step: Callable[[], None]) -> None:
        self._costs = costs
        self._on_step = on_step
        self._differences: list[tuple[int, int]] = []
        self._found: list[int] = []
        self._numbers = iter(range(1 << 62))
        self._heap: list[_Node] = []
        self._extend((), 0, 0.0, (1 << len(costs)) - 1)

    def __iter__(self) -> Iterator[tuple[tuple[int, ...], float]]:
        """Each set with its cost. The caller then calls `accept` or `reject`."""
        while self._heap:
            self._on_step()
            node = heapq.heappop(self._heap)
            self._push_sibling(node)
            mask = _mask(node.columns)
            if any(found & mask == found for found in self._found):
                continue
            if not (unmet := self._unmet(mask)):
                yield tuple(sorted(node.columns)), node.cost
                unmet = self._unmet(mask)
            if unmet:
                self._extend(node.columns, node.barred, node.cost, unmet)

    def accept(self, columns: Iterable[int]) -> None:
        """Leave out all sets that contain these columns."""
        self._found.append(_mask(columns))

    def reject(self, differences: Iterable[int]) -> None:
        """Take further differences into account.

        Args:
            differences: bits of the columns in which two rows differ. If they are the same in all,
                no set is left.
        """
        for bits in differences:
            if not bits:
                self._heap.clear()
            known = self._differences
            if not any(other & bits == other for _, other in known):
                insort(known, (bits.bit_count(), bits))

    def _unmet(self, mask: int) -> int:
        """The smallest difference without any of these columns; 0 without one."""
        return next((bits for _, bits in self._differences if not bits & mask), 0)

    def _extend(self, chosen: tuple[int, ...], barred: int, cost: float, bits: int) -> None:
        free = bits & ~barred
        options = [place for place in range(len(self._costs)) if free >> place & 1]
        options.sort(key=self._costs.__getitem__)
        if options:
            self._push(_Node(cost, 0, chosen, barred, tuple(options), 0))

    def _push(self, node: _Node) -> None:
        cost = node.cost + self._costs[node.options[node.place]]
        heapq.heappush(
            self._heap,
            _Node(cost, next(self._numbers), node.chosen, node.barred, node.options, node.place),
        )

    def _push_sibling(self, node: _Node) -> None:
        if node.place + 1 < len(node.options):
            last = node.options[node.place]
            barred = node.barred | 1 << last
            before = node.cost - self._costs[last]
            self._push(_Node(before, 0, node.chosen, barred, node.options, node.place + 1))


def differences(rows: Iterable[Row], columns: Sequence[int]) -> list[int]:
    """Bits of the columns in which rows differ that are the same in a set of columns.

    Args:
        rows: the rows.
        columns: the set.

    Returns:
        One for each of the first pairs; 0 for rows that are the same as a whole.
    """
    key_of = itemgetter(*columns)
    seen: dict[object, Row] = {}
    found: list[int] = []
    for row in rows:
        other = seen.setdefault(key_of(row), row)
        if other is not row:
            found.append(
                _mask(place for place, (a, b) in enumerate(zip(row, other, strict=True)) if a != b)
            )
            if len(found) == _MOST_PAIRS:
                break
    return found


def _mask(columns: Iterable[int]) -> int:
    mask = 0
    for column in columns:
        mask |= 1 << column
    return mask
