"""Checksums of files."""

import hashlib
from pathlib import Path


def sha256(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal, as `sha256sum` prints it."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def fingerprint(path: Path) -> str:
    """The 128-bit XXH3 of a file, in hexadecimal, as `xxh128sum` prints it.

    It is as fast as the file can be read, and tells files apart; it is no proof against forgery.
    """
    import xxhash  # only for those who ask

    with path.open("rb") as file:
        # file_digest wants a hashlib object or something that acts like one
        return hashlib.file_digest(file, xxhash.xxh3_128).hexdigest()
