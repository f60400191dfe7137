"""Random pairs of texts, as files have them, against the reference: hashes, ids, dates, money."""

import random
import string
from collections.abc import Callable
from typing import Any

import pytest

from tests import reference
from tests.conftest import DiffTexts, examples, one_in

PAIRS = examples(9_000)
_WORDS = (
    *("inf", "-inf", "Infinity", "NaN", "-nan", "INF", "1e400", "1e-400", "0e99999", "0", "-0"),
    *(
        "00",
        "0.0",
        "1_000",
        "1__0",
        "_1",
        "1_",
        " 1",
        "1 ",
        "\t1",
        "\xa01",
        "0x10",
        "1,5",
        "\u0661",
        "",
    ),
)


def _digits(random: random.Random, most: int) -> str:
    return "".join(random.choices(string.digits, k=random.randint(1, most)))


# each kind of text that a value column may hold
_KINDS: tuple[Callable[[random.Random], str], ...] = (
    lambda r: f"{r.getrandbits(48):012x}",
    lambda r: f"{r.getrandbits(256):064x}"[: r.choice([7, 12, 16, 20, 40, 64])],
    lambda r: _digits(r, 25),
    lambda r: f"{r.randint(1900, 2100)}-{r.randint(1, 12):02}-{r.randint(1, 28):02}",
    lambda r: f"{r.choice(['', '$', '-', '€ '])}{r.random() * 10 ** r.randint(0, 9):.2f}",
    lambda r: f"{_digits(r, 6)}{r.choice('eEdD')}{_digits(r, 5)}",
    lambda r: f"{_digits(r, 25)}_{_digits(r, 3)}",
    lambda r: f"{r.randint(0, 9)}.{_digits(r, 9)}_{_digits(r, 8)}e{r.randint(-300, 300)}",
    lambda r: repr(r.uniform(-1, 1) * 10.0 ** r.randint(-320, 307)),
    lambda r: r.choice(_WORDS),
    lambda r: str(r.randint(1_600_000_000, 1_700_000_000)),
    lambda r: _digits(r, 13).zfill(13),
    lambda r: str(r.choice([10**9, 2**53]) + r.randint(-3, 3)),
    lambda r: f"{r.randint(0, 23):02}:{r.randint(0, 59):02}:{r.randint(0, 59):02}",
    lambda r: "".join(r.choices("0123456789abcdef.-+eE_ ", k=r.randint(0, 8))),
)


def _near(random: random.Random, text: str) -> str:
    """The same text, or one that looks like it."""
    place = random.randint(0, len(text))
    head, tail = text[:place], text[place:]
    ways = [
        text,
        head + random.choice(string.hexdigits + "+-._: ") + tail[1:],
        head + tail[1:],
        head + random.choice("0.e+-_ ") + tail,
        f"0{text}",
        f"{text}0",
        f"+{text}",
        f"{text}.0",
        text.swapcase(),
    ]
    if (number := reference.number(text)) is not None:
        ways += [repr(number * (1 + factor)) for factor in (1e-8, 1e-9, 1e-10, 1e-16, -1e-9)]
    return random.choice(ways)


def _pair(random: random.Random) -> tuple[str, str]:
    text = random.choice(_KINDS)(random)
    other = random.choice(_KINDS)(random)
    return text, random.choice([_near(random, text)] * 4 + [other])


@pytest.mark.parametrize("kind", ["texts", "numbers"])
@pytest.mark.parametrize(
    "tolerances",
    one_in(
        2,
        [
            {},
            {"rel_tol": 1e-9},
            {"rel_tol": 0.0},
            {"rel_tol": 0.01},
            {"abs_tol": 1.0},
            {"rel_tol": 0.0, "abs_tol": 1.5},
            {"rel_tol": 1e-6, "abs_tol": 1e-3},
        ],
    ),
    ids=str,
)
def test_random_texts_are_compared_as_the_reference_compares_them(
    diff_texts: DiffTexts, tolerances: dict[str, Any], kind: str
) -> None:
    # a str as a seed is the same in each run
    seeded = random.Random(f"{kind} {tolerances}")
    pairs = [_pair(seeded) for _ in range(PAIRS)]
    if kind == "numbers":
        pairs = [pair for pair in pairs if all(reference.number(text) is not None for text in pair)]
    old, new = (
        reference.csv_of([("id", "v"), *((str(i), pair[side]) for i, pair in enumerate(pairs))])
        for side in (0, 1)
    )

    found = diff_texts(old, new, ["id"], ["v"], **tolerances)

    expected = reference.diff(old, new, ["id"], ["v"], **tolerances)
    assert expected.csv.splitlines() == found.result.decode().splitlines()
    assert (expected.within_tolerance, expected.within_tolerance_whole) == (
        found.summary.within_tolerance,
        found.summary.within_tolerance_whole,
    )
    assert len(pairs) > PAIRS // 4
