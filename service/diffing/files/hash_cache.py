"""The files of key hashes from earlier diffs: tonight's new is tomorrow's old."""

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

_END = ".hashes"


class HashCache:
    """Keeps files of key hashes, up to a number of bytes.

    Args:
        folder: of the files; it exists.
        most_bytes: of all files together.
    """

    def __init__(self, folder: Path, most_bytes: int) -> None:
        self._folder = folder
        self._most_bytes = most_bytes

    @staticmethod
    def suffix(
        key: Sequence[str], value: Sequence[str], dialect: Mapping[str, Any], size: int
    ) -> str:
        """The end of the names of the files for these columns, this dialect, and so many bytes."""
        text = json.dumps([list(key), list(value), dict(dialect), size], sort_keys=True)
        return f".{hashlib.sha256(text.encode()).hexdigest()[:32]}{_END}"

    def take(self, folder: Path) -> None:
        """Keep the hashes of new, and remove the oldest ones that do not fit beside them.

        Args:
            folder: the temporary folder of the diff. If it has no hashes, nothing happens.

        Raises:
            OSError: the folder cannot be used.
        """
        for file in folder.glob(f"*{_END}"):
            if file.stat().st_size <= self._most_bytes:
                file.replace(self._folder / file.name)
                self._remove_oldest()

    def _remove_oldest(self) -> None:
        files = []
        for entry in os.scandir(self._folder):
            with suppress(FileNotFoundError):  # another worker removed it
                found = entry.stat()
                files.append((found.st_mtime_ns, found.st_size, Path(entry.path)))
        left = self._most_bytes
        for _, size, path in sorted(files, reverse=True):
            left -= size
            if left < 0:
                path.unlink(missing_ok=True)
