"""A CSV file in pieces that DuckDB takes for files: it numbers the rows of a file in one thread."""

import csv
import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from io import BytesIO, RawIOBase, UnsupportedOperation
from itertools import islice, pairwise
from math import ceil
from pathlib import Path
from random import SystemRandom
from typing import Any

from fsspec.spec import AbstractFileSystem

from diffing.csvfiles.csv_file import CsvFile
from diffing.csvfiles.records import BOM, LONGEST_RECORD

PIECES = 4
"""How many pieces 1_read.sql reads of a file; those that are not needed are empty."""

_random = SystemRandom()

# A line after which so many records are whole begins a record; if not, the inspection tells.
_RECORDS = 20
_LINES_TRIED = 100
# A key that stands so often on both sides that to join them would take long is met twice in a
# sample of so many places: 65,000 rows in a row of 10 million are missed on both sides once in
# 400,000 times.
_SAMPLES = 1_000


@dataclass(frozen=True)
class Cutting:
    """How large the parts of a file are.

    Args:
        smallest: bytes of a piece; less is not worth a thread.
        sample_bytes: bytes that a sample takes from each place.
    """

    smallest: int = 4_000_000
    sample_bytes: int = 2_048


CUTTING = Cutting()


class Pieces(AbstractFileSystem):  # type: ignore[misc]  # fsspec ships no types
    """Pieces of a file under names such as `new://0`, each with the file's header line.

    Args:
        file: the file.
        protocol: what stands before `://`.
        most: how many pieces at most, empty ones not counted.
        cutting: how large pieces and samples are.

    Attributes:
        names: of the pieces, in order; always as many.
        bytes_total: of the file.
        is_large: to read a sample first takes little beside reading the file.
        sample: name of lines from all over the file, once these were taken.
        cuts: where the second and later pieces begin, in bytes from the beginning of the file. That
            these are beginnings of records is very likely, but not sure.
    """

    cachable = False

    def __init__(self, file: CsvFile, protocol: str, most: int, cutting: Cutting = CUTTING) -> None:
        super().__init__()
        self.protocol = protocol
        self._path = file.path
        self._sample_bytes = cutting.sample_bytes
        self.bytes_total = file.path.stat().st_size
        with file.path.open("rb") as start:
            self._header = start.readline()
        body = len(self._header)
        # of a rewritten file one thread must read all
        wanted = 1 if file.rewritten else min(most, PIECES, self.bytes_total // cutting.smallest)
        self.cuts = _cuts(file, body, self.bytes_total, wanted)
        bounds = [body, *self.cuts, *[self.bytes_total] * (PIECES - len(self.cuts))]
        self._bounds = {
            f"{protocol}://{i}": (start, end) for i, (start, end) in enumerate(pairwise(bounds))
        }
        self.names = tuple(self._bounds)
        self._furthest = dict.fromkeys(self.names, 0)
        self.is_large = self.bytes_total >= cutting.smallest
        self.sample: str | None = None
        self._sampled = b""

    @property
    def all_names(self) -> tuple[str, ...]:
        """The pieces and the sample."""
        return (*self.names, self.sample) if self.sample else self.names

    @property
    def bytes_read(self) -> int:
        """How many bytes of the file were read, those read again not counted."""
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

    def info(self, path: str, **_: Any) -> dict[str, Any]:
        """Name, size and type, as fsspec has it."""
        with self.open(path) as file:
            return {"name": path, "size": file.seek(0, os.SEEK_END), "type": "file"}

    def glob(self, path: str, **_: Any) -> list[str]:
        """That very piece: names here are no patterns."""
        return [path] if self.exists(path) else []

    def exists(self, path: str, **_: Any) -> bool:
        """Whether there is such a piece."""
        return path in self.all_names

    def take_sample(self) -> None:
        """Read lines from all over the file; nobody can know beforehand which these are.

        Each of 1,000 reads would wait for a thread that has Python's lock: better take it before
        there is one. To map the file takes as much memory as the file where its pages are huge.
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

    def modified(self, path: str) -> datetime:  # noqa: ARG002  # fsspec's signature
        """When the file was changed."""
        return datetime.fromtimestamp(self._path.stat().st_mtime, UTC)


class _Piece(RawIOBase):
    """The header line, then a piece of a file."""

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
    """Where to cut a file into pieces of about one size."""
    cuts: list[int] = []
    for i in range(1, wanted):
        near = body + (size - body) * i // wanted
        cut = _record_near(file.path, near, len(file.columns))
        if cut and cut > max(cuts, default=body):
            cuts.append(cut)
    return cuts


def _record_near(path: Path, offset: int, columns: int) -> int | None:
    """Where a record begins soon after an offset: probably, as a quoted field may look like one."""
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
    # what begins with a byte order mark would lose it as the beginning of a file
    if text.startswith(BOM):
        return False
    lines = text.decode("latin-1").split("\n")[:-1]
    try:
        rows = list(islice(csv.reader((f"{line}\n" for line in lines), strict=True), _RECORDS))
    except csv.Error:
        return False
    return bool(rows) and all(len(row) == columns for row in rows)
