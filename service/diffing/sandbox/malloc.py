"""The heap of the C library, which DuckDB and numpy use."""

import ctypes

# malloc.h
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8
_LARGE = 4 * 1024 * 1024


def set_up_heap(arenas: int) -> None:
    """Set up the heap of glibc for blocks of files. Other C libraries have no such settings.

    By default, glibc creates up to eight arenas per processor, and each retains freed memory. A
    diff then needs 10 % more memory, and is not faster. Blocks of 128 KiB and more come from the
    kernel, which fills each with zeros, until some of that size were freed.

    Args:
        arenas: their greatest number.
    """
    libc = ctypes.CDLL(None)
    if hasattr(libc, "mallopt"):
        libc.mallopt(_M_ARENA_MAX, arenas)
        libc.mallopt(_M_MMAP_THRESHOLD, _LARGE)
        libc.mallopt(_M_TRIM_THRESHOLD, 2 * _LARGE)
