"""Writes the outputs of a diff in the dialects of its files."""

import codecs
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from io import BufferedReader
from itertools import chain
from pathlib import Path
from typing import Any

from diffing.core.comparison import Comparison
from diffing.core.dialect import PLAIN, SIDES, FullDialect
from diffing.core.errors import BadInput
from diffing.csvfiles.archives import Room
from diffing.csvfiles.csv_file import CsvFile
from diffing.csvfiles.notation import restored
from diffing.csvfiles.translate import Translation
from diffing.engine.pair import Pair
from diffing.files.results import DIALECTS, OutputName, Outputs, as_plain


@dataclass(frozen=True)
class Written:
    """The outputs of a diff, first as SQL writes them.

    Args:
        parts: the files to write.
        plain: the files that SQL writes: the same, or copies in the scratch folder.
        files: the old and the new file.
        comparison: with its columns.
    """

    parts: Outputs
    plain: Outputs
    files: tuple[CsvFile, CsvFile]
    comparison: Comparison

    @classmethod
    def of(cls, parts: Outputs, pair: Pair, scratch: Path) -> "Written":
        """The outputs of a diff of these files."""
        written = cls(parts, parts, pair.files, pair.comparison)
        copies: dict[str, Any] = {
            name: scratch / f"plain-{name}.csv"
            for name in DIALECTS
            if getattr(parts, name) and not written.dialect(name).is_written_as_it_is
        }
        return replace(written, plain=replace(parts, **copies))

    def dialect(self, output: OutputName) -> FullDialect:
        """The dialect of an output."""
        dialect = self._file(output).dialect
        return as_plain(dialect) if output in self.parts.plain else dialect

    def _file(self, output: OutputName) -> CsvFile:
        """The file whose dialect an output has."""
        return self.files[SIDES.index(DIALECTS[output])]

    def _place_of_names(self, columns: Sequence[str]) -> int:
        """The place of the column with the names of values that differ, before the old values."""
        return len(columns) - sum(name in columns for name in self.comparison.value) - 1

    def finish(self) -> None:
        """Translate the copies.

        Raises:
            BadInput: the dialect of new cannot represent an old value, or means a number by it that
                is a text in old.
            OutOfDisk: too little space is free.
        """
        for name in DIALECTS:
            plain, part = getattr(self.plain, name), getattr(self.parts, name)
            if plain != part:
                self._translate(plain, part, name)
                plain.unlink()

    def _translate(self, plain: Path, part: Path, output: OutputName) -> None:
        old, new = self.files
        file, dialect = self._file(output), self.dialect(output)
        room = Room(part.parent, file.name)
        with plain.open("rb") as source, part.open("wb") as target:
            text = Translation(source, output, PLAIN, dialect)
            columns = text.columns or []
            kept, alter = restored(
                columns, (old, file), self.comparison, has_olds=output == "detail"
            )
            if not dialect.has_plain_numbers:
                text.alter = alter
            elif output == "detail" and not dialect.quote and dialect.delimiter == ",":
                text.alter = partial(_with_semicolons, self._place_of_names(columns))
            try:
                for block in _encoded(text, [columns[place] for place in kept]):
                    room.require(len(block))
                    target.write(block)
            except UnicodeEncodeError as error:
                character = error.object[error.start]
                raise BadInput(
                    f"{old.name}: an old value has {character!r} (U+{ord(character):04X}), which "
                    f"{dialect.encoding} lacks, the encoding of {new.name}. "
                    f"Export {new.name} as UTF-8, or leave out the detail."
                ) from None


def _with_semicolons(place: int, fields: list[str]) -> list[str]:
    """Fields of which one lists names, for a dialect that cannot write commas in a field."""
    fields[place] = fields[place].replace(",", ";")
    return fields


def in_dialect(
    source: BufferedReader, name: str, dialect: FullDialect, target: FullDialect
) -> Iterator[bytes]:
    """The bytes of a CSV file in another dialect, in blocks.

    Args:
        source: the file, opened at its beginning.
        name: of the file, for errors.
        dialect: of the file.
        target: the other dialect.

    Raises:
        BadInput: the file is not valid, or cannot be written in the other dialect.
        UnicodeEncodeError: the encoding of the other dialect lacks a character.
    """
    text = Translation(source, name, dialect, target)
    return _encoded(text, text.columns or [])


def _encoded(text: Translation, columns: list[str]) -> Iterator[bytes]:
    encoder = codecs.getincrementalencoder(text.target.encoding)()
    return map(encoder.encode, chain([f"{text.line_of(columns)}\n"], text.chunks()))
