"""Sorts out many texts at once: some are surely numbers, others surely none.

Most numbers are digits with at most one point between them. The few other texts are for
`equality.sql` to decide.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from diffing.csvfiles.fields import Numbers
from diffing.engine.words import BYTES, Words, words_of

_LONGEST = 24


def _all(byte: int) -> np.uint64:
    """A word of the same byte."""
    return np.uint64(int.from_bytes(bytes([byte]) * BYTES))


_ZEROS, _POINTS, _SIXES, _THREES = _all(ord("0")), _all(ord(".")), _all(6), _all(0x33)
_LOW_BITS, _HIGH_HALVES = _all(0x7F), _all(0xF0)
_MINUS_TO_ZERO, _POINT_TO_ZERO = np.uint64(ord("-") ^ ord("0")), np.uint64(ord(".") ^ ord("0"))
_FOUR, _SEVEN, _FIRST_BYTE = np.uint64(4), np.uint64(7), np.uint64(0xFF)

# No number begins with these: only infinities and NaN begin with a letter.
_NO_NUMBER = np.zeros(256, np.bool_)
_NO_NUMBER[ord("9") + 1 :] = True
_NO_NUMBER[list(b"iInN")] = False


@dataclass(frozen=True)
class Doubtful:
    """The result for many fields.

    Args:
        fields: the fields that may be numbers or not, by their place.
        no_numbers: the number of other fields that are neither empty nor a number.
    """

    fields: Numbers
    no_numbers: int


def without_plain_numbers(text: bytes, starts: Numbers, lengths: Numbers) -> Doubtful:
    """Leave out the fields that are empty, plain numbers, or surely no numbers.

    Args:
        text: has BYTES more bytes than the last field.
        starts: the offset of each field.
        lengths: their sizes in bytes.
    """
    plain = lengths == 0
    if not plain.all():
        plain |= _are_plain(text, starts, lengths)
    doubtful = np.flatnonzero(~plain)
    if not len(doubtful):
        return Doubtful(doubtful, 0)
    first = np.frombuffer(text, np.uint8)[starts[doubtful]]
    none = _NO_NUMBER[first]
    return Doubtful(doubtful[~none], int(np.count_nonzero(none)))


def _are_plain(text: bytes, starts: Numbers, lengths: Numbers) -> NDArray[np.bool_]:
    """Whether each field is digits, with a minus before and a point between them at most."""
    last = np.frombuffer(text, np.uint8)[starts + lengths - 1]
    plain: NDArray[np.bool_] = last - np.uint8(ord("0")) < 10
    plain &= lengths <= _LONGEST
    points = np.zeros(len(starts), np.uint8)
    for number, (word, fields) in enumerate(
        words_of(text, starts, np.minimum(lengths, _LONGEST), _ZEROS)
    ):
        if not number:
            first = word & _FIRST_BYTE
            word ^= (first == ord("-")) * _MINUS_TO_ZERO
            plain[fields] &= first != ord(".")
        point = _zero_bytes(word ^ _POINTS)
        points[fields] += np.bitwise_count(point)
        point *= _POINT_TO_ZERO
        word ^= point
        plain[fields] &= _are_digits(word)
    plain &= points <= 1
    return plain


def _zero_bytes(word: Words) -> Words:
    """1 in each byte that is zero, and 0 in the others."""
    found = word & _LOW_BITS
    found += _LOW_BITS
    found |= word
    found |= _LOW_BITS
    np.invert(found, out=found)
    found >>= _SEVEN
    return found


def _are_digits(word: Words) -> NDArray[np.bool_]:
    """Whether all bytes are digits: 0x30 to 0x39, so adding six changes no high half."""
    high = word + _SIXES
    high &= _HIGH_HALVES
    high >>= _FOUR
    high |= word & _HIGH_HALVES
    digits: NDArray[np.bool_] = high == _THREES
    return digits
