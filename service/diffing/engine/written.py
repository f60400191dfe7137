"""Writes the outputs of a diff in the dialects of its files."""

import codecs
from collections.abc import Iterator
from dataclasses import dataclass, replace
from io import BufferedReader
from itertools import chain
from pathlib import Path

from diffing.core.dialect import PLAIN, FullDialect
from diffing.core.errors import BadInput
from diffing.csvfiles.archives import Room
from diffing.csvfiles.csv_file import CsvFile
from diffing.csvfiles.notation import restored
from diffing.csvfiles.translate import Translation
from diffing.files.results import DIALECTS, OutputName, Outputs


@dataclass(frozen=True)
class Written:
    """The outputs of a diff, first as SQL writes them.

    Args:
        parts: the files to write.
        plain: the files that SQL writes: the same, or copies in the scratch folder.
        files: the old and the new file.
        values: the number of value columns.
    """

    parts: Outputs
    plain: Outputs
    files: tuple[CsvFile, CsvFile]
    values: int

    @classmethod
    def of(
        cls, parts: Outputs, files: tuple[CsvFile, CsvFile], values: int, scratch: Path
    ) -> "Written":
        """The outputs of a diff of these files."""
        old, new = files
        dialects = {"old_dialect": old.dialect, "new_dialect": new.dialect}
        copies = {
            name: scratch / f"plain-{name}.csv"
            for name, side in DIALECTS.items()
            if getattr(parts, name) and not dialects[side].is_written_as_it_is
        }
        return cls(parts, replace(parts, **copies), files, values)

    def finish(self) -> None:
        """Translate the copies.

        Raises:
            BadInput: the dialect of new cannot represent an old value.
            OutOfDisk: too little space is free.
        """
        for name in DIALECTS:
            plain, part = getattr(self.plain, name), getattr(self.parts, name)
            if plain != part:
                self._translate(plain, part, name)
                plain.unlink()

    def _translate(self, plain: Path, part: Path, output: OutputName) -> None:
        old, new = self.files
        file = old if DIALECTS[output] == "old_dialect" else new
        olds = self.values if output == "detail" else 0
        room = Room(part.parent, file.name)
        with plain.open("rb") as source, part.open("wb") as target:
            text = Translation(source, output, PLAIN, file.dialect)
            columns = text.columns or []
            kept, alter = restored(columns, file, olds)
            if not file.dialect.has_plain_numbers:
                text.alter = alter
            try:
                for block in _encoded(text, [columns[place] for place in kept]):
                    room.require(len(block))
                    target.write(block)
            except UnicodeEncodeError as error:
                character = error.object[error.start]
                raise BadInput(
                    f"{old.name}: an old value has {character!r} (U+{ord(character):04X}), which "
                    f"{file.dialect.encoding} lacks, the encoding of {new.name}. "
                    f"Export {new.name} as UTF-8, or leave out the detail."
                ) from None


def translated(
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
