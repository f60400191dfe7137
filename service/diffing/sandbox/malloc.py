"""The heap of the C library, which DuckDB uses."""

import ctypes

_M_ARENA_MAX = -8  # malloc.h


def limit_arenas(number: int) -> None:
    """Limit the number of arenas in the heap of glibc.

    By default, glibc creates up to eight arenas per processor, and each retains freed memory. A
    diff then needs 10 % more memory, and is not faster. Other C libraries have no arenas.
    """
    libc = ctypes.CDLL(None)
    if hasattr(libc, "mallopt"):
        libc.mallopt(_M_ARENA_MAX, number)
