"""The kinds of columns and the rules of fields, written plainly: without the code under test."""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True)
class Rules:
    """The kinds of columns, and the rules of all fields; the names are those of a comparison."""

    text: Sequence[str] = ()
    time: Sequence[str] = ()
    time_tol: str | None = None
    trim: bool = False
    nocase: bool = False
    empty: Sequence[str] = ()

    def form(self, text: str) -> str:
        """The text that is compared."""
        found = self.without_blanks_and_case(text)
        return "" if found in map(self.without_blanks_and_case, self.empty) else found

    def without_blanks_and_case(self, text: str) -> str:
        while self.trim and text and is_blank(text[0]):
            text = text[1:]
        while self.trim and text and is_blank(text[-1]):
            text = text[:-1]
        return "".join(map(folded, text)) if self.nocase else text

    def kind(self, column: str) -> str:
        return "text" if column in self.text else "time" if column in self.time else "number"

    @property
    def tolerance_of_times(self) -> timedelta:
        digits, unit = re.fullmatch(r"(\d+)(\w+)", self.time_tol or "0s").groups()  # type: ignore[union-attr]
        return int(digits) * UNITS[unit]


UNITS = {
    "us": timedelta(microseconds=1),
    "ms": timedelta(milliseconds=1),
    "s": timedelta(seconds=1),
    "min": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
}
PLAIN = Rules()


def folded(character: str) -> str:
    fold = character.casefold()
    return fold if len(fold) == 1 or character in "ßẞİ" else character.lower()


def is_blank(character: str) -> bool:
    spaces = "\t\n\v\f\r\x85\u200b\ufeff"
    return unicodedata.category(character).startswith("Z") or character in spaces


DATES = ("%Y-%m-%d", "%Y%m%d")
TIMES = ("%H", "%H:%M", "%H%M", "%H:%M:%S", "%H%M%S")


def instant(text: str) -> tuple[bool, timedelta] | None:
    """Whether a time has a zone, and its distance from 1970; None if it is no ISO 8601."""
    if not text.isascii() or text[4:5].strip() == "" or len(text) < 8:
        return None
    day, clock = text, ""
    for size in (8, 10):
        if text[size : size + 1] in {"T", "t", " "}:
            day, clock = text[:size], text[size + 1 :]
            if not clock:
                return None
    zoned, offset = bool(clock) and clock[-1] in "Zz", timedelta()
    clock = clock[:-1] if zoned else clock
    if found := re.search(r"([+-])(\d\d)(?::?(\d\d))?$", clock):
        sign, hours, minutes = found[1], int(found[2]), int(found[3] or 0)
        if zoned or hours > 23 or minutes > 59:
            return None
        zoned, clock = True, clock[: found.start()]
        offset = timedelta(hours=hours, minutes=minutes) * (1 if sign == "+" else -1)
    clock, point, fraction = clock.replace(",", ".").partition(".")
    if point and not (fraction.isdigit() and re.fullmatch(r"\d\d:\d\d:\d\d|\d{6}", clock)):
        return None
    # datetime has no year 0; the calendar repeats after 400 years of 146,097 days
    is_year_0 = day.startswith("0000")
    day = f"0400{day[4:]}" if is_year_0 else day
    found_day, found_clock = read(day, DATES), read(clock, TIMES) if clock else datetime(1900, 1, 1)
    if found_day is None or found_clock is None or (zoned and not clock):
        return None
    offset += timedelta(days=146_097) if is_year_0 else timedelta()
    since = found_day - datetime(1970, 1, 1) + (found_clock - datetime(1900, 1, 1))
    return zoned, since + timedelta(microseconds=int((fraction + "000000")[:6])) - offset


def read(text: str, forms: Sequence[str]) -> datetime | None:
    for form in forms:
        digits = re.sub("%.", r"\\d\\d", form.replace("%Y", "%Y%y"))
        # strptime accepts 61 seconds, and too few digits
        if re.fullmatch(digits, text) and not (form.endswith("%S") and text[-2:] > "59"):
            try:
                return datetime.strptime(text, form)
            except ValueError:
                return None
    return None


def times_equal(a: str, b: str, tolerance: timedelta) -> bool:
    return are_close(instant(a), instant(b), tolerance)


Instant = tuple[bool, timedelta] | None


def are_close(a: Instant, b: Instant, tolerance: timedelta) -> bool:
    return a is not None and b is not None and a[0] == b[0] and abs(a[1] - b[1]) <= tolerance
