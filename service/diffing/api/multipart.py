"""Parses `multipart/form-data` as it arrives. Files go to the disk, fields to memory."""

import logging
import re
from collections.abc import Collection

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from diffing.core.errors import BadArgument, TooLarge, Unprocessable
from diffing.core.option_texts import LISTS
from diffing.core.text import near, shown
from diffing.csvfiles.open import MOST_COLUMNS
from diffing.files.uploads import SIDES, Upload

# two files, a part for each column, and the options
_MOST_PARTS = MOST_COLUMNS + 100
_MOST_FIELD_BYTES = 1024 * 1024
_LARGEST_FIELD = 8 * 1024
_LARGEST_LIST = 256 * 1024
_LONGEST_NAME = 4096
# a text in place of a file: its name, but not a header of several columns
_NAME = re.compile(rb"[^,\x00-\x1f]+|[^\x00-\x1f]+\.[A-Za-z0-9]{2,8}")
# a client learns of faults in its form; in the log, they could fill the disk
logging.getLogger("python_multipart").setLevel(logging.ERROR)
_AS_IT_IS = {b"", b"7bit", b"8bit", b"binary"}


class Form:
    """The parts of a form that have arrived. Only one thread at a time may use it.

    Args:
        boundary: between the parts.
        upload: receives the files, in the parts named old and new.
        fields: possible names of other parts.

    Raises:
        BadArgument: the boundary is invalid.
    """

    def __init__(self, boundary: bytes, upload: Upload, fields: Collection[str]) -> None:
        self._upload = upload
        self._names = fields
        self._files: set[str] = set()
        self._fields: dict[str, list[bytearray]] = {}
        self._parts = 0
        self._field_bytes = 0
        self._part = ""
        # of a file that came as text: its content, until a line ends
        self._one_line: bytearray | None = None
        self._header = bytearray()
        self._header_value = bytearray()
        self._headers: dict[bytes, bytes] = {}
        self._ended = False
        if not boundary:
            raise BadArgument("The Content-Type of a form must name its boundary.")
        try:
            self._parser = MultipartParser(
                boundary,
                {
                    "on_part_begin": self._begin_part,
                    "on_header_field": self._take_header,
                    "on_header_value": self._take_header_value,
                    "on_header_end": self._end_header,
                    "on_headers_finished": self._begin_data,
                    "on_part_data": self._take_data,
                    "on_part_end": self._end_part,
                    "on_end": self._end,
                },
            )
        except FormParserError:
            raise BadArgument("The boundary of the form is too long.") from None

    def feed(self, data: bytes) -> None:
        """Take the next bytes.

        Raises:
            BadArgument: the bytes are not a form.
            Unprocessable: a part is unknown, repeated, or the name of a file in its place.
            TooLarge: a field is too long, or the form has too many parts.
            DiskUnavailable: a file cannot be written.
        """
        try:
            self._parser.write(data)
        except FormParserError:
            raise BadArgument("The body is not valid multipart/form-data.") from None

    def finish(self) -> dict[str, list[str]]:
        """The fields of the complete form.

        Raises:
            BadArgument: the end is missing.
            Unprocessable: a file is missing, or a field is not UTF-8.
        """
        if not self._ended:
            raise BadArgument("The body ends in the middle of a part.")
        missing = [side for side in SIDES if side not in self._files]
        if missing:
            raise Unprocessable(f"The form lacks the file {' and the file '.join(missing)}.")
        try:
            return {
                name: [value.decode() for value in values] for name, values in self._fields.items()
            }
        except UnicodeDecodeError:
            raise Unprocessable("A field of the form is not UTF-8.") from None

    def _begin_part(self) -> None:
        self._parts += 1
        if self._parts > _MOST_PARTS:
            raise TooLarge(f"The form has more than {_MOST_PARTS:,} parts.")
        self._headers = {}

    def _take_header(self, data: bytes, start: int, end: int) -> None:
        self._header += data[start:end]

    def _take_header_value(self, data: bytes, start: int, end: int) -> None:
        self._header_value += data[start:end]

    def _end_header(self) -> None:
        self._headers[bytes(self._header).lower()] = bytes(self._header_value)
        self._header.clear()
        self._header_value.clear()

    def _begin_data(self) -> None:
        disposition, options = parse_options_header(self._headers.get(b"content-disposition"))
        if disposition != b"form-data" or b"name" not in options:
            raise BadArgument("A part of the form has no name.")
        if self._headers.get(b"content-transfer-encoding", b"").lower() not in _AS_IT_IS:
            raise Unprocessable("Unsupported Content-Transfer-Encoding in a form. Send the bytes.")
        self._part = options[b"name"].decode(errors="replace")
        if self._part in SIDES:
            self._begin_file(options.get(b"filename"))
        elif self._part in self._names:
            self._fields.setdefault(self._part, []).append(bytearray())
        else:
            known = ", ".join([*SIDES, *self._names])
            hint = near(self._part, [*SIDES, *self._names])
            raise Unprocessable(
                f"Unknown part {shown(self._part)}.{hint} The form may have: {known}."
            )

    def _begin_file(self, name: bytes | None) -> None:
        if self._part in self._files:
            raise Unprocessable(f"The form has the file {self._part} twice.")
        self._files.add(self._part)
        self._one_line = bytearray() if name is None else None
        own = re.split(r"[/\\]", (name or b"").decode(errors="replace"))[-1].strip()
        if own:
            self._upload.names[self._part] = shown(own)
        self._upload.write(self._part, b"")

    def _take_data(self, data: bytes, start: int, end: int) -> None:
        piece = memoryview(data)[start:end]
        if self._part in SIDES:
            self._upload.write(self._part, piece)
            self._take_line(piece)
            return
        value = self._fields[self._part][-1]
        most = _LARGEST_LIST if self._part in LISTS else _LARGEST_FIELD
        if len(value) + len(piece) > most:
            raise TooLarge(f"The field {self._part} is longer than {most:,} bytes.")
        self._field_bytes += len(piece)
        if self._field_bytes > _MOST_FIELD_BYTES:
            raise TooLarge(f"The fields have more than {_MOST_FIELD_BYTES:,} bytes.")
        value += piece

    def _take_line(self, piece: memoryview) -> None:
        if self._one_line is not None:
            self._one_line += piece
            if b"\n" in self._one_line or len(self._one_line) > _LONGEST_NAME:
                self._one_line = None

    def _end_part(self) -> None:
        if self._part in SIDES and self._one_line and _NAME.fullmatch(self._one_line):
            text = shown(self._one_line.decode(errors="replace"))
            raise Unprocessable(
                f"The part {self._part} is the text {text}, not a file. "
                f"Send the file with an @: -F {self._part}=@{text}"
            )

    def _end(self) -> None:
        self._ended = True
