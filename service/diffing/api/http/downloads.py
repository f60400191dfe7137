"""Sends a file, whole or in part, compressed or not; or 304 if the client has it."""

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import BinaryIO

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import FileResponse, Response, StreamingResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from diffing.api.http.compression import packed, preferred
from diffing.api.http.problems import problem
from diffing.api.http.ranges import http_date, is_known, require_meant, wanted_ranges
from diffing.core.errors import RangeNotSatisfiable

_CHUNK = 128 * 1024
# Each compressor needs about a megabyte. Beyond so many, files are sent uncompressed.
_MOST_PACKED = 16
_TOO_SMALL_TO_PACK = 1024


@dataclass(frozen=True)
class Download:
    """A file to send.

    Args:
        file: open, so it stays readable after its removal.
        digest: hexadecimal, different for each file.
        media_type: of the uncompressed file.
        name: for the client, in ASCII.
        modified: time of its creation, UTC.
        packs: whether compression makes it smaller.
    """

    file: BinaryIO
    digest: str
    media_type: str
    name: str
    modified: datetime
    packs: bool

    @property
    def stat(self) -> os.stat_result:
        """The status of the open file."""
        return os.fstat(self.file.fileno())

    def chunks(self) -> Iterator[bytes]:
        """All its bytes, in chunks."""
        while chunk := self.file.read(_CHUNK):
            yield chunk


class Files:
    """Answers requests for files. It bounds how many it compresses at once."""

    def __init__(self) -> None:
        self._packed = 0

    def answer(self, request: Request, download: Download) -> ASGIApp:
        """The file, or 206, 304 or 416. The file is closed after the answer.

        Raises:
            BadArgument: the Range header is malformed.
            PreconditionFailed: as from `require_meant`.
            NotAcceptable: the client accepts no supported coding.
        """
        with ExitStack() as held:
            held.enter_context(download.file)
            response = self._answer(request, download, held)
            until_sent = held.pop_all()

        async def answer(scope: Scope, receive: Receive, send: Send) -> None:
            with until_sent:
                await response(scope, receive, send)

        return answer

    def _answer(self, request: Request, download: Download, held: ExitStack) -> Response:
        asked = _joined(request)
        plain = (
            not download.packs
            or download.stat.st_size < _TOO_SMALL_TO_PACK
            or "range" in asked
            or self._packed >= _MOST_PACKED
        )
        encoding = preferred(asked.get("accept-encoding", ""), plain=plain)
        is_plain = encoding == "identity"
        etag = f'"{download.digest}"' if is_plain else f'"{download.digest}-{encoding}"'
        headers = {
            "ETag": etag,
            "Last-Modified": http_date(download.modified),
            "Vary": "Accept-Encoding",
            "Accept-Ranges": "bytes",
        }
        require_meant(asked, etag, download.modified)
        if is_known(asked, etag, download.modified):
            return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
        headers["Content-Disposition"] = f'attachment; filename="{download.name}"'
        headers["Content-Type"] = download.media_type
        if is_plain:
            return _plain(request, asked, download, headers)
        headers["Content-Encoding"] = encoding
        if request.method == "HEAD":
            # without a length, which is unknown before compression
            return StreamingResponse((), headers=headers)
        held.enter_context(self._packing())
        return StreamingResponse(packed(download.chunks(), encoding), headers=headers)

    @contextmanager
    def _packing(self) -> Iterator[None]:
        self._packed += 1
        try:
            yield
        finally:
            self._packed -= 1


class _OpenFileResponse(FileResponse):
    """An open file, whole or the parts that the Range header names."""

    chunk_size = _CHUNK

    def __init__(self, download: Download, headers: dict[str, str]) -> None:
        # by descriptor, because the name may be removed
        path = f"/proc/self/fd/{download.file.fileno()}"
        super().__init__(path, headers=headers, stat_result=download.stat)


def _plain(
    request: Request, asked: dict[str, str], download: Download, headers: dict[str, str]
) -> Response:
    size = download.stat.st_size
    try:
        ranges = wanted_ranges(asked, headers["ETag"], download.modified, size)
    except RangeNotSatisfiable as error:
        refused = problem(error)
        refused.headers["Content-Range"] = f"bytes */{size}"
        return refused
    # Starlette refuses all ranges because of one bad range, and in plain text
    to_answer = MutableHeaders(scope=request.scope)
    del to_answer["range"]
    if ranges:
        to_answer["range"] = ranges
    return _OpenFileResponse(download, headers)


def _joined(request: Request) -> dict[str, str]:
    """The headers of a request, with repeated ones joined into one list."""
    return {name: ", ".join(request.headers.getlist(name)) for name in request.headers}
