"""The key hashes of old that an earlier diff kept, and those of new for the next one."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Self

from diffing.csvfiles.csv_file import CsvFile
from diffing.engine.pair import Pair
from diffing.files.digests import Digests
from diffing.files.hash_cache import HashCache

if TYPE_CHECKING:
    from diffing.engine.kept_hashes import Change
    from diffing.engine.key_hashes import Shape


class LastNight:
    """The kept hashes of a pair of files.

    Args:
        folder: with the hashes of earlier files; None for none.
        digests: of old and new, by which their hashes are named.
        pair: the files, and their columns.
        scratch: an existing, private folder.
    """

    def __init__(self, folder: Path | None, digests: Digests, pair: Pair, scratch: Path) -> None:
        self._folder = folder
        self._of_new = scratch / "new.hashes"
        self._thread = ThreadPoolExecutor(1, "hashes")
        self._keeping: Future[None] | None = None
        self._digests = digests
        self._pair = pair

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self._thread.shutdown()

    @property
    def keeps(self) -> bool:
        """Whether the hashes of new are wanted."""
        return self._folder is not None

    @property
    def may_have_old(self) -> bool:
        """Whether there are hashes of any file with the size and columns of old."""
        return bool(self._candidates)

    def of_old(self) -> Path | None:
        """The file with the hashes of old, probably; None if no diff has kept them.

        No answer may depend on it before `is_of_old`, which waits for the digest of old.
        """
        if len(self._candidates) < 2:
            return next(iter(self._candidates), None)
        path = self._candidates[0].with_name(self._name_for_old)
        return path if path in self._candidates else None

    def is_of_old(self, path: Path) -> bool:
        """Whether this file has the hashes of old, by its name."""
        return path.name == self._name_for_old

    def offer(self, place: int, offset: int, block: bytes) -> None:
        """Give a block of old (0) or new (1), which a digest would else read again."""
        self._digests.offer(place, offset, block)

    def read_on(self) -> None:
        """Take the digests without further blocks."""
        self._digests.read_on()

    def keep(self, change: Change, shape: Shape, on_step: Callable[[], None]) -> None:
        """Write the hashes of new; in another thread, if those of old are in a file.

        Args:
            change: from the hashes of old.
            shape: of both files.
            on_step: called often; an exception from it ends the writing.
        """
        if of_new := change.of_new():
            self._keeping = self._thread.submit(of_new.write, self._of_new, shape, on_step)
            if not change.kept:  # the diff will need their memory
                self._keeping.exception()

    def leave(self, folder: Path) -> None:
        """Move the hashes of new, if they were kept, to a folder, under the name of the file.

        Raises:
            Interrupted: the diff was.
        """
        if not self._keeping:
            return
        from diffing.engine.kept_hashes import Unsuitable  # numpy is loaded now

        try:
            self._keeping.result()
        except (Unsuitable, OSError):  # this diff does not need them
            return
        suffix = self._suffix(self._pair.new)
        self._of_new.rename(folder / f"{self._digests.wait_for(1)}{suffix}")

    @cached_property
    def _candidates(self) -> list[Path]:
        suffix = self._suffix(self._pair.old)
        return list(self._folder.glob(f"*{suffix}")) if self._folder else []

    @cached_property
    def _name_for_old(self) -> str:
        return f"{self._digests.wait_for(0)}{self._suffix(self._pair.old)}"

    def _suffix(self, file: CsvFile) -> str:
        comparison = self._pair.comparison
        dialect = file.dialect.model_dump(mode="json")
        size = file.path.stat().st_size
        return HashCache.suffix(comparison.key, comparison.value, dialect, size)
