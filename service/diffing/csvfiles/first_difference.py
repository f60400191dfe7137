"""Finds the first byte at which two texts differ."""


def first_difference(a: bytes, b: bytes, i: int, j: int) -> int:
    """The offset in `a` of the first difference, compared from i and j on, or of an end."""
    step = 512
    while a[i : i + step] == b[j : j + step]:
        if i + step >= len(a) or j + step >= len(b):
            break
        i, j = i + step, j + step
        step = min(2 * step, 64 * 1024)
    step = min(step, len(a) - i, len(b) - j)
    if a[i : i + step] == b[j : j + step]:
        return i + step
    while step > 1:
        half = step // 2
        if a[i : i + half] == b[j : j + half]:
            i, j, step = i + half, j + half, step - half
        else:
            step = half
    return i
