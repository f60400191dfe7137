"""Numbers that are not written as in English, such as 1.234,50: compared as 1234.50."""

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cached_property
from itertools import chain

from diffing.core.comparison import Comparison, Options
from diffing.core.csv_record import line_of
from diffing.core.dialect import PLAIN, FullDialect
from diffing.core.errors import BadInput
from diffing.core.input_file import InputFile
from diffing.core.names import free_names
from diffing.core.text import option, shown
from diffing.csvfiles.archives import Copies, unpacked
from diffing.csvfiles.csv_file import CsvFile, reading
from diffing.csvfiles.rewrite import rewrite
from diffing.csvfiles.translate import Translation

Restoring = Callable[[list[str]], list[str]]

_POINT = re.compile(r"\s*[+-]?(?:[\d_]*\.[\d_]*)(?:[eE][+-]?[\d_]+)?\s*", re.ASCII)
# around fields, as `trimmed` of equality.sql has them
_BLANKS = "\t\n\v\f\r \x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000\u200b\ufeff" + "".join(
    map(chr, range(0x2000, 0x200B))
)
_NUMBER = re.compile(r"\s*[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?\s*", re.ASCII)


class Notation:
    """How a file writes numbers.

    Args:
        dialect: of the file.
        rules: its `trim` says whether blanks around a number are ignored, also those that are not
            ASCII. Words of `empty` are no numbers.
    """

    def __init__(self, dialect: FullDialect, rules: Options) -> None:
        self.decimal, self.thousands = dialect.decimal, dialect.thousands
        self._blanks = _BLANKS if rules.trim else ""
        self._nocase = rules.nocase
        self._empty = frozenset(map(self._form, rules.empty))

    def plain(self, text: str) -> str:
        """A number as SQL reads it; any other text as it is.

        Raises:
            ValueError: it would be read as another number than the file means.
        """
        if self._is_empty(text):
            return text
        bare = text.strip(self._blanks)
        if bare == text:
            return self._plain(text)
        begin = text.index(bare)
        return text[:begin] + self._plain(bare) + text[begin + len(bare) :]

    def _plain(self, text: str) -> str:
        if self._numbers.fullmatch(text):
            if self.thousands:
                text = text.replace(self.thousands, "")
            return text.replace(self.decimal, ".")
        if self.decimal != "." and _POINT.fullmatch(text) and any(map(str.isdigit, text)):
            raise ValueError(text)
        return text

    def written(self, text: str) -> str:
        """A number that SQL reads as the file writes it, without thousands separators.

        Raises:
            ValueError: SQL reads a text, but the file would mean a number by it.
        """
        if self._is_empty(text):
            return text
        if _NUMBER.fullmatch(text):
            number = text.replace(".", self.decimal)
            return text if self._is_empty(number) else number
        if self.decimal in text and self._numbers.fullmatch(text.strip(self._blanks)):
            raise ValueError(text)
        return text

    def _is_empty(self, text: str) -> bool:
        return bool(self._empty) and self._form(text) in self._empty

    def _form(self, text: str) -> str:
        """A text as it is compared with the words for an empty field."""
        bare = text.strip(self._blanks)
        return bare.lower() if self._nocase else bare

    @cached_property
    def _numbers(self) -> re.Pattern[str]:
        decimal, thousands = re.escape(self.decimal), re.escape(self.thousands)
        grouped = rf"\d{{1,3}}(?:{thousands}\d{{3}})+(?:{decimal}\d*)?|" if thousands else ""
        number = rf"(?:{grouped}\d+(?:{decimal}\d*)?|{decimal}\d+)"
        return re.compile(rf"\s*[+-]?{number}(?:[eE][+-]?\d+)?\s*", re.ASCII)


def with_plain_numbers(
    file: CsvFile, original: InputFile, comparison: Comparison, copies: Copies
) -> CsvFile:
    """A copy of a file whose values are plain numbers. The last columns have the original texts.

    Args:
        file: a file, from `open_csv`.
        original: the same.
        comparison: with its columns.
        copies: where the copy goes, and how large it may be.

    Raises:
        BadInput: a value is a number in English, but not in the notation of the file. The text
            names the line.
        OutOfDisk: too little space is free.
    """
    notation, values = Notation(file.dialect, comparison), comparison.numbers
    places = [file.columns.index(name) for name in values]
    taken = (*file.columns, *file.names)
    texts_of = free_names(taken, [f"{value} as written" for value in values])
    names = [*file.names, *texts_of]
    with reading(file.name), unpacked(original.path, file.name) as source:
        text = Translation(source, file.name, file.dialect, PLAIN)

        def altered(fields: list[str]) -> list[str]:
            texts = [fields[place] for place in places]
            for place, value in zip(places, texts, strict=True):
                try:
                    fields[place] = notation.plain(value)
                except ValueError:
                    column = file.columns[place]
                    raise _misread(text.place, value, column, notation) from None
            return fields + texts

        text.alter = altered
        copy = copies.write(file.name, chain([f"{line_of(names)}\n"], text.chunks()))
    if file.path != original.path:
        file.path.unlink()
    found = replace(
        file,
        path=copy,
        columns=(*file.columns, *texts_of),
        header=tuple(names) if file.header else (),
        rows=None,
        rewritten=False,
        originals=dict(zip([file.names[place] for place in places], texts_of, strict=True)),
    )
    return rewrite(found, copies.scratch) if "\n" in line_of(names) else found


def restored(
    columns: Sequence[str],
    files: tuple[CsvFile, CsvFile],
    comparison: Comparison,
    *,
    has_olds: bool,
) -> tuple[list[int], Restoring]:
    """How the rows of an output get the texts of a file again.

    Args:
        columns: of the output: those of the file, and others behind them.
        files: the old file, and the one of the rows: from `with_plain_numbers`, or any other.
        comparison: with its columns.
        has_olds: whether the last columns have their old values.

    Returns:
        The places of the columns that stay, and a function that alters a row. It raises BadInput if
        an old text would be read as a number.
    """
    old, file = files
    notation, values = Notation(file.dialect, comparison), comparison.value if has_olds else ()
    places = {name: i for i, name in enumerate(columns)}
    # a detail may leave out value columns
    texts = {places[n]: places[text] for n, text in file.originals.items() if n in places}
    compared = [name for name in values if name in places]
    olds = zip(compared, range(len(columns) - len(compared), len(columns)), strict=True)
    numbers = {place: name for name, place in olds if name in file.originals}
    dropped = {places[text] for text in file.originals.values()}
    kept = [place for place in range(len(columns)) if place not in dropped]

    def alter(fields: list[str]) -> list[str]:
        for place, text in texts.items():
            fields[place] = fields[text]
        for place, name in numbers.items():
            try:
                fields[place] = notation.written(fields[place])
            except ValueError:
                raise _ambiguous(old.name, fields[place], name, file) from None
        return [fields[place] for place in kept]

    return kept, alter


def _misread(place: str, value: str, column: str, notation: Notation) -> BadInput:
    remedy = (
        "Write it with three digits after each separator of thousands."
        if notation.thousands == "."
        else f"Give {option('thousands', '.')} if the point separates thousands."
    )
    return BadInput(
        f"{place}: {shown(column)} is {value[:40]!r}, but the decimal sign is "
        f"{notation.decimal!r}. {remedy}"
    )


def _ambiguous(old: str, value: str, column: str, new: CsvFile) -> BadInput:
    return BadInput(
        f"{old}: {shown(column)} is {value[:40]!r}, a text, but a number in {new.name}, whose "
        f"decimal sign is {new.dialect.decimal!r}. "
        f"Give {option('old_decimal', new.dialect.decimal)} or leave out the detail."
    )
