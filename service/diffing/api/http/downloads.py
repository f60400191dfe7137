"""Hands out a file: whole or in part, packed or not; or says that the client has it already."""

import os
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from itertools import chain
from typing import BinaryIO

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from diffing.api.http.compression import packed, preferred
from diffing.api.http.problems import problem
from diffing.api.http.ranges import Range, http_date, is_known, ranges_of
from diffing.core.errors import RangeNotSatisfiable

_CHUNK = 128 * 1024
# Each compressor takes a megabyte or so: beyond so many at once, clients get files as they are.
_MOST_PACKED = 16
_TOO_SMALL_TO_PACK = 1024


@dataclass(frozen=True)
class Download:
    """A file to hand out.

    Args:
        file: open; it stays whole whatever becomes of its name.
        digest: hexadecimal, of what makes it this file and no other.
        media_type: of the file, packed or not.
        name: what the client is to call it, in ASCII.
        modified: when it came to be, UTC.
        packs: whether it gets smaller when it is packed.
    """

    file: BinaryIO
    digest: str
    media_type: str
    name: str
    modified: datetime
    packs: bool

    @property
    def size(self) -> int:
        """Bytes."""
        return os.fstat(self.file.fileno()).st_size

    def part(self, start: int, end: int) -> Iterator[bytes]:
        """The bytes from start up to end."""
        while start < end and (
            chunk := os.pread(self.file.fileno(), min(_CHUNK, end - start), start)
        ):
            start += len(chunk)
            yield chunk


class Files:
    """Answers requests for files."""

    def __init__(self) -> None:
        self._packed = 0

    def answer(self, request: Request, download: Download) -> Response:
        """The file, or 206, 304, 400, 406 or 416; it is closed when the answer was sent.

        Raises:
            BadArgument: the Range header makes no sense.
            NotAcceptable: the client takes no coding that there is.
        """
        try:
            response = self._answer(request, download)
        except BaseException:
            download.file.close()
            raise
        if not isinstance(response, _FileResponse):
            download.file.close()
        return response

    def _answer(self, request: Request, download: Download) -> Response:
        size = download.size
        plain = (
            not download.packs
            or size < _TOO_SMALL_TO_PACK
            or "range" in request.headers
            or self._packed >= _MOST_PACKED
        )
        accepted = ", ".join(request.headers.getlist("accept-encoding"))
        encoding = preferred(accepted, plain=plain)
        is_plain = encoding == "identity"
        etag = f'"{download.digest}"' if is_plain else f'"{download.digest}-{encoding}"'
        headers = {
            "Accept-Ranges": "bytes",
            "ETag": etag,
            "Last-Modified": http_date(download.modified),
            "Vary": "Accept-Encoding",
        }
        if is_known(_joined(request), etag, download.modified):
            return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
        headers["Content-Disposition"] = f'attachment; filename="{download.name}"'
        headers["Content-Type"] = download.media_type
        if not is_plain:
            headers["Content-Encoding"] = encoding
            return self._sent(request, download, packed(download.part(0, size), encoding), headers)
        try:
            ranges = ranges_of(_joined(request), etag, download.modified, size)
        except RangeNotSatisfiable as error:
            refused = problem(error)
            refused.headers["Content-Range"] = f"bytes */{size}"
            return refused
        if ranges is None:
            headers["Content-Length"] = str(size)
            return self._sent(request, download, download.part(0, size), headers)
        body = _parts(download, ranges, size, headers)
        return self._sent(request, download, body, headers, HTTPStatus.PARTIAL_CONTENT)

    def _sent(
        self,
        request: Request,
        download: Download,
        body: Iterator[bytes],
        headers: dict[str, str],
        status: HTTPStatus = HTTPStatus.OK,
    ) -> Response:
        if request.method == "HEAD":
            return _Bodiless(status, headers)
        if "Content-Encoding" not in headers:
            return _FileResponse(body, status, headers, download.file.close)
        self._packed += 1

        def done() -> None:
            self._packed -= 1
            download.file.close()

        return _FileResponse(body, status, headers, done)


class _Bodiless(Response):
    """The headers of a file; how long it would be packed nobody knows before it is."""

    def __init__(self, status: HTTPStatus, headers: dict[str, str]) -> None:
        super().__init__(status_code=status, headers=headers)
        if "Content-Length" not in headers:
            del self.headers["Content-Length"]


class _FileResponse(StreamingResponse):
    """Sends chunks that a thread makes, one by one; `done` is called at the end, whichever."""

    def __init__(
        self,
        chunks: Iterator[bytes],
        status: HTTPStatus,
        headers: dict[str, str],
        done: Callable[[], None],
    ) -> None:
        super().__init__(chunks, status, headers)
        self._done = done

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._done()


def _parts(
    download: Download, ranges: list[Range], size: int, headers: dict[str, str]
) -> Iterator[bytes]:
    """The bytes of one range, or of several with their headers; headers are made to tell which."""
    if len(ranges) == 1:
        ((start, end),) = ranges
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{size}"
        headers["Content-Length"] = str(end - start)
        return download.part(start, end)
    boundary = secrets.token_hex(13)
    heads = [
        f"--{boundary}\r\nContent-Type: {download.media_type}\r\n"
        f"Content-Range: bytes {start}-{end - 1}/{size}\r\n\r\n".encode()
        for start, end in ranges
    ]
    last = f"--{boundary}--\r\n".encode()
    length = sum(
        len(head) + end - start + 2 for head, (start, end) in zip(heads, ranges, strict=True)
    )
    headers["Content-Type"] = f"multipart/byteranges; boundary={boundary}"
    headers["Content-Length"] = str(length + len(last))
    parts = (
        chain([head], download.part(*part), [b"\r\n"])
        for head, part in zip(heads, ranges, strict=True)
    )
    return chain(chain.from_iterable(parts), [last])


def _joined(request: Request) -> dict[str, str]:
    """The headers of a request; those that came several times as the one list that they are."""
    return {name: ", ".join(request.headers.getlist(name)) for name in request.headers}
