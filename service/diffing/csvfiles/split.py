"""Splits a CSV file into pieces, because DuckDB numbers the rows of a file in one thread."""

import csv
import os
from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO, RawIOBase, UnsupportedOperation
from itertools import islice, pairwise
from math import ceil
from pathlib import Path
from random import SystemRandom
from typing import Any

from diffing.csvfiles.csv_file import CsvFile
from diffing.csvfiles.named_files import NamedFiles
from diffing.csvfiles.records import BOM, LONGEST_RECORD
from diffing.csvfiles.scan import Portions

PIECES, MOST_PIECES = 4, 16
"""The numbers of pieces that 1_read.sql reads of a file. Unneeded pieces are empty."""

_random = SystemRandom()

# If so many whole records follow a line, a record begins there. If not, the inspection detects it.
_RECORDS = 20
_LINES_TRIED = 100
# A sample of so many places finds each key that repeats so often that its join is slow. It misses
# 65,000 adjacent rows of 10 million, on both sides, once in 400,000 times.
_SAMPLES = 1_000

# A query on several pieces takes longer to plan: for so many columns, as long as to read a smallest
# piece.
_COLUMNS = 200


BLOCKS = Portions(read=16_000_000, scanned=512 * 1024)
"""With smaller blocks, threads wait for Python's lock; larger ones take more memory."""


@dataclass(frozen=True)
class Cutting:
    """The sizes of the parts of a file and of the result.

    Args:
        smallest: bytes of a piece at least; fewer are not worth a thread.
        sample_bytes: bytes that a sample reads at each place.
        shared: bytes of both files at least; less is not worth the search for shared rows.
        helped: bytes of each file at least; less is not worth a helper process.
        blocks: bytes per thread and per block, where keys are hashed.
        sorted: rows of the result that are sorted at once, at least.
    """

    smallest: int = 4_000_000
    sample_bytes: int = 2_048
    shared: float = 10_000_000
    helped: float = 40_000_000
    blocks: Portions = BLOCKS
    sorted: int = 65_536


CUTTING = Cutting()


class Pieces(NamedFiles):
    """The pieces of a file, named such as `new://0`, each with the header line.

    Args:
        file: the file.
        protocol: the part of the names before `://`.
        most: number of pieces at most, without empty ones.
        cutting: sizes of pieces and samples.

    Attributes:
        names: of the pieces, in order, with empty ones up to a multiple of PIECES.
        bytes_total: size of the file.
        is_large: whether a sample costs little compared with the whole file.
        sample: name of the sample, once it was taken.
        cuts: offsets of the second and later pieces. Very likely, but not surely, records begin
            there.
    """

    def __init__(self, file: CsvFile, protocol: str, most: int, cutting: Cutting = CUTTING) -> None:
        super().__init__(protocol)
        self._path = file.path
        self._sample_bytes = cutting.sample_bytes
        self.bytes_total = file.path.stat().st_size
        with file.path.open("rb") as start:
            self._header = start.readline()
        body = len(self._header)
        worth_a_thread = cutting.smallest * (1 + self._header.count(b",") // _COLUMNS)
        # one thread must read a rewritten file
        wanted = 1 if file.rewritten else min(most, self.bytes_total // worth_a_thread)
        self.cuts = _cuts(file, body, self.bytes_total, wanted)
        bounds = [body, *self.cuts, self.bytes_total]
        self._bounds = {
            f"{protocol}://{i}": (start, end) for i, (start, end) in enumerate(pairwise(bounds))
        }
        self._furthest: dict[str, int] = {}
        self.pad(PIECES - len(self.cuts) % PIECES - 1)
        self.is_large = self.bytes_total >= cutting.smallest
        self.sample: str | None = None
        self._sampled = b""

    def pad(self, empty: int) -> None:
        """Add empty pieces, before the file is read."""
        for _ in range(empty):
            self._bounds[f"{self.protocol}://{len(self._bounds)}"] = (
                self.bytes_total,
                self.bytes_total,
            )
        self.names = self.all_names = tuple(self._bounds)
        self._furthest = dict.fromkeys(self.names, 0)

    @property
    def bytes_read(self) -> int:
        """Bytes of the file that were read, each counted once."""
        below_header = sum(self._furthest.values())
        return below_header + len(self._header) if below_header else 0

    def open(self, path: str, mode: str = "rb", **_: Any) -> "_Piece | BytesIO":
        """Open a piece to read."""
        if mode != "rb":
            raise UnsupportedOperation("pieces of a file are read-only")

        if path == self.sample:
            return BytesIO(self._sampled)

        def read_to(position: int) -> None:
            self._furthest[path] = max(self._furthest[path], position)

        return _Piece(self._path, self._header, *self._bounds[path], read_to)

    def take_sample(self) -> None:
        """Read lines from random places of the whole file.

        Call it before a second thread starts: each of 1,000 reads would wait for Python's lock. A
        mapped file would need as much memory as its size, if its pages are huge.
        """
        body, size = len(self._header), self._sample_bytes
        lines = [self._header]
        apart = max((self.bytes_total - body) / _SAMPLES, size)
        with self._path.open("rb", buffering=0) as file:
            for i in range(ceil((self.bytes_total - body) / apart)):
                start = body + int(i * apart) + int(_random.random() * (apart - size))
                # whole lines alone
                text = os.pread(file.fileno(), size, start).partition(b"\n")[2]
                lines.append(text[: text.rfind(b"\n") + 1])
        self._sampled = b"".join(lines)
        self.sample = f"{self.protocol}://sample"
        self.all_names = (*self.names, self.sample)

    def _size(self, path: str) -> int:
        with self.open(path) as file:
            return file.seek(0, os.SEEK_END)

    def _status(self) -> os.stat_result:
        return self._path.stat()


class _Piece(RawIOBase):
    """The header line, followed by a piece of a file."""

    def __init__(
        self, path: Path, header: bytes, start: int, end: int, read_to: Callable[[int], None]
    ) -> None:
        super().__init__()
        self._read_to = read_to
        self._file = path.open("rb", buffering=0)
        self._header, self._start = header, start
        self.size = len(header) + end - start
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self.size}[whence]
        self._position = base + offset
        return self._position

    def read(self, size: int = -1) -> bytes:
        left = max(0, self.size - self._position)
        wanted = left if size < 0 else min(size, left)
        found = self._header[self._position : self._position + wanted]
        if missing := wanted - len(found):
            place = self._start + self._position + len(found) - len(self._header)
            rest = os.pread(self._file.fileno(), missing, place)
            found = found + rest if found else rest
        self._position += len(found)
        self._read_to(self._position - len(self._header))
        return found

    def close(self) -> None:
        self._file.close()
        super().close()


def _cuts(file: CsvFile, body: int, size: int, wanted: int) -> list[int]:
    """The offsets that split a file into pieces of similar size."""
    cuts: list[int] = []
    for i in range(1, wanted):
        near = body + (size - body) * i // wanted
        cut = _record_near(file.path, near, len(file.columns))
        if cut and cut > max(cuts, default=body):
            cuts.append(cut)
    return cuts


def _record_near(path: Path, offset: int, columns: int) -> int | None:
    """The probable beginning of a record after an offset; a quoted field may look like one."""
    with path.open("rb") as file:
        file.seek(offset)
        file.readline(LONGEST_RECORD)
        for _ in range(_LINES_TRIED):
            start = file.tell()
            if _records_follow(file.read(_RECORDS * 4096), columns):
                return start
            file.seek(start)
            file.readline(LONGEST_RECORD)
    return None


def _records_follow(text: bytes, columns: int) -> bool:
    # a piece would lose a byte order mark at its beginning
    if text.startswith(BOM):
        return False
    lines = text.decode("latin-1").split("\n")[:-1]
    try:
        rows = list(islice(csv.reader((f"{line}\n" for line in lines), strict=True), _RECORDS))
    except csv.Error:
        return False
    return bool(rows) and all(len(row) == columns for row in rows)
