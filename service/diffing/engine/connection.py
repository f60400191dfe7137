"""A DuckDB connection that runs `sql/` within limits, and reaches only given files."""

import atexit
import re
import shutil
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Self

import duckdb

from diffing.core.errors import (
    DISK_FULL,
    INTERRUPTED,
    DiffFailed,
    DiffingError,
    Interrupted,
    OutOfDisk,
    OutOfMemory,
)
from diffing.csvfiles.named_files import NamedFiles
from diffing.engine.query_profile import Profile
from diffing.engine.sql import queries
from diffing.sandbox.limits import Limits

ENGINE = f"duckdb {duckdb.__version__}"

# The statements of each text of `sql/`. To parse them takes a tenth of a small diff.
_parsed: dict[str, list[duckdb.Statement]] = {}
atexit.register(_parsed.clear)  # else DuckDB's binding reports them as leaked


class CsvRefused(DiffingError):
    """DuckDB refused a file; `rewrite` finds the place and the reason."""


class NotNumbers(DiffingError):
    """A supposed number is not a number."""


class Session:
    """A private connection, which creates the macros that its statements call.

    Args:
        limits: threads, memory and disk.
        scratch: an existing, private folder, to which it spills.
        outputs: the files that it may write, and read.
        pieces: the files that it may read. It gets only the names of their pieces, because DuckDB
            may write to every path that it may read.
        interrupted: prevents further statements when set.

    Attributes:
        part: another file that it may write, in the scratch folder.
        keeps_order: whether COPY keeps the order of rows that have no number.
    """

    keeps_order = False

    def __init__(
        self,
        limits: Limits,
        scratch: Path,
        outputs: Iterable[Path],
        pieces: Sequence[NamedFiles],
        interrupted: threading.Event,
    ) -> None:
        self._interrupted = interrupted
        self._pieces = pieces
        self.part = scratch / "part.csv"
        self._macros: set[str] = set()
        self._connection = duckdb.connect()
        free = f"{shutil.disk_usage(scratch).free * 9 // 10 // 1024} KiB"
        try:
            for file in pieces:
                self._connection.register_filesystem(file)
            self.run(
                "session",
                {
                    "memory_limit": limits.memory_of_duckdb,
                    "operator_limit": limits.memory_of_operators,
                    "threads": limits.threads,
                    "in_order": self.keeps_order,
                    "temp_folder": str(scratch),
                    "temp_limit": limits.temp or free,
                    "files": [
                        *map(str, (*outputs, self.part)),
                        *(name for file in pieces for name in file.all_names),
                    ],
                },
            )
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Free its memory, once no statement runs."""
        for file in self._pieces:  # else they would never be freed
            if self._connection.filesystem_is_registered(file.protocol):
                self._connection.unregister_filesystem(file.protocol)
        self._connection.close()

    def run(self, name: str, parameters: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Run each statement of a section of `sql/`, with the parameters that it names.

        Returns:
            The first row of the last statement, by column.

        Raises:
            CsvRefused: DuckDB does not accept a file as CSV.
            NotNumbers: it cannot convert a value.
            OutOfMemory, OutOfDisk, DiffFailed: the machine failed.
            Interrupted: `interrupt` was called.
        """
        *_, result = self._executed(name, parameters)
        with translated():
            row = result.fetchone()
        return dict(zip((column[0] for column in result.description), row or (), strict=False))

    def profiled(self, names: Sequence[str], parameters: Mapping[str, Any]) -> Profile | None:
        """Run several sections as `run` does, and count the rows in their operators.

        Returns:
            The counts; None if a supposed number is not a number.
        """
        try:
            return Profile.of(
                [
                    self._connection.get_profiling_information(format="json")
                    for name in names
                    for _ in self._executed(name, parameters)
                ]
            )
        except NotNumbers:
            return None

    def _executed(
        self, name: str, parameters: Mapping[str, Any] | None
    ) -> Iterator[duckdb.DuckDBPyConnection]:
        for statement in self._statements(queries().statements(name)):
            self.raise_if_interrupted()
            bound = {p: (parameters or {})[p] for p in statement.named_parameters}
            self._create_macros(statement.query)
            with translated():
                result = self._connection.execute(statement, bound)
            yield result

    def _create_macros(self, text: str) -> None:
        # only those that are called, because DuckDB plans each one
        for name in queries().macros_of(text):
            if name not in self._macros:
                (statement,) = self._statements(queries().macros[name])
                with translated():
                    self._connection.execute(statement)
                self._macros.add(name)

    def _statements(self, text: str) -> list[duckdb.Statement]:
        if text not in _parsed:
            _parsed[text] = self._connection.extract_statements(text)
        return _parsed[text]

    def raise_if_interrupted(self) -> None:
        """Raise an error if the diff was interrupted.

        Raises:
            Interrupted: it was.
        """
        if self._interrupted.is_set():
            raise Interrupted(INTERRUPTED)

    def interrupt(self) -> None:
        """Stop the running statement, from another thread. A closed session runs none."""
        with suppress(duckdb.ConnectionException):
            self._connection.interrupt()


class OrderedSession(Session):
    """A session that copies rows in their order."""

    keeps_order = True


def as_pattern(path: Path) -> Path:
    """A path with `*`, `?` and `[` escaped, which SQL would read as a pattern."""
    return Path(re.sub(r"([*?\[])", r"[\1]", str(path)))


def is_fault_of_duckdb(error: DiffFailed) -> bool:
    """Whether DuckDB found a fault in itself; another try may succeed."""
    return isinstance(error.__cause__, duckdb.InternalException | duckdb.FatalException)


@contextmanager
def translated() -> Iterator[None]:
    """Translate DuckDB's errors to ours, without SQL and paths."""
    try:
        yield
    except duckdb.InterruptException:
        raise Interrupted(INTERRUPTED) from None
    except duckdb.OutOfMemoryException as error:
        if "max_temp_directory_size" in str(error):
            raise OutOfDisk(
                "The diff needs more disk space for temporary files than it may use. "
                "Free disk space, or raise DIFFING_TEMP_LIMIT or DIFFING_MEMORY_LIMIT."
            ) from error
        raise OutOfMemory(
            "The diff needs more memory than it may use. Raise DIFFING_MEMORY_LIMIT."
        ) from error
    except duckdb.ConversionException as error:
        raise NotNumbers("A value is not a number.") from error
    except (duckdb.InvalidInputException, duckdb.NotImplementedException) as error:
        raise CsvRefused("A file could not be read as CSV.") from error
    except duckdb.Error as error:
        if "No space left" in str(error):
            raise OutOfDisk(DISK_FULL) from error
        raise DiffFailed("DuckDB failed; the log has its message.") from error
