"""Files on web servers, each taken from one answer."""

import gzip
import zlib
from typing import Any

from diffing.core.errors import BadInput, Unreachable
from diffing.core.remote_file import RemoteFile
from diffing.files.remote_content import RemoteContent, Version, version_of
from diffing.files.web_client import web_client
from diffing.files.web_errors import GONE

_GZIP = ("gzip", "x-gzip")
# Of others, such as zstd, the content decides. Some servers send the encoding of the text.
_UNREADABLE = ("br", "compress", "deflate", "x-compress")
_OK = 200
_MARKS = ("ETag", "Last-Modified", "Content-MD5", "Digest")
_COPY = "Download the file first, and name the copy."


class WebContent(RemoteContent):
    """One file on a web server, in the version of one answer.

    Args:
        file: the remote file.

    Raises:
        ImportError: a package is not installed.
    """

    def __init__(self, file: RemoteFile) -> None:
        super().__init__(file, web_client(file.url))
        self._source: Any = None

    def facts(self) -> dict[str, Any]:
        """The size, and the marks of the version, of the answer with the content.

        Raises:
            BadInput: a part of the file could be taken for the whole.
            Unreachable: the answer is another one.
        """
        # with a size, it is not asked for
        self._source = self._files.open(self._url, "rb", block_size=0, size=1)
        answer = self._source.r
        if answer.status != _OK:
            raise Unreachable(
                f"{self.name}: cannot be fetched: HTTP status {answer.status} has no file. "
                "Check the URL, and try again."
            )
        if _packing_of(answer) in _UNREADABLE:
            raise BadInput(f"{self.name}: the server packed it without being asked to. {_COPY}")
        marks = {name: answer.headers.get(name) for name in _MARKS}
        return {**marks, "size": self._size_of(answer)}

    def opened(self) -> Any:
        """The content of the answer, without what the server packed it in."""
        if _packing_of(self._source.r) in _GZIP:
            return _Unpacked(self.name, self._source)
        return self._source

    def _size_of(self, answer: Any) -> int | None:
        """Bytes of the content; None if only its end is known."""
        headers, is_packed = answer.headers, _packing_of(answer) in _GZIP
        size = headers.get("Content-Length")
        if size is None and "chunked" not in headers.get("Transfer-Encoding", "").lower():
            size = None if is_packed else self._now().get("size")
            if not size:
                raise BadInput(
                    f"{self.name}: the server names no size, so a part could pass for the whole. "
                    f"{_COPY}"
                )
        return None if is_packed or size is None else int(size)

    def _has_changed(self, before: Version) -> bool:
        try:
            after = version_of(self._now())
        except FileNotFoundError:
            return True
        # HEAD may leave out a mark; some servers answer it with a size of 0
        return any(
            then != now
            for then, now in zip(map(_strong, before), map(_strong, after), strict=True)
            if then is not None and now not in (None, "0")
        )

    def _now(self) -> dict[str, Any]:
        """The facts that the server tells now."""
        try:
            return dict(self._files.info(self._url))
        except FileNotFoundError as error:
            # fsspec calls each fault of a web server a missing file
            cause = error.__cause__
            if cause and getattr(cause, "status", None) not in GONE:
                raise cause from None
            raise


class _Unpacked:
    """The content of an answer that the server packed as gzip.

    Args:
        name: of the file, for the user.
        source: of the packed bytes.
    """

    def __init__(self, name: str, source: Any) -> None:
        self._name, self._source = name, source
        self._content = gzip.GzipFile(fileobj=source, mode="rb")

    def __enter__(self) -> "_Unpacked":
        return self

    def __exit__(self, *exception: object) -> None:
        self._source.close()

    def read(self, size: int) -> bytes:
        """The next bytes; none at the end.

        Raises:
            Unreachable: the packed bytes end too early, or are damaged.
        """
        try:
            return self._content.read(size)
        except (EOFError, gzip.BadGzipFile, zlib.error):
            raise Unreachable(
                f"{self._name}: the server packed it as gzip, but its end is missing, or it is "
                "damaged. Try again, and check the server."
            ) from None


def _packing_of(answer: Any) -> str:
    return str(answer.headers.get("Content-Encoding", "")).lower()


def _strong(mark: str | None) -> str | None:
    return mark and mark.removeprefix("W/")
