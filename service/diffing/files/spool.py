"""Copies of streams, such as standard input and pipes, which can be read only once."""

import os
import stat
from pathlib import Path

from diffing.core.errors import BadInput, OutOfDisk, is_disk_full
from diffing.core.input_file import InputFile
from diffing.csvfiles.archives import Room
from diffing.csvfiles.file_kinds import suffix_of

STANDARD_INPUT = Path("-")
_BLOCK = 1024 * 1024


def taken(path: Path, side: str, folder: Path) -> InputFile:
    """A file that can be read many times: the file itself, or a copy of a stream.

    Args:
        path: as the user named it; `-` is standard input.
        side: "old" or "new".
        folder: for the copy.

    Raises:
        BadInput: it cannot be read.
        OutOfDisk: the copy would leave too little disk space.
    """
    return spooled(path, folder, side) if is_stream(path) else InputFile.given(path)


def is_stream(path: Path) -> bool:
    """Whether a path is `-`, or that of a pipe, a socket or a device."""
    if path == STANDARD_INPUT:
        return True
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError):  # the diff reports it
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


def spooled(path: Path, folder: Path, side: str) -> InputFile:
    """Copy a stream to a file that only this user can read. It may be compressed.

    Args:
        path: of the stream; `-` is standard input.
        folder: for the copy, which exists.
        side: the name of the copy.

    Raises:
        BadInput: the stream cannot be read.
        OutOfDisk: the copy would leave too little disk space.
    """
    is_input = path == STANDARD_INPUT
    name = "standard input" if is_input else InputFile.given(path).name
    copy, room = folder / f"{side}.csv", Room(folder, name)
    try:
        source = os.dup(0) if is_input else os.open(path, os.O_RDONLY)
        with open(source, "rb") as stream, copy.open("xb") as file:  # noqa: PTH123 - a descriptor
            os.fchmod(file.fileno(), 0o600)
            start = block = stream.read(_BLOCK)
            while block:
                room.require(len(block))
                file.write(block)
                block = stream.read(_BLOCK)
    except OSError as error:
        if is_disk_full(error):
            raise OutOfDisk(f"{name}: a copy would fill the disk. Free some space.") from error
        raise BadInput(f"{name}: cannot be read: {error.strerror}.") from None
    return InputFile(copy.rename(f"{copy}{suffix_of(start)}"), name)
