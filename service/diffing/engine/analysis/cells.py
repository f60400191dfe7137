"""The cells of a diff that differ: reads its detail within limits, and writes them as CSV."""

import csv
import sys
import tempfile
from pathlib import Path

from diffing.core.csv_record import line_of
from diffing.core.errors import DiffFailed
from diffing.core.names import free_names
from diffing.core.spec import CellsSpec
from diffing.engine.analysis.plain import plain_detail
from diffing.engine.analysis.reading import (
    columns_of_new,
    comparison_in,
    detail_of,
    reading_result,
    rules_of,
)
from diffing.engine.connection import OrderedSession, as_pattern
from diffing.engine.stoppable import Stoppable
from diffing.sandbox.limits import Limits
from diffing.sandbox.malloc import set_up_heap

_ADDED = ("_column", "_old", "_new", "_difference", "_relative")


class Cells(Stoppable):
    """The cells of one diff that differ.

    Args:
        spec: the order.
        limits: memory and disk.
    """

    def __init__(self, spec: CellsSpec, limits: Limits) -> None:
        super().__init__()
        self._spec = spec
        self._limits = limits
        self._comparison = comparison_in(spec.summary)

    def write(self, target: Path) -> int:
        """Write the cells to an existing file, and return their number.

        Raises:
            ResultGone: the detail was removed.
            OutOfMemory, OutOfDisk, DiffFailed: the machine failed.
            Interrupted: `interrupt` was called.
        """
        set_up_heap(1)
        csv.field_size_limit(sys.maxsize)
        with (
            tempfile.TemporaryDirectory(prefix="cells-", dir=self._limits.temp_folder) as folder,
            reading_result(self._spec.inputs),
        ):
            return self._write(target, Path(folder))

    def _write(self, target: Path, scratch: Path) -> int:
        spec, comparison = self._spec, self._comparison
        detail = plain_detail(spec.detail, spec.dialect, comparison, scratch)
        names = columns_of_new(detail, comparison)
        keys = [name for name in names if name in comparison.key]
        # DuckDB writes line ends between rows, but not after the prefix
        header = line_of([*keys, *free_names(keys, _ADDED)]) + "\n" * bool(spec.cells)
        files = [target, *(path for file in (detail, target) for path in (file, as_pattern(file)))]
        with self.session(OrderedSession, self._limits, scratch, files) as session:
            written = session.run(
                "write_cells",
                {
                    "detail": detail_of(detail, comparison),
                    **rules_of(comparison),
                    "names": list(comparison.value),
                    "prefix": header,
                    "output": str(target),
                },
            )["Count"]
        if written != spec.cells:
            raise DiffFailed("The cells do not add up; this is a fault of the service.")
        return int(written)
