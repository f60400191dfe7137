"""The lines that two files share."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field


class Irreducible(Exception):
    """Two files share too little, or a reduced diff would not be surely right."""


@dataclass(frozen=True)
class Stretches:
    """The stretches that two files share; no two of them overlap.

    Args:
        olds: the offset of each stretch in old.
        news: its offset in new, ascending.
        lengths: its size in bytes.
    """

    olds: array[int] = field(default_factory=lambda: array("q"))
    news: array[int] = field(default_factory=lambda: array("q"))
    lengths: array[int] = field(default_factory=lambda: array("q"))

    def __len__(self) -> int:
        return len(self.lengths)

    def __iter__(self) -> Iterator[tuple[int, int, int]]:
        return zip(self.olds, self.news, self.lengths, strict=True)

    @property
    def bytes(self) -> int:
        """The size of all stretches."""
        return sum(self.lengths)

    def add(self, old: int, new: int, length: int) -> None:
        """Add the next stretch of new, or extend the last one."""
        if self.lengths:
            last = self.lengths[-1]
            if (old, new) == (self.olds[-1] + last, self.news[-1] + last):
                self.lengths[-1] = last + length
                return
        self.olds.append(old)
        self.news.append(new)
        self.lengths.append(length)

    def extend(self, other: Stretches) -> None:
        """Add stretches of a later part of new."""
        if other:
            self.add(other.olds[0], other.news[0], other.lengths[0])
            self.olds.extend(other.olds[1:])
            self.news.extend(other.news[1:])
            self.lengths.extend(other.lengths[1:])
