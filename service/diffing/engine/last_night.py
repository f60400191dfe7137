"""The key hashes of old that an earlier diff kept, and those of new for the next one."""

from pathlib import Path

from diffing.core.comparison import Comparison
from diffing.csvfiles.csv_file import CsvFile
from diffing.files.checksums import Digests
from diffing.files.hash_cache import HashCache


class LastNight:
    """The kept hashes of two files.

    Args:
        folder: with the hashes of earlier files; None for none.
        digests: of old and new, by which their hashes are named.
        comparison: its columns.
    """

    def __init__(self, folder: Path | None, digests: Digests, comparison: Comparison) -> None:
        self._folder = folder
        self._digests = digests
        self._columns = comparison.key, comparison.value

    @property
    def is_known(self) -> bool:
        """Whether `of` need not wait for the digest of old."""
        return self._digests.is_known(0)

    def may_have(self, old: CsvFile) -> bool:
        """Whether there are hashes of any file with these columns."""
        return any(self._folder.glob(f"*{self._suffix(old)}")) if self._folder else False

    def of(self, old: CsvFile) -> Path | None:
        """The file with the hashes of old; None if no diff has kept them."""
        if not self._folder or not self.may_have(old):  # else it would wait in vain
            return None
        path = self._folder / f"{self._digests.wait_for(0)}{self._suffix(old)}"
        return path if path.is_file() else None

    def leave(self, hashes: Path, new: CsvFile, folder: Path) -> None:
        """Move the hashes of new, if there are some, to a folder, under the name of the file."""
        if hashes.exists():
            hashes.rename(folder / f"{self._digests.wait_for(1)}{self._suffix(new)}")

    def _suffix(self, file: CsvFile) -> str:
        return HashCache.suffix(*self._columns, file.dialect.model_dump(mode="json"))
