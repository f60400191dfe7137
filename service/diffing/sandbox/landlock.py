"""Restricts a process to given files, with the kernel's Landlock."""

import ctypes
import os
import sys
import sysconfig
from collections.abc import Iterable
from pathlib import Path

# From <linux/landlock.h>. The numbers of the calls are the same on all processors.
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_TELL_VERSION, _BENEATH, _NO_TCP, _NO_SIGNALS_OR_SOCKETS = 1, 1, 3, 3
_WRITE_FILE, _READ_FILE, _READ_DIR, _REMOVE_FILE = 1 << 1, 1 << 2, 1 << 3, 1 << 5
_MAKE_FILE, _TRUNCATE = 1 << 8, 1 << 14
_PR_SET_NO_NEW_PRIVS = 38

_READ = _READ_FILE | _READ_DIR
_OF_FILES = _READ_FILE | _WRITE_FILE | _TRUNCATE

# Code that may be loaded later, and facts about the machine; no user's data. The fork server looks
# them up once, for all children.
_SURROUNDINGS = [
    place
    for place in (
        *(Path(sysconfig.get_path(n)) for n in ("stdlib", "platstdlib", "purelib", "platlib")),
        *(Path(sys.base_prefix, "lib"), Path(__file__).parents[1]),
        *map(Path, ("/usr/lib", "/lib", "/lib64", "/etc/ld.so.cache", "/etc/localtime")),
        # DuckDB ends the process if it cannot read the first
        *map(Path, ("/proc/self/cgroup", "/sys/fs/cgroup", "/sys/devices/system/cpu")),
        *map(Path, ("/proc/self/status", "/proc/meminfo", "/proc/stat")),
    )
    if place.exists()
]

_libc = ctypes.CDLL(None, use_errno=True)
_kept_open: list[int] = []


class _Beneath(ctypes.Structure):
    _pack_ = 1
    _layout_ = "ms"
    _fields_ = (("rights", ctypes.c_uint64), ("path", ctypes.c_int32))


def version() -> int:
    """The version of Landlock in the kernel; 0 without Landlock."""
    return max(0, int(_libc.syscall(_CREATE_RULESET, None, 0, _TELL_VERSION)))


def enclose(
    *, read: Iterable[Path], write: Iterable[Path], rename: Iterable[Path], own: Iterable[Path]
) -> None:
    """Deny this thread, and threads it starts, all other files, TCP, and signals to others.

    The thread may still load code, and inspect itself. Open files stay open. Without Landlock, the
    thread only loses the ability to gain rights.

    Args:
        read: files to read, or folders with their content.
        write: files to read and write.
        rename: folders in which files may be created, renamed and removed, but not read or written.
        own: folders in which everything is allowed.

    Raises:
        OSError: the kernel refuses, or a path is missing.
    """
    _checked(_libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
    if not (known := version()):
        return
    every = (1 << (13 if known < 2 else 14 if known < 3 else 15 if known < 5 else 16)) - 1
    handled = (every, *([_NO_TCP] * (known >= 4)), *([_NO_SIGNALS_OR_SOCKETS] * (known >= 6)))
    attributes = (ctypes.c_uint64 * len(handled))(*handled)
    ruleset = _checked(_libc.syscall(_CREATE_RULESET, attributes, ctypes.sizeof(attributes), 0))
    given = [
        *((path, _READ) for path in (*_SURROUNDINGS, *read)),
        *((path, _OF_FILES) for path in (Path("/dev/null"), *write)),
        *((path, _READ_DIR | _REMOVE_FILE | _MAKE_FILE) for path in rename),
        *((path, every) for path in own),
    ]
    for path, rights in given:
        # kept open: the kernel may drop a closed file of /proc, together with its rule
        _kept_open.append(handle := os.open(path, os.O_PATH | os.O_CLOEXEC))
        allowed = rights if path.is_dir() else rights & _OF_FILES
        rule = _Beneath(allowed & every, handle)
        _checked(_libc.syscall(_ADD_RULE, ruleset, _BENEATH, ctypes.byref(rule), 0))
    _checked(_libc.syscall(_RESTRICT_SELF, ruleset, 0))
    os.close(ruleset)


def _checked(result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"Landlock: {os.strerror(number)}")
    return result
