"""The key hashes of old that an earlier diff kept, and those of new for the next one."""

from functools import cached_property
from pathlib import Path

from diffing.csvfiles.csv_file import CsvFile
from diffing.engine.pair import Pair
from diffing.files.digests import Digests
from diffing.files.hash_cache import HashCache


class LastNight:
    """The kept hashes of a pair of files.

    Args:
        folder: with the hashes of earlier files; None for none.
        digests: of old and new, by which their hashes are named.
        pair: the files, and their columns.
        scratch: an existing, private folder.

    Attributes:
        of_new: to write the key hashes of new to; None to write none.
    """

    def __init__(self, folder: Path | None, digests: Digests, pair: Pair, scratch: Path) -> None:
        self._folder = folder
        self.of_new = scratch / "new.hashes" if folder else None
        self._digests = digests
        self._pair = pair

    @cached_property
    def may_have_old(self) -> bool:
        """Whether there are hashes of any file with the size and columns of old."""
        suffix = self._suffix(self._pair.old)
        return any(self._folder.glob(f"*{suffix}")) if self._folder else False

    def of_old(self) -> Path | None:
        """The file with the hashes of old; None if no diff has kept them."""
        if not self._folder or not self.may_have_old:  # else it would wait in vain
            return None
        path = self._folder / f"{self._digests.wait_for(0)}{self._suffix(self._pair.old)}"
        return path if path.is_file() else None

    def offer(self, place: int, offset: int, block: bytes) -> None:
        """Give a block of old (0) or new (1), which a digest would else read again."""
        self._digests.offer(place, offset, block)

    def read_on(self) -> None:
        """Take the digests without further blocks."""
        self._digests.read_on()

    def leave(self, folder: Path) -> None:
        """Move the hashes of new, if there are some, to a folder, under the name of the file."""
        if self.of_new and self.of_new.exists():
            suffix = self._suffix(self._pair.new)
            self.of_new.rename(folder / f"{self._digests.wait_for(1)}{suffix}")

    def _suffix(self, file: CsvFile) -> str:
        comparison = self._pair.comparison
        dialect = file.dialect.model_dump(mode="json")
        size = file.path.stat().st_size
        return HashCache.suffix(comparison.key, comparison.value, dialect, size)
