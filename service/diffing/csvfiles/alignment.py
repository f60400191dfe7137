"""Finds stretches of lines that two files share, byte for byte, in one or several processes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from operator import itemgetter
from pathlib import Path

from diffing.csvfiles.stretches import Irreducible, Stretches
from diffing.csvfiles.walk import SMALL, Anchors, Text, Walk, opened

# The places of new that are tried first, and the number of them that must be in old.
_PLACES, _PLACES_WANTED = 12, 4


@dataclass(frozen=True)
class Alignment:
    """Two files, and places at which both can be cut.

    Each part of old is searched for the lines of the same part of new alone.

    Args:
        old: an uncompressed file.
        new: another one.
        cuts: where each part begins in old and in new, and the ends of both.
        anchors: of old.
    """

    old: Path
    new: Path
    cuts: Sequence[tuple[int, int]]
    anchors: Anchors

    @classmethod
    def of(cls, old: Path, new: Path, body: int, parts: int = 1) -> Alignment:
        """Align two files, whose lines are not compared yet.

        Args:
            old: an uncompressed file.
            new: another one.
            body: the end of the header in both.
            parts: number of parts at most.

        Raises:
            Irreducible: few places of new are in old.
        """
        with opened(old, body) as of_old, opened(new, body) as of_new:
            anchors = Anchors.of(of_old)
            cuts = _cuts(Walk(of_old, of_new, anchors), of_new, parts)
            return cls(old, new, [(body, body), *cuts, (of_old.end, of_new.end)], anchors)

    @property
    def parts(self) -> list[tuple[int, int]]:
        """The numbers of the cuts at the start and at the end of each part."""
        return [*pairwise(range(len(self.cuts)))]


def _cuts(walk: Walk, new: Text, parts: int) -> list[tuple[int, int]]:
    """Offsets in old and new of the same lines, which cut both into parts of about the same size.

    Raises:
        Irreducible: few places of new are in old.
    """
    start, length = new.at, new.end - new.at
    places = [walk.same_lines_near(start + length * number // _PLACES) for number in range(_PLACES)]
    found = [place for place in places if place]
    if len(found) < _PLACES_WANTED and new.end > SMALL:
        raise Irreducible
    if found != sorted(found):  # a part has lines of another one
        return []
    cuts = [places[_PLACES * number // parts] for number in range(1, parts)]
    return [cut for cut in cuts if cut]


@dataclass(frozen=True)
class Walking:
    """Finds what parts of two files share, here or in a helper process.

    Args:
        alignment: of the files.
        on_block: called with most blocks that are read: 0 for old or 1 for new, the offset, and the
            bytes.
    """

    alignment: Alignment
    on_block: Callable[[int, int, bytes], None] | None = None

    def __call__(
        self, part: tuple[int, int], on_read: Callable[[int], None]
    ) -> tuple[tuple[int, int], Stretches]:
        """Find the stretches that two parts share.

        Args:
            part: one of the parts of the alignment.
            on_read: called often, with the bytes of new that were passed since; an exception ends
                the walk.

        Returns:
            The part; and stretches of whole lines. The last line of both files may lack its end.

        Raises:
            Irreducible: they share too little.
        """
        files = self.alignment
        (old_start, new_start), (old_end, new_end) = (files.cuts[number] for number in part)
        with (
            opened(files.old, old_start, old_end) as old,
            opened(files.new, new_start, new_end) as new,
        ):
            walk = Walk(old, new, files.anchors)
            return part, walk.run(on_read, self.on_block or _ignore)


def together(parts: Iterable[tuple[tuple[int, int], Stretches]]) -> Stretches:
    """The stretches of all parts, in order."""
    ordered = [stretches for _, stretches in sorted(parts, key=itemgetter(0))]
    for stretches in ordered[1:]:
        ordered[0].extend(stretches)
    return ordered[0]


def _ignore(_: int, __: int, ___: bytes) -> None:
    """Give a block to nobody."""
