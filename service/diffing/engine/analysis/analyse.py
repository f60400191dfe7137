"""The analysis of a diff: reads its outputs within limits, and makes one JSON document."""

import json
import tempfile
from pathlib import Path
from typing import Any

from diffing.core.spec import AnalysisSpec
from diffing.engine.analysis.document import document_of
from diffing.engine.analysis.findings import Finder
from diffing.engine.stoppable import Stoppable
from diffing.sandbox.limits import Limits
from diffing.sandbox.malloc import set_up_heap

IN_MEMORY = 100_000_000


class Analysis(Stoppable):
    """The analysis of one diff.

    Args:
        spec: the order.
        limits: memory and disk.
        in_memory: bytes of the outputs, up to which their cells are kept in memory.
    """

    def __init__(self, spec: AnalysisSpec, limits: Limits, in_memory: int = IN_MEMORY) -> None:
        super().__init__()
        self._spec = spec
        self._in_memory = in_memory
        self._limits = limits

    def run(self) -> dict[str, Any]:
        """The document, as JSON values.

        Raises:
            ResultGone: an output of the diff was removed.
            OutOfMemory, OutOfDisk, DiffFailed: the machine failed.
            Interrupted: `interrupt` was called.
        """
        set_up_heap(1)
        with tempfile.TemporaryDirectory(
            prefix="analysis-", dir=self._limits.temp_folder
        ) as folder:
            finder = Finder(
                self._spec, Path(folder), self._limits, self._interrupted, self._in_memory
            )
            self._session = finder.session
            with finder.session:
                findings = finder.run()
        return document_of(findings, self._spec.summary, self._spec.groups)

    def write(self, target: Path) -> None:
        """Write the document to an existing file.

        Raises:
            ResultGone, OutOfMemory, OutOfDisk, DiffFailed, Interrupted: as from `run`.
        """
        target.write_text(as_json(self.run()), encoding="utf-8")


def as_json(document: dict[str, Any]) -> str:
    """The text of a document, one line for each entry of a list."""
    encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False).encode
    members = (
        f"{encode(name)}: [\n    " + ",\n    ".join(map(encode, value)) + "\n  ]"
        if isinstance(value, list) and value and name != "by"
        else f"{encode(name)}: {encode(value)}"
        for name, value in document.items()
    )
    return "{\n  " + ",\n  ".join(members) + "\n}\n"
