"""The borders between the records of a CSV file: line ends that are not inside quotes."""

import os
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from pathlib import Path

from diffing.csvfiles.scan import Chunk, record_ends


class Borders:
    """The borders between the records of a file.

    Args:
        path: the file; its quotes must be valid.
        folded: its chunks in which a line end may be inside a field, in order.
    """

    def __init__(self, path: Path, folded: Sequence[Chunk]) -> None:
        self._path = path
        self._chunks = folded
        self._starts = [chunk.start for chunk in folded]
        self._latest: tuple[int, list[int]] = (-1, [])

    def __bool__(self) -> bool:
        """Whether any line may begin inside quotes."""
        return bool(self._chunks)

    def are_at(self, offsets: Sequence[int]) -> bool:
        """Whether these beginnings of lines are all borders."""
        return not self._chunks or all(self.at_or_after(offset) == offset for offset in offsets)

    def are_lines_at(self, offsets: Sequence[int]) -> bool:
        """Whether these offsets are all beginnings of lines, and borders."""
        with self._path.open("rb") as file:
            begin = all(os.pread(file.fileno(), 1, offset - 1) == b"\n" for offset in offsets)
        return begin and self.are_at(offsets)

    def at_or_after(self, offset: int) -> int | None:
        """The nearest border from the beginning of a line on; None if its chunk has none."""
        ends = self._near(offset)
        if ends is None:
            return offset
        number = bisect_left(ends, offset)
        return ends[number] if number < len(ends) else None

    def at_or_before(self, offset: int) -> int | None:
        """The nearest border up to the beginning of a line; None if its chunk has none."""
        ends = self._near(offset)
        if ends is None:
            return offset
        number = bisect_right(ends, offset)
        return ends[number - 1] if number else None

    def _near(self, offset: int) -> list[int] | None:
        """The borders in the chunk of an offset; None if each line there is a record."""
        number = bisect_right(self._starts, offset) - 1
        if number < 0 or self._chunks[number].end <= offset:
            return None
        if self._latest[0] != number:
            chunk = self._chunks[number]
            first = [] if chunk.inside else [chunk.start]
            self._latest = number, first + record_ends(self._path, chunk)
        return self._latest[1]
