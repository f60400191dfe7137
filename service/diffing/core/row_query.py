"""A question for rows of a result: which ones, in which order, and after which one."""

import base64
import hashlib
import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Self
from urllib.parse import urlencode

from diffing.core.csv_record import fields_of, line_of
from diffing.core.errors import BadArgument
from diffing.core.text import shown

KINDS = ("added", "changed", "removed")
"""The kinds of rows."""

ORDERS = ("file", "relative", "moved")
"""The orders: of the files, or the largest relative change or difference first."""

DIRECTIONS = ("up", "down")
"""The directions in which a number moved."""

PARAMETERS = ("kind", "key", "column", "least", "below", "direction", "order", "cursor")
"""The query parameters of a question."""

# of pages and downloads with other contents
_VERSION = 2

Texts = Sequence[str]


@dataclass(frozen=True)
class RowQuery:
    """A question.

    Args:
        kinds: of the rows.
        key: place of a key column, from 1, and its text; None for an empty field.
        nth: place of the value column that must differ; 0 for any row.
        least, below: bounds of the relative change: of that column, or else the largest one.
        direction: of the number; None for any.
        order: of the rows.
        after: rank and number of the last row of the page before.
    """

    kinds: tuple[str, ...] = KINDS
    key: tuple[tuple[int, str | None], ...] = ()
    nth: int = 0
    least: float | None = None
    below: float | None = None
    direction: str | None = None
    order: str = ORDERS[0]
    after: tuple[float | None, int] | None = None

    @classmethod
    def of(cls, given: "Given", key: Texts, value: Texts) -> Self:
        """The question in the parameters of a request. Empty ones ask for everything.

        Args:
            given: the parameters.
            key: the key columns.
            value: the value columns.

        Raises:
            BadArgument: a parameter is invalid; the text names it.
        """
        kinds = [_one_of("kind", text, KINDS) for text in given.all("kind")]
        order = given.one("order")
        direction = given.one("direction")
        found = cls(
            kinds=tuple(kind for kind in KINDS if kind in kinds) or KINDS,
            key=_key_in(given.key, key),
            nth=_place_in(given.one("column"), value),
            least=_bound_in("least", given.one("least")),
            below=_bound_in("below", given.one("below")),
            direction=_one_of("direction", direction, DIRECTIONS) if direction else None,
            order=_one_of("order", order, ORDERS) if order else ORDERS[0],
            after=_place_after(given.one("cursor")),
        )
        if len(value) > 1 and not found.nth and (found.direction or found.order == "moved"):
            name = "direction" if found.direction else "order"
            raise BadArgument(f"{name}: name a column too, because each may have its own unit.")
        return found

    @classmethod
    def of_json(cls, ask: dict[str, Any]) -> Self:
        """The question that `as_json` made."""
        after = ask["after"]
        return cls(
            **{
                **ask,
                "kinds": tuple(ask["kinds"]),
                "key": tuple((place, text) for place, text in ask["key"]),
                "after": tuple(after) if after else None,
            }
        )

    def as_json(self) -> dict[str, Any]:
        """The question as JSON values."""
        return asdict(self)

    @property
    def digest(self) -> str:
        """A name for the answer."""
        text = json.dumps([_VERSION, self.as_json()], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:24]

    @property
    def whole(self) -> Self:
        """The same question without a page."""
        return replace(self, after=None)

    @property
    def is_up(self) -> bool | None:
        """Whether numbers must be more; None for any."""
        return None if self.direction is None else self.direction == DIRECTIONS[0]


@dataclass(frozen=True)
class Given:
    """Parameters of a request, by name: all their texts, without empty ones but in `key`.

    Args:
        pairs: names and texts.
    """

    pairs: Sequence[tuple[str, str]]

    @property
    def key(self) -> Texts:
        """The texts of `key`, in the order of the key columns."""
        return [text for name, text in self.pairs if name == "key"]

    def all(self, name: str) -> Texts:
        """The texts of a parameter."""
        return [text for one, text in self.pairs if one == name and text]

    def one(self, name: str) -> str:
        """The text of a parameter that may be given once; empty without one.

        Raises:
            BadArgument: it is given several times.
        """
        texts = self.all(name)
        if len(texts) > 1:
            raise BadArgument(f"{name} is given {len(texts)} times. Give it once.")
        return texts[0] if texts else ""


def cursor_of(rank: float | None, row: int) -> str:
    """The cursor of the page after a row."""
    return base64.urlsafe_b64encode(json.dumps([rank, row]).encode()).decode().rstrip("=")


def query_of_key(column: str, text: str | None, key: Texts) -> str:
    """The query of a URL for the rows with a text in a key column.

    Args:
        column: the key column.
        text: None for an empty field.
        key: the key columns.
    """
    is_quoted = not text or text.startswith('"')
    wanted = line_of([text or ""]) if is_quoted else text or ""
    place = key.index(column)
    return urlencode([("key", wanted if n == place else "") for n in range(place + 1)])


def _place_after(cursor: str) -> tuple[float | None, int] | None:
    if not cursor:
        return None
    try:
        text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        rank, row = json.loads(text)
        if not isinstance(row, int) or isinstance(row, bool) or not 0 < row < 2**63:
            raise ValueError
        found = None if rank is None else float(rank)
        if found is not None and not math.isfinite(found):
            raise ValueError
    except (ValueError, TypeError, OverflowError, RecursionError):
        raise BadArgument("cursor must be the `next` of the previous page.") from None
    return found, row


def _key_in(texts: Texts, key: Texts) -> tuple[tuple[int, str | None], ...]:
    if len(texts) > len(key):
        raise BadArgument(f"key: {len(texts)} texts for {len(key)} key columns.")
    return tuple(
        (place, _text_in(text, key[place - 1])) for place, text in enumerate(texts, 1) if text
    )


def _text_in(text: str, column: str) -> str | None:
    """The text of a key column. A text that begins with a quote is a CSV field."""
    if "\x00" in text:
        raise BadArgument(f"key: the text of {shown(column)} contains a NUL character.")
    if not text.startswith('"'):
        return text
    try:
        (field,) = fields_of(text)
    except ValueError:
        raise BadArgument(
            f"key: the text of {shown(column)} begins with a quote, but is not a CSV field."
        ) from None
    return field or None


def _place_in(column: str, value: Texts) -> int:
    if not column:
        return 0
    if column not in value:
        names = ", ".join(shown(name) for name in value[:20])
        raise BadArgument(f"column: {shown(column)} is not a value column. Value columns: {names}.")
    return value.index(column) + 1


def _bound_in(name: str, text: str) -> float | None:
    if not text:
        return None
    try:
        bound = float(text)
    except ValueError:
        bound = math.nan
    if not (math.isfinite(bound) and bound >= 0):
        raise BadArgument(f"{name} must be a number from 0, such as 0.01; it is {shown(text)}.")
    return bound


def _one_of(name: str, text: str, known: Texts) -> str:
    if text not in known:
        raise BadArgument(f"{name} must be one of {', '.join(known)}; it is {shown(text)}.")
    return text
