"""The C library's heap, from which DuckDB takes its memory."""

import ctypes

_M_ARENA_MAX = -8  # malloc.h


def limit_arenas(number: int) -> None:
    """Have glibc make no further arena of the heap when there are so many.

    By itself it makes up to eight for each processor, and each keeps some of what was freed: a
    diff takes a tenth more memory then, and no less time. Other C libraries have no arenas.
    """
    libc = ctypes.CDLL(None)
    if hasattr(libc, "mallopt"):
        libc.mallopt(_M_ARENA_MAX, number)
