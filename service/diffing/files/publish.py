"""Writes files that appear under their names only when all of them are complete."""

import errno
import fcntl
import os
import re
import secrets
import shutil
import stat
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Self

from diffing.core.errors import BadArgument, BadSetting, CannotWrite, is_disk_full, of_os

# a file system without links, too many links, another one, or the kernel protects files of others
_UNLINKABLE = (errno.EPERM, errno.EMLINK, errno.EXDEV, errno.ENOTSUP)
_SCRATCH = "diffing-scratch-"
_SECONDS_TO_LOCK = 60
_OWN_DESCRIPTOR = re.compile(r"/dev/(?:fd/(\d+)|(stdin)|(stdout)|(stderr))|/proc/self/fd/(\d+)")


def require_apart(inputs: Sequence[Path], outputs: Sequence[Path]) -> None:
    """Check that no output takes the place of an input or of another output.

    Devices, such as `/dev/null`, may be named several times.

    Raises:
        BadArgument: two of the paths are the same file.
    """
    for output in outputs:
        for path in inputs:
            if _is_same(output, path):
                remedy = (
                    f"If > sent it there, the shell has emptied {path.name}: restore it"
                    if output == Path("/dev/stdout")
                    else "Name another file"
                )
                raise BadArgument(f"The output {output} would overwrite an input. {remedy}.")
    for one, other in combinations(outputs, 2):
        if _is_same(one, other):
            raise BadArgument(f"Two outputs are the same file, {one}. Name two files.")


@contextmanager
def published(paths: Sequence[Path]) -> Iterator[list[Path]]:
    """Temporary files, one for each path. They replace the paths when the block succeeds.

    Links are followed. Pipes and devices are not replaced, but written to. The last path appears
    last: when it exists, all others do.

    Raises:
        BadArgument: two paths are the same file.
        CannotWrite: a path cannot be written.
        OutOfDisk: the disk is full.
        BadSetting: no folder for temporary files is usable.
        BrokenPipeError: the reader of a pipe left.
    """
    require_apart([], paths)
    with ExitStack() as stack:
        parts = [stack.enter_context(_part_of(path)) for path in paths]
        yield parts
        streams = [(part, path) for part, path in zip(parts, paths, strict=True) if _streams(path)]
        files = [
            (part, Path(os.path.realpath(path)))
            for part, path in zip(parts, paths, strict=True)
            if not _streams(path)
        ]
        for part, _ in files:
            sync(part)
        for part, path in streams:
            _write_through(part, path)
        for part, path in files:
            part.replace(path)
        # else a power cut could undo the renames
        for folder in {path.parent for _, path in files}:
            sync(folder)


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """A folder for temporary files, removed at the end, or by a later command if this one dies.

    Raises:
        BadSetting: no folder for temporary files is usable.
    """
    with _needs_temporary_files():
        _remove_left_folders(Path(tempfile.gettempdir()))
        folder = tempfile.TemporaryDirectory(prefix=_SCRATCH)
        handle = os.open(folder.name, os.O_RDONLY)
    with folder as name:
        try:
            with suppress(OSError):  # without locks, no folder is removed
                fcntl.flock(handle, fcntl.LOCK_EX)
            yield Path(name)
        finally:
            os.close(handle)


def _remove_left_folders(parent: Path) -> None:
    """Remove the scratch folders of this user whose process was killed."""
    for folder in parent.glob(f"{_SCRATCH}*"):
        with suppress(OSError):
            found = folder.lstat()
            is_own = stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid()
            is_old = time.time() - found.st_mtime > _SECONDS_TO_LOCK
            if is_own and is_old:
                with at_rest(folder) as is_at_rest:
                    if is_at_rest:
                        shutil.rmtree(folder, ignore_errors=True)


@dataclass(frozen=True)
class Scratch:
    """A folder for temporary files, as from `scratch_folder`, for longer than a block.

    Args:
        folder: the folder.
        remove: removes it.
    """

    folder: Path
    remove: Callable[[], None]

    @classmethod
    def new(cls) -> Self:
        """A new folder.

        Raises:
            BadSetting: as from `scratch_folder`.
        """
        stack = ExitStack()
        return cls(stack.enter_context(scratch_folder()), stack.close)


def link_or_copy(source: Path, path: Path) -> None:
    """Give a complete file a second name, which appears whole; a copy where links are impossible.

    Args:
        source: the file. It never changes.
        path: the new name, in a folder of the service.

    Raises:
        OSError: neither is possible, or the source is missing.
    """
    try:
        path.hardlink_to(source)
    except OSError as error:
        if error.errno not in _UNLINKABLE:
            raise
        with published([path]) as (part,):
            shutil.copyfile(source, part)


def is_part(name: str) -> bool:
    """Whether a name is that of an unfinished file."""
    return name.startswith(".")


@contextmanager
def locked_folder(path: Path) -> Iterator[Path]:
    """A new folder, locked until the end, when it is removed with its content."""
    handle = _made_and_locked(lambda: path)[1]
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)
        os.close(handle)


def new_locked_folder(parent: Path) -> tuple[Path, int]:
    """A new folder, and the handle that locks it; the kernel unlocks it when the process ends."""
    return _made_and_locked(lambda: parent / secrets.token_hex(16))


def _made_and_locked(name: Callable[[], Path]) -> tuple[Path, int]:
    """A folder and its handle. A sweeper may remove a folder before it is locked."""
    while True:
        folder = name()
        folder.mkdir(exist_ok=True)
        with suppress(FileNotFoundError), ExitStack() as failed:
            handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
            failed.callback(os.close, handle)
            fcntl.flock(handle, fcntl.LOCK_EX)
            if folder.is_dir():
                failed.pop_all()
                return folder, handle


@contextmanager
def at_rest(path: Path) -> Iterator[bool]:
    """Whether a file or folder is there, and no process, in any container, has locked it.

    It stays so during the block.
    """
    with ExitStack() as stack:
        try:
            # a network file system locks only files that are open for writing
            handle = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
            stack.callback(os.close, handle)
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            yield False
            return
        yield True


def sync(path: Path) -> None:
    """Sync a file, or the names in a folder, to the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _is_same(one: Path, other: Path) -> bool:
    try:
        return not stat.S_ISCHR(one.stat().st_mode) and one.samefile(other)
    except OSError:  # one does not exist yet
        return os.path.realpath(one) == os.path.realpath(other)


def _streams(path: Path) -> bool:
    """Whether to write to a path directly: a pipe, a device, or an open file of this process."""
    return bool(_OWN_DESCRIPTOR.fullmatch(str(path))) or (
        path.exists() and not (path.is_file() or path.is_dir())
    )


@contextmanager
def _part_of(path: Path) -> Iterator[Path]:
    """A new, empty, locked file. At the end it is removed, unless it was renamed."""
    with ExitStack() as stack:
        part = stack.enter_context(_temporary_file()) if _streams(path) else _neighbour(path)
        stack.callback(part.unlink, missing_ok=True)
        stack.enter_context(_locked(part))
        yield part


@contextmanager
def _locked(part: Path) -> Iterator[None]:
    """Keep a part locked, at most until this process ends."""
    while True:
        with part.open("ab") as file:
            # only the sweeper checks the lock, in the data folder; other disks may lack locks
            with suppress(OSError):
                fcntl.flock(file, fcntl.LOCK_EX)
            # the sweeper may have removed it before it was locked
            if part.exists():
                yield
                return


@contextmanager
def _temporary_file() -> Iterator[Path]:
    with scratch_folder() as folder:
        part = folder / "part"
        with _needs_temporary_files():
            part.touch()
        yield part


def _neighbour(path: Path) -> Path:
    """A part in the folder of a regular file, with the mode of the file that it replaces."""
    try:
        real = Path(os.path.realpath(path))
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, "it is a folder")
        mode = stat.S_IMODE(path.stat().st_mode) if path.exists() else None
        if mode is not None and not os.access(path, os.W_OK):
            raise PermissionError(errno.EACCES, "it is write-protected")
        part = real.with_name(f".{os.getpid()}-{threading.get_ident()}-{real.name}")
        part.touch()
        if mode is not None:
            part.chmod(mode)
    except OSError as error:
        raise _cannot_write(path, error) from None
    return part


def _write_through(part: Path, path: Path) -> None:
    """Copy a part into a pipe or a device. A pipe waits for its reader."""
    own = _OWN_DESCRIPTOR.fullmatch(str(path))
    try:
        target = _descriptor(own) if own else os.open(path, os.O_WRONLY)
        with os.fdopen(target, "wb") as into, part.open("rb") as file:
            shutil.copyfileobj(file, into)
    except BrokenPipeError:
        raise
    except OSError as error:
        raise _cannot_write(path, error) from None


def _descriptor(own: re.Match[str]) -> int:
    """A second descriptor of an open file of this process, at the same position."""
    number, *standard, other = own.groups()
    return os.dup(int(number or other or [bool(name) for name in standard].index(True)))


@contextmanager
def _needs_temporary_files() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if is_disk_full(error):
            raise of_os(error) from error
        raise BadSetting(
            "No folder for temporary files is usable. Set TMPDIR to a writable folder."
        ) from None


def _cannot_write(path: Path, error: OSError) -> Exception:
    if is_disk_full(error):
        return of_os(error)
    return CannotWrite(path, error)
