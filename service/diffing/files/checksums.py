"""Checksums of files."""

import hashlib
from pathlib import Path


def sha256(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal, as `sha256sum` prints it."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def fingerprint(path: Path) -> str:
    """The 128-bit XXH3 of a file, in hexadecimal, as `xxh128sum` prints it.

    It is as fast as reading the file, and distinguishes files. It does not protect against forgery.
    """
    import xxhash  # loaded only if requested

    with path.open("rb") as file:
        # file_digest accepts anything that works like a hashlib object
        return hashlib.file_digest(file, xxhash.xxh3_128).hexdigest()
