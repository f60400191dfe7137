"""The dialect of a CSV file: its encoding, delimiter and quote, and the lines around its rows."""

import codecs
from collections.abc import Mapping
from typing import Annotated, Any, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    ValidationError,
    field_validator,
    model_serializer,
    model_validator,
)

from diffing.core.text import faults

SIDES = ("old_dialect", "new_dialect")
"""The fields of a comparison that have a dialect."""

ENCODINGS = ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252", "latin-1")
_MOST_LINES = 10_000
_CODECS = {codecs.lookup(name).name: name for name in ENCODINGS}
_TAB = {"tab": "\t", r"\t": "\t"}
# the last two are a no-break space and a narrow one
_THOUSANDS = ".,'_ \u00a0\u202f"
_NEVER = frozenset("\r\n\0\ufeff")


def _delimiter(text: str) -> str:
    sign = _TAB.get(text, text)
    if len(sign) != 1 or sign in _NEVER:
        raise ValueError("must be a single character, or tab")
    return sign


def _quote(text: str) -> str:
    sign = "" if text == "none" else text
    if len(sign) > 1 or sign in _NEVER or sign == " ":
        raise ValueError("must be a single character, or none")
    return sign


def _encoding(text: str) -> str:
    try:
        return _CODECS[codecs.lookup(text).name]
    except (LookupError, ValueError):
        raise ValueError(f"must be one of {', '.join(ENCODINGS)}") from None


def _decimal(text: str) -> str:
    if text not in (".", ","):
        raise ValueError("must be a point or a comma")
    return text


def _thousands(text: str) -> str:
    sign = "" if text == "none" else text
    if len(sign) > 1 or sign not in _THOUSANDS:
        raise ValueError("must be a comma, a point, an apostrophe, an underscore, a space, or none")
    return sign


Decimal = Annotated[str, AfterValidator(_decimal)]
Thousands = Annotated[str, AfterValidator(_thousands)]
Delimiter = Annotated[str, AfterValidator(_delimiter)]
Quote = Annotated[str, AfterValidator(_quote)]
Encoding = Annotated[str, AfterValidator(_encoding)]
Lines = Annotated[int, Field(strict=True, ge=0, le=_MOST_LINES)]


class Dialect(BaseModel):
    """How a CSV file is written. A field that is None has its usual value.

    Args:
        delimiter: between fields; `tab` is also a name. Usual: a comma, in `.tsv` files a tab.
        quote: around fields, doubled inside; empty or `none` without quotes. Usual: `"`.
        encoding: one of ENCODINGS. Usual: utf-8.
        skip_lines: lines above the header to ignore.
        skip_footer: lines at the end to ignore; blank lines do not count.
        decimal: the decimal sign of values. Usual: a point.
        thousands: the sign between thousands of values; empty or `none` without one, as usual.
        sniff: find the fields that are None in the file itself, but for decimal and thousands.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    delimiter: Delimiter | None = None
    quote: Quote | None = None
    encoding: Encoding | None = None
    skip_lines: Lines | None = None
    skip_footer: Lines | None = None
    decimal: Decimal | None = None
    thousands: Thousands | None = None
    sniff: Annotated[bool, Field(strict=True)] | None = None

    @field_validator("*", mode="before")
    @classmethod
    def _is_given(cls, value: object) -> object:
        if value is None:
            raise ValueError("must be left out, or have a value")
        return value

    @model_validator(mode="after")
    def _signs_differ(self) -> Self:
        if self.quote and self.quote == (self.delimiter or ","):
            raise ValueError("`quote` and `delimiter` must differ")
        if self.delimiter == '"' and self.quote is None:
            raise ValueError('a delimiter of " needs another quote')
        if self.thousands and self.thousands == (self.decimal or "."):
            raise ValueError("`decimal` and `thousands` must differ")
        return self

    @model_serializer(mode="wrap")
    def _without_none(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {name: value for name, value in dump(self).items() if value is not None}


class FullDialect(Dialect):
    """A dialect without None."""

    delimiter: Delimiter = ","
    quote: Quote = '"'
    encoding: Encoding = "utf-8"
    skip_lines: Lines = 0
    skip_footer: Lines = 0
    decimal: Decimal = "."
    thousands: Thousands = ""

    @property
    def is_read_as_it_is(self) -> bool:
        """Whether such a file is what SQL reads."""
        lines = self.skip_lines or self.skip_footer
        return self._has_plain_fields and self.encoding in ("utf-8", "utf-8-sig") and not lines

    @property
    def has_plain_numbers(self) -> bool:
        """Whether numbers are written as SQL reads them."""
        return (self.decimal, self.thousands) == (".", "")

    @property
    def is_written_as_it_is(self) -> bool:
        """Whether SQL writes such a file."""
        return self._has_plain_fields and self.encoding == "utf-8" and self.has_plain_numbers

    @property
    def _has_plain_fields(self) -> bool:
        return (self.delimiter, self.quote) == (",", '"')


PLAIN = FullDialect()
"""The dialect that SQL reads and writes."""

NAMES = tuple(Dialect.model_fields)
"""The fields of a dialect."""


def by_side(options: Mapping[str, Any]) -> dict[str, Any]:
    """Options in which each field of a dialect belongs to a side.

    Args:
        options: fields of a comparison. Fields of `Dialect` among them count for both sides,
            unless a side has its own.

    Raises:
        ValueError: a field for both sides is invalid.
    """
    both = {name: options[name] for name in NAMES if name in options}
    try:
        Dialect.model_validate(both)
    except ValidationError as error:
        raise ValueError(faults(error)) from None
    rest = {name: value for name, value in options.items() if name not in NAMES}
    for side in SIDES if both else ():
        own = rest.get(side, {})
        if isinstance(own, Dialect):
            own = own.model_dump()
        rest[side] = {**both, **own} if isinstance(own, Mapping) else own
    return rest
