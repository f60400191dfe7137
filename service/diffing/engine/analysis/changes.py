"""The file of changes of a diff: reads its outputs within limits, and writes them as Parquet."""

import csv
import sys
import tempfile
from pathlib import Path

from diffing.core.errors import DiffFailed
from diffing.core.spec import ChangesSpec
from diffing.engine.analysis.plain import plain
from diffing.engine.analysis.reading import (
    comparison_in,
    detail_of,
    reading_result,
    removed_beside_detail,
    rules_of,
)
from diffing.engine.connection import Session, as_pattern
from diffing.engine.stoppable import Stoppable
from diffing.sandbox.limits import Limits
from diffing.sandbox.malloc import set_up_heap


class Changes(Stoppable):
    """The file from which pages of rows are read.

    Args:
        spec: the order.
        limits: memory and disk.
    """

    def __init__(self, spec: ChangesSpec, limits: Limits) -> None:
        super().__init__()
        self._spec = spec
        self._limits = limits
        self._comparison = comparison_in(spec.summary)

    def write(self, target: Path) -> None:
        """Write the file, which exists.

        Raises:
            ResultGone: an output of the diff was removed.
            OutOfMemory, OutOfDisk, DiffFailed: the machine failed.
            Interrupted: `interrupt` was called.
        """
        set_up_heap(1)
        csv.field_size_limit(sys.maxsize)
        with (
            tempfile.TemporaryDirectory(prefix="changes-", dir=self._limits.temp_folder) as folder,
            reading_result(self._spec.inputs),
        ):
            self._write(target, Path(folder))

    def _write(self, target: Path, scratch: Path) -> None:
        summary, comparison = self._spec.summary, self._comparison
        spec = plain(self._spec, comparison, scratch)
        read = [spec.detail, spec.removed, *map(as_pattern, (spec.detail, spec.removed))]
        with self.session(Session, self._limits, scratch, [target, *read]) as session:
            written = session.run(
                "changes",
                {
                    "detail": detail_of(spec.detail, comparison),
                    "removed": removed_beside_detail(spec.removed, spec.detail, comparison),
                    **rules_of(comparison),
                    "emitted": summary["emitted"],
                    "output": str(target),
                },
            )["Count"]
        if written != summary["emitted"] + summary["removed"]:
            raise DiffFailed("The changes do not add up; this is a fault of the service.")
