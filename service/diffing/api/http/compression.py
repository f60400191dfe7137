"""Content codings: which one a client prefers, and how a file is packed in it on the way."""

import re
import sys
import zlib
from collections.abc import Iterable, Iterator
from typing import Literal, Protocol

from diffing.core.errors import NotAcceptable

Encoding = Literal["zstd", "gzip", "identity"]

# Of those that a client likes equally the first is taken.
_PREFERRED: tuple[Encoding, ...] = ("zstd", "gzip", "identity")
_ITEM = re.compile(r"([^\s;,]+)(?:\s*;\s*[qQ]\s*=\s*([01](?:\.[0-9]{0,3})?))?")
# Below what can be written: identity needs not be named, but what is named is liked better.
_UNNAMED = 0.0005
# A window of 256 KiB: there may be many clients, and each has a compressor of its own.
_ZSTD_WINDOW, _ZSTD_LEVEL, _GZIP_LEVEL = 18, 3, 5


class _Packer(Protocol):
    def compress(self, data: bytes, /) -> bytes: ...
    def flush(self) -> bytes: ...


def preferred(header: str, *, plain: bool) -> Encoding:
    """What a client prefers.

    Args:
        header: its Accept-Encoding; empty when it sent none.
        plain: packing is not worth it: take identity unless it is refused.

    Raises:
        NotAcceptable: it takes nothing that there is.
    """
    likes = _likes(header)
    if plain and likes["identity"]:
        return "identity"
    best = max(_PREFERRED, key=lambda encoding: likes[encoding])
    if not likes[best]:
        raise NotAcceptable("Accept-Encoding allows none of zstd, gzip and identity.")
    return best


def packed(chunks: Iterable[bytes], encoding: Encoding) -> Iterator[bytes]:
    """The chunks in that coding; little more than one of them is held in memory."""
    if encoding == "identity":
        yield from chunks
        return
    packer = _zstd_packer() if encoding == "zstd" else zlib.compressobj(_GZIP_LEVEL, wbits=31)
    for chunk in chunks:
        if some := packer.compress(chunk):
            yield some
    yield packer.flush()


def _likes(header: str) -> dict[Encoding, float]:
    """How much a client likes each coding; 0 for what it does not take."""
    named: dict[str, float] = {}
    for item in header.split(","):
        if found := _ITEM.fullmatch(item.strip()):
            name = found[1].lower().removeprefix("x-")
            named[name] = min(float(found[2] or 1), 1.0)
    others = named.get("*")
    unnamed: dict[Encoding, float] = {"zstd": 0, "gzip": 0, "identity": _UNNAMED}
    return {
        encoding: named.get(encoding, unnamed[encoding] if others is None else others)
        for encoding in _PREFERRED
    }


def _zstd_packer() -> _Packer:
    # loaded only when a client asks for it
    if sys.version_info >= (3, 14):
        from compression.zstd import CompressionParameter, ZstdCompressor
    else:
        from backports.zstd import CompressionParameter, ZstdCompressor
    options: dict[int, int] = {
        CompressionParameter.compression_level: _ZSTD_LEVEL,
        CompressionParameter.window_log: _ZSTD_WINDOW,
    }
    return ZstdCompressor(options=options)
