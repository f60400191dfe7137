"""Runs the SQL of `sql/` on two CSV files: the rows of new that are new or really differ."""

import os
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from service.catalogue import Comparison
from service.csvfile import CsvFile, open_csv, require_columns, rewrite
from service.errors import BadArgument, DiffFailed
from service.limits import Limits
from service.session import ENGINE, CsvRefused, Session, as_pattern
from service.summary import InputSummary, Summary


class Diff:
    """One diff of two files.

    Args:
        old, new: CSV files, `.csv` or `.csv.gz`.
        comparison: the columns and tolerances.
        limits: what it may use.
        on_stage: called with one word whenever the next stage begins.
    """

    def __init__(
        self,
        old: Path,
        new: Path,
        comparison: Comparison,
        limits: Limits,
        on_stage: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._old, self._new = old.absolute(), new.absolute()
        self._comparison = comparison
        self._limits = limits
        self._on_stage = on_stage
        self._session: Session | None = None
        self._interrupted = threading.Event()

    def interrupt(self) -> None:
        """Stop `run` from another thread; it raises Interrupted."""
        self._interrupted.set()
        if self._session:
            self._session.interrupt()

    def run(self, output: Path, metric: str | None = None) -> Summary:
        """Compare the files and write the added and changed rows.

        The result appears under its name only when it is whole.

        Args:
            output: CSV file to write: the header and columns of new, its rows in its order.
            metric: id to name in the summary.

        Raises:
            BadInput: a file is no CSV, or lacks a column.
            BadArgument: the output cannot be written.
            OutOfMemory, OutOfDisk, DiffFailed: the machine was not up to it.
            Interrupted: `interrupt` was called.
        """
        started = time.monotonic()
        with _part_of(output.absolute()) as part, self._scratch() as scratch:
            self._on_stage("checking")
            old, new = self._open(self._old, scratch), self._open(self._new, scratch)
            try:
                counts = self._compare(old, new, part, scratch)
            except CsvRefused:
                # DuckDB is stricter than RFC 4180 in places: say where the fault is, or, where
                # there is none, let it read a plain copy
                self._on_stage("checking")
                old, new = rewrite(old, scratch), rewrite(new, scratch)
                counts = self._compare(old, new, part, scratch)
        return Summary(
            metric=metric,
            **self._comparison.model_dump(include=set(Comparison.model_fields)),
            old=InputSummary(name=old.name, rows=counts.pop("old_rows"), bytes=old.bytes),
            new=InputSummary(name=new.name, rows=counts.pop("new_rows"), bytes=new.bytes),
            **counts,
            emitted=counts["added"] + counts["changed"],
            seconds=round(time.monotonic() - started, 3),
            peak_rss_bytes=peak_rss(),
            engine=ENGINE,
        )

    def explain(self, name: str) -> str:
        """The physical plan of `sql/<name>.sql` for these files, once those before it have run."""
        with self._scratch() as scratch:
            old, new = self._open(self._old, scratch), self._open(self._new, scratch)
            parameters = self._parameters(old, new)
            with Session(self._limits, scratch, [old.path, new.path], self._interrupted) as session:
                if name != "classify":
                    session.run("classify", parameters)
                return session.explain(name, parameters)

    def _open(self, path: Path, scratch: Path) -> CsvFile:
        file = open_csv(path, scratch)
        require_columns(file, [*self._comparison.key, *self._comparison.value])
        return file

    def _compare(self, old: CsvFile, new: CsvFile, part: Path, scratch: Path) -> dict[str, int]:
        parameters = self._parameters(old, new)
        # an empty name comes out empty, as any field does
        names = [name or None for name in new.columns]
        header = dict(zip(parameters["new_columns"], names, strict=True))
        files = [old.path, new.path, part]
        with Session(self._limits, scratch, files, self._interrupted) as self._session:
            self._on_stage("comparing")
            self._session.run("classify", parameters)
            counts = self._session.run("counts")
            if counts["ambiguous"]:
                self._session.run("duplicates", parameters)
                counts = self._session.run("counts")
            self._on_stage("writing")
            self._session.run("result", {"header": header, "output": str(part)})
        if counts["new_rows"] != counts["added"] + counts["changed"] + counts["unchanged"]:
            raise DiffFailed("The rows of new do not add up; this is a fault of the service.")
        del counts["ambiguous"]
        return counts

    def _parameters(self, old: CsvFile, new: CsvFile) -> dict[str, Any]:
        return {
            "old": as_pattern(old.path),
            "new": as_pattern(new.path),
            "old_columns": dict.fromkeys(self._roles(old), "VARCHAR"),
            "new_columns": dict.fromkeys(self._roles(new), "VARCHAR"),
            "old_parallel": not old.rewritten,
            "new_parallel": not new.rewritten,
            "key": [f"k{i}" for i in range(len(self._comparison.key))],
            "value": [f"v{i}" for i in range(len(self._comparison.value))],
            "rel_tol": self._comparison.rel_tol,
            "abs_tol": self._comparison.abs_tol,
        }

    def _roles(self, file: CsvFile) -> Iterator[str]:
        """Names for a file's columns by what they are: names from outside never reach the SQL."""
        roles = {name: f"k{i}" for i, name in enumerate(self._comparison.key)}
        roles |= {name: f"v{i}" for i, name in enumerate(self._comparison.value)}
        for position, name in enumerate(file.columns):
            yield roles.get(name, f"x{position}")

    @contextmanager
    def _scratch(self) -> Iterator[Path]:
        with tempfile.TemporaryDirectory(prefix="diff-", dir=self._limits.temp_folder) as folder:
            yield Path(folder)


@contextmanager
def _part_of(output: Path) -> Iterator[Path]:
    """A name beside `output` to write to; what was written takes its place when all went well."""
    part = output.with_name(f".{os.getpid()}-{threading.get_ident()}-{output.name}")
    if output.is_dir():
        raise BadArgument(f"Cannot write {output.name}: it is a folder.")
    try:
        part.touch()
    except OSError as error:
        raise BadArgument(f"Cannot write {output.name}: {error.strerror}.") from None
    try:
        yield part
        with part.open("rb") as file:
            os.fsync(file.fileno())
        part.replace(output)
    finally:
        part.unlink(missing_ok=True)


def peak_rss() -> int:
    """The most memory that this process held, in bytes."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise DiffFailed("The system does not tell how much memory a process held.")
