"""Digests are taken from the blocks that a diff has read, and from the files."""

import hashlib
import threading
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from diffing.core.errors import Interrupted
from diffing.core.input_file import InputFile
from diffing.files.digests import Digests
from tests.conftest import examples

CONTENTS = b"the old file, as long as new", b"the new file"


def files(folder: Path) -> list[InputFile]:
    """The old and the new file."""
    paths = folder / "old.csv", folder / "new.csv"
    for path, content in zip(paths, CONTENTS, strict=True):
        path.write_bytes(content)
    return [InputFile(path, path.name) for path in paths]


def awaiting(folder: Path) -> Digests:
    return Digests(files(folder), threading.Event(), awaits_blocks=True)


def sha256s(*contents: bytes) -> list[str]:
    return [hashlib.sha256(content).hexdigest() for content in contents]


@given(
    st.lists(st.tuples(st.sampled_from([0, 1]), st.integers(0, 30), st.integers(0, 30)), max_size=9)
)
@settings(max_examples=examples(100), deadline=None)
def test_any_blocks_in_any_order_give_the_digests_of_the_files(
    tmp_path_factory: pytest.TempPathFactory, offered: list[tuple[int, int, int]]
) -> None:
    with awaiting(tmp_path_factory.mktemp("files")) as digests:
        for place, offset, length in offered:
            block = CONTENTS[place][offset : offset + length]
            digests.offer(place, min(offset, len(CONTENTS[place])), block)

        assert sha256s(*CONTENTS) == digests.wait()


def test_a_block_that_is_offered_is_not_read_again(tmp_path: Path) -> None:
    with awaiting(tmp_path) as digests:
        digests.offer(1, 4, b"NEW")

        assert sha256s(CONTENTS[0], b"the NEW file") == digests.wait()


def test_more_blocks_than_the_thread_can_take_are_read_from_the_file(tmp_path: Path) -> None:
    with awaiting(tmp_path) as digests:
        for _ in range(1000):
            for offset in range(len(CONTENTS[0])):
                digests.offer(0, offset, CONTENTS[0][offset : offset + 1])

        assert sha256s(*CONTENTS) == digests.wait()


def test_a_file_that_cannot_be_read_is_an_error_of_the_digest(tmp_path: Path) -> None:
    old, new = files(tmp_path)
    old.path.unlink()
    old.path.mkdir()
    with Digests([old, new], threading.Event(), awaits_blocks=True) as digests:
        digests.offer(0, 0, b"the")

        with pytest.raises(IsADirectoryError):
            digests.wait()


def test_digests_that_are_not_wanted_any_more_read_nothing(tmp_path: Path) -> None:
    interrupted = threading.Event()
    with Digests(files(tmp_path), interrupted, awaits_blocks=True) as digests:
        interrupted.set()

        with pytest.raises(Interrupted):
            digests.wait()
