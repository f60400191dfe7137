"""Content codings: the choice for a client, and compression during sending."""

import re
import sys
import zlib
from collections.abc import Iterable, Iterator
from typing import Literal, Protocol

from diffing.core.errors import NotAcceptable

Encoding = Literal["zstd", "gzip", "identity"]

# Of equal preferences, the first wins.
_PREFERRED: tuple[Encoding, ...] = ("zstd", "gzip", "identity")
_ITEM = re.compile(r"([^\s;,]+)(?:\s*;\s*[qQ]\s*=\s*([01](?:\.[0-9]{0,3})?))?")
# Below any explicit weight: identity is allowed by default, but named codings come first.
_UNNAMED = 0.0005
# A window of 256 KiB, because each of many clients needs a compressor.
_ZSTD_WINDOW, _ZSTD_LEVEL, _GZIP_LEVEL = 18, 3, 5


class _Packer(Protocol):
    def compress(self, data: bytes, /) -> bytes: ...
    def flush(self) -> bytes: ...


def preferred(header: str, *, plain: bool) -> Encoding:
    """The coding that a client prefers.

    Args:
        header: its Accept-Encoding; empty without one.
        plain: choose identity unless the client refuses it.

    Raises:
        NotAcceptable: the client accepts no supported coding.
    """
    weights = _weights(header)
    if plain and weights["identity"]:
        return "identity"
    best = max(_PREFERRED, key=lambda encoding: weights[encoding])
    if not weights[best]:
        raise NotAcceptable("Accept-Encoding excludes zstd, gzip and identity. Allow one of them.")
    return best


def packed(chunks: Iterable[bytes], encoding: Encoding) -> Iterator[bytes]:
    """The chunks in that coding. Memory contains little more than one chunk."""
    if encoding == "identity":
        yield from chunks
        return
    packer = _zstd_packer() if encoding == "zstd" else zlib.compressobj(_GZIP_LEVEL, wbits=31)
    for chunk in chunks:
        if some := packer.compress(chunk):
            yield some
    yield packer.flush()


def _weights(header: str) -> dict[Encoding, float]:
    """The weight of each coding for a client; 0 for a refused one."""
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
    # loaded only if a client requests it
    if sys.version_info >= (3, 14):
        from compression.zstd import CompressionParameter, ZstdCompressor
    else:
        from backports.zstd import CompressionParameter, ZstdCompressor
    options: dict[int, int] = {
        CompressionParameter.compression_level: _ZSTD_LEVEL,
        CompressionParameter.window_log: _ZSTD_WINDOW,
    }
    return ZstdCompressor(options=options)
