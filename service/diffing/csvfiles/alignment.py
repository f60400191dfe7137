"""Finds stretches of lines that two files share, byte for byte."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from diffing.csvfiles.stretches import Stretches
from diffing.csvfiles.walk import SMALL, Walk, opened


def shared_stretches(
    old: Path,
    new: Path,
    body: int,
    on_step: Callable[[int], None] = lambda _: None,
    on_block: Callable[[int, int, bytes], None] = lambda *_: None,
) -> Stretches:
    """Find the stretches that two files share below their headers.

    Args:
        old: an uncompressed file.
        new: another one.
        body: the end of the header in both.
        on_step: called often, with the bytes of new that are done; an exception ends the search.
        on_block: called with most blocks that are read: 0 for old or 1 for new, the offset, and the
            bytes.

    Returns:
        Stretches of whole lines. The last line of both files may lack its end.

    Raises:
        Irreducible: they share too little.
    """
    with opened(old) as of_old, opened(new) as of_new:
        walk = Walk(of_old, of_new, body, on_step, on_block)
        if of_new.size > SMALL:
            walk.require_places()
        return walk.run()
