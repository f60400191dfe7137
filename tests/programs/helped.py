"""Diffs of which helper processes do a part, as a program: only one with one thread forks them.

    python -m tests.programs.helped FOLDER THREADS [FAULT]

FOLDER has folders with old.csv and new.csv. Of each it prints a line of JSON: whether the diff was
reduced, whether it says the same as the reference, and how many helpers it had. The last number
is that of the helpers of too small files.
A FAULT is what becomes of a helper that has taken its first part. With "enclosed" nothing does, but
this process and its helpers reach the folder alone. With "kept" nothing does, but the key hashes of
old were kept; then each line has the number of parts in which the files are walked, too.
"""

import json
import math
import os
import select
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from diffing.core.comparison import Comparison
from diffing.core.input_file import InputFile
from diffing.core.spec import DiffSpec
from diffing.csvfiles.alignment import Alignment
from diffing.csvfiles.scan import Portions
from diffing.csvfiles.split import Cutting
from diffing.engine import key_reading
from diffing.engine.diff import Diff
from diffing.engine.interruptible import run
from diffing.engine.sql import SQL_DIR
from diffing.engine.summary import Summary
from diffing.files.results import Outputs
from diffing.sandbox import landlock
from diffing.sandbox.helpers import Helpers, Part, Work
from diffing.sandbox.limits import Limits
from tests import reference
from tests.reduced import watched
from tests.reference import counts_of

KEY, VALUE = ["id"], ["value"]
HELPED = Cutting(smallest=200, shared=0, helped=0, blocks=Portions(2_000, 500), sorted=2)
WHOLE = Cutting(smallest=200, shared=math.inf, helped=math.inf)


def refuse_memory() -> None:
    raise MemoryError


FAULTS: dict[str, Callable[[], None]] = {
    "none": lambda: None,
    "enclosed": lambda: None,
    "kept": lambda: None,
    "killed": lambda: os.kill(os.getpid(), signal.SIGKILL),
    "stopped": lambda: os.kill(os.getpid(), signal.SIGSTOP),
    "short of memory": refuse_memory,
}


class Watched:
    """The hashing of parts: a helper takes the first part of each file, and has its fault then."""

    def __init__(self, fault: str) -> None:
        self._main = os.getpid()
        self._fault = FAULTS[fault]
        self._reading, self._writing = os.pipe()
        self._hash_really = key_reading.Hashing.__call__
        self._begin_really = Helpers.begin
        key_reading.Hashing.__call__ = lambda *given: self._hash(*given)  # type: ignore[method-assign]
        Helpers.begin = lambda *given: self._begin(*given)  # type: ignore[method-assign]

    def _begin(self, helpers: Helpers, work: Work[Any], parts: Sequence[Part]) -> None:
        """Begin, and wait until a helper has taken a part."""
        while select.select([self._reading], [], [], 0)[0]:  # those of earlier work
            os.read(self._reading, 1)
        self._begin_really(helpers, work, parts)
        if isinstance(work, key_reading.Hashing):
            os.read(self._reading, 1)

    def _hash(self, *arguments: Any) -> Any:
        if os.getpid() != self._main:
            os.write(self._writing, b"x")
            self._fault()
        return self._hash_really(*arguments)


@contextmanager
def walked() -> Iterator[list[int]]:
    """The number of parts in which each pair of files is walked."""
    parts: list[int] = []
    align_really = Alignment.of

    def align(*given: Any) -> Alignment:
        alignment = align_really(*given)
        parts.append(len(alignment.parts))
        return alignment

    Alignment.of = align  # type: ignore[assignment,method-assign]
    try:
        yield parts
    finally:
        Alignment.of = align_really  # type: ignore[method-assign]


def work_of(folder: Path, threads: int, cutting: Cutting, fault: str) -> tuple[Diff, Outputs]:
    """A diff of the pair of a folder, with its helpers, and its outputs."""
    comparison = Comparison.of(key=KEY, value=VALUE)
    outputs = Outputs(folder / "result.out", None, folder / "removed.out")
    old, new = (InputFile(folder / name, name) for name in ("old.csv", "new.csv"))
    hashes = folder if fault == "kept" else None
    spec = DiffSpec(old, new, comparison, hashes=hashes)
    work = Diff(spec, Limits(threads, "1GB", folder), cutting)
    work.fork_helpers()
    return work, outputs


def is_right(folder: Path, summary: Summary, outputs: Outputs) -> bool:
    """Whether a diff says and writes the same as the reference."""
    old, new = ((folder / name).read_bytes().decode() for name in ("old.csv", "new.csv"))
    answer = reference.diff(old, new, KEY, VALUE)
    counts = counts_of(answer)
    written = [path.read_bytes().decode() for path in sorted(outputs.paths)]
    return [answer.removed_csv, answer.csv] == written and (
        counts == summary.model_dump(include=set(counts))
    )


def told(folder: Path, threads: int, fault: str) -> dict[str, Any]:
    """Diff the pair of a folder with helpers: what became of it."""
    if fault == "enclosed":
        landlock.enclose(read=[SQL_DIR], write=[], rename=[], own=[folder])
    work, outputs = work_of(folder, threads, HELPED, fault)
    number = len(work.helpers)
    with watched() as reduced, walked() as parts:
        summary = run(lambda: work.run(outputs), work.interrupt)
    assert not len(work.helpers)
    small, _ = work_of(folder, threads, WHOLE, "none")
    found = {
        "reduced": any(reduced),
        "right": is_right(folder, summary, outputs),
        "helpers": [number, len(small.helpers)],
    }
    return found | ({"parts": parts} if fault == "kept" else {})


def keep_hashes_of_old(folder: Path) -> None:
    """Diff old with itself, which leaves its key hashes in the folder."""
    old = InputFile(folder / "old.csv", "old.csv")
    comparison = Comparison.of(key=KEY, value=VALUE)
    work = Diff(DiffSpec(old, old, comparison, hashes=folder), Limits(2, "1GB", folder), HELPED)
    work.run(Outputs(folder / "same.out"))


def main(folder: str, threads: str, fault: str = "none") -> None:
    """Diff each pair."""
    # one that a shell starts in the background ignores it
    signal.signal(signal.SIGINT, signal.default_int_handler)
    Watched(fault)
    for pair in sorted(Path(folder).iterdir()):
        if fault == "kept":
            keep_hashes_of_old(pair)
        print(json.dumps(told(pair, int(threads), fault)))


if __name__ == "__main__":
    main(*sys.argv[1:])
