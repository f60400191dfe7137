"""How glibc divides the heap of a process that diffs."""

import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

from diffing.engine.samples import write_sample

DIFF = """
import ctypes, sys
from diffing.cli.main import app

app(sys.argv[2:], standalone_mode=False)
libc = ctypes.CDLL(None)
libc.fopen.restype = ctypes.c_void_p
file = ctypes.c_void_p(libc.fopen(sys.argv[1].encode(), b"w"))
libc.malloc_info(0, file)
libc.fclose(file)
"""

BLOCKS = """
import resource
from diffing.sandbox.malloc import set_up_heap

set_up_heap(2)
for times in range(1000):
    bytes([1]) * 512 * 1024
    if times == 9:
        faults = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - faults)
"""

pytestmark = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="there is no glibc")


def test_the_memory_of_a_block_is_used_again_for_the_next_one() -> None:
    done = subprocess.run(
        [sys.executable, "-c", BLOCKS], capture_output=True, text=True, timeout=60, check=True
    )

    # else the kernel would fill 128 pages with zeros for each
    assert int(done.stdout) < 1000


@pytest.mark.slow
def test_the_threads_of_a_diff_share_few_arenas(tmp_path: Path) -> None:
    old, new, info = (tmp_path / name for name in ("old.csv", "new.csv", "info.xml"))
    write_sample("revenue", 200_000, old, new)
    files = ("--old", old, "--new", new, "--output", tmp_path / "out.csv")
    subprocess.run(
        [sys.executable, "-c", DIFF, info, "diff", "--metric", "revenue", *files],
        env={**os.environ, "DIFFING_THREADS": "2"},
        timeout=60,
        check=True,
    )

    # those of the three threads that the command line has by then; else 14
    assert info.read_text().count("<heap nr=") <= 3
