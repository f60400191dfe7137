"""Takes the files of a diff: those that can be read only once, or are elsewhere, as copies."""

import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from diffing.cli.console import progress
from diffing.core.errors import BadInput
from diffing.core.input_file import InputFile
from diffing.core.settings import Settings
from diffing.core.text import like, shown
from diffing.files.fetch import Fetch
from diffing.files.inputs import Source
from diffing.files.spool import STANDARD_INPUT, taken
from diffing.files.uploads import SIDES
from diffing.sandbox.limits import Limits


class Taking:
    """Takes the files of a diff.

    Args:
        settings: the disk space of the copies.
        folder: for the copies.
        quiet: whether to show no progress.
    """

    def __init__(self, settings: Settings, folder: Path, *, quiet: bool) -> None:
        self.settings = settings
        self._folder = folder
        self._quiet = quiet
        self._fetch = Fetch(folder, Limits.of(settings, folder).most_temp)

    @property
    def fetched_bytes(self) -> int:
        """Bytes of the copies of remote files."""
        return self._fetch.bytes

    def both(
        self, files: Sequence[Path | Source], *, old_may_be_missing: bool
    ) -> tuple[InputFile, InputFile]:
        """The old and the new file, ready to be read many times.

        Args:
            files: as the user named them; `-` is standard input.
            old_may_be_missing: whether a remote old one need not exist.

        Raises:
            BadInput, OutOfDisk: as from `taken`.
            MissingInput, InputChanged, BadSetting, Unreachable: as from `Fetch.copy`.
        """
        old, new = files
        return self.one(old, SIDES[0], may_be_missing=old_may_be_missing), self.one(new, SIDES[1])

    def one(self, file: Path | Source, side: str, *, may_be_missing: bool = False) -> InputFile:
        """One of the files. Arguments and errors are those of `both`."""
        if isinstance(file, InputFile):
            return file
        if isinstance(file, Path):
            if not may_be_missing:
                _require(file)
            return taken(file, side, self._folder)
        with progress("fetching", quiet=self._quiet) as report:
            return self._fetch.copy(
                file, side, lambda now: report(str(now)), may_be_missing=may_be_missing
            )


def _require(path: Path) -> None:
    """Check that a path exists, if a file beside it has a similar name.

    Raises:
        BadInput: it does not.
    """
    if path == STANDARD_INPUT or os.path.lexists(path):
        return
    with suppress(OSError, ValueError):
        names = [entry.name for entry in os.scandir(path.parent) if entry.is_file()]
        if meant := like(path.name, names):
            found = shown(str(path.with_name(meant)))
            raise BadInput(f"{InputFile.given(path).name}: no such file. Did you mean {found}?")
