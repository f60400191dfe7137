"""Reads request bodies within bounds, as JSON or as a form with files."""

import hashlib
import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from python_multipart.multipart import parse_options_header
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request

from diffing.api.multipart import Form
from diffing.core.errors import BadArgument, TooLarge, Unprocessable, UnsupportedBody
from diffing.core.option_texts import NAMES, OF_DIALECTS, RULES, read_options
from diffing.core.settings import Settings
from diffing.core.text import shown
from diffing.files.uploads import Upload

_JSON = b"application/json"
_FORM = b"multipart/form-data"
_LARGEST_JSON = 64 * 1024
# Less is not worth a switch to a writing thread; most servers deliver more at a time.
_PIECE_BYTES = 64 * 1024
_COLUMNS = ("key", "value")
_DELIMITERS = tuple(name for name, (_, field) in OF_DIALECTS.items() if field == "delimiter")


@dataclass(frozen=True)
class Body:
    """The body of a request.

    Args:
        members: of the JSON object or the form, not yet checked; `old` and `new` name files.
        content: of JSON; empty for a form.
        upload: the uploaded files; None for files in the folder of inputs.
    """

    members: dict[str, Any] = field(default_factory=dict)
    content: bytes = b""
    upload: Upload | None = None

    def digest(self) -> str:
        """A digest of the body. For forms, it does not depend on the boundary.

        Raises:
            DiskUnavailable: uploaded files cannot be read.
        """
        if not self.upload:
            return hashlib.sha256(self.content).hexdigest()
        sent = json.dumps([self.members, self.upload.digests()], sort_keys=True)
        # no JSON text has this digest, for this is not JSON
        return hashlib.sha256(_FORM + sent.encode()).hexdigest()


@asynccontextmanager
async def body_of(
    request: Request, settings: Settings, *, one_off: bool, from_page: bool
) -> AsyncIterator[Body]:
    """The body of a request. At the end of the block its files are removed, unless kept.

    Args:
        request: the request. The body of a GET request is ignored.
        settings: the folder of uploads, and their largest size.
        one_off: whether the form may name columns.
        from_page: whether empty fields count as not given, as browsers send them.

    Raises:
        BadArgument: the body is malformed, or ends too early.
        TooLarge: the body is too large, raised as soon as that is known.
        UnsupportedBody: the body is neither JSON nor a form.
        Unprocessable: the JSON is not an object, or the form has unknown parts.
        DiskUnavailable: the files cannot be written.
    """
    if request.method == "GET":
        yield Body()
        return
    kind, options = parse_options_header(request.headers.get("content-type") or _JSON.decode())
    most = settings.max_upload_bytes if kind == _FORM else _LARGEST_JSON
    if announced := int(request.headers.get("content-length", 0)):
        _require_taken(request, kind)
        _require_small(announced, most)
    async with aclosing(_chunks(request, most)) as chunks:
        first = await anext(chunks, None)
        if first is None:
            yield Body()
            return
        _require_taken(request, kind)
        if kind == _JSON:
            content = first + b"".join([chunk async for chunk in chunks])
            yield Body(_members_of_json(content), content)
            return
        upload = await run_in_threadpool(Upload, settings.uploads_dir)
        try:
            names = [name for name in NAMES if one_off or name not in _COLUMNS]
            form = Form(options.get(b"boundary", b""), upload, names)
            await _feed(form, first, chunks)
            yield await run_in_threadpool(_body_of_form, form, upload, from_page=from_page)
        finally:
            try:
                await run_in_threadpool(upload.close)
            finally:
                upload.close()  # a cancelled task, when the service stops, awaits nothing


async def json_of(request: Request) -> dict[str, Any]:
    """The members of a JSON body, not yet checked.

    Raises:
        BadArgument, TooLarge, UnsupportedBody, Unprocessable: as from `body_of`.
    """
    kind, _ = parse_options_header(request.headers.get("content-type") or _JSON.decode())
    if kind != _JSON:
        raise UnsupportedBody(
            f"Unsupported Content-Type {shown(kind.decode('latin-1'))}. Send {_JSON.decode()}."
        )
    _require_taken(request, kind)
    _require_small(int(request.headers.get("content-length", 0)), _LARGEST_JSON)
    async with aclosing(_chunks(request, _LARGEST_JSON)) as chunks:
        return _members_of_json(b"".join([chunk async for chunk in chunks]))


async def _chunks(request: Request, most: int) -> AsyncGenerator[bytes, None]:
    size = 0
    try:
        async with aclosing(request.stream()) as stream:
            async for chunk in stream:
                size += len(chunk)
                _require_small(size, most)
                if chunk:
                    yield chunk
    except ClientDisconnect:
        raise BadArgument("The body ended too early.") from None


def _require_small(size: int, most: int) -> None:
    if size > most:
        raise TooLarge(f"The body has more than {most:,} bytes.")


def _require_taken(request: Request, kind: bytes) -> None:
    if kind not in (_JSON, _FORM):
        raise UnsupportedBody(
            f"Unsupported Content-Type {shown(kind.decode('latin-1'))}. Send "
            f"{_JSON.decode()} or {_FORM.decode()}."
        )
    encoding = request.headers.get("content-encoding", "identity")
    if encoding.lower() != "identity":
        raise UnsupportedBody(
            f"Unsupported Content-Encoding {shown(encoding)}. Send the body plain."
        )


async def _feed(form: Form, first: bytes, chunks: AsyncIterator[bytes]) -> None:
    pieces, size = [first], len(first)
    async for chunk in chunks:
        if size >= _PIECE_BYTES:
            await run_in_threadpool(form.feed, b"".join(pieces))
            pieces, size = [], 0
        pieces.append(chunk)
        size += len(chunk)
    await run_in_threadpool(form.feed, b"".join(pieces))


def _body_of_form(form: Form, upload: Upload, *, from_page: bool) -> Body:
    fields = form.finish()
    if from_page:
        fields = {name: texts for name, texts in fields.items() if any(texts)}
        if RULES in fields:  # a browser sends all lines as one field
            rules = [line for text in fields[RULES] for line in text.splitlines()]
            fields[RULES] = [rule for rule in rules if rule.strip()]
    for name in set(_DELIMITERS) & set(fields):
        if "" in fields[name]:
            raise Unprocessable(
                f"{name} is empty. curl -F reads a ; as its own: use --form-string '{name}=;'."
            )
    try:
        members = read_options(fields)
    except BadArgument as error:
        raise Unprocessable(error.detail) from None
    members["old"], members["new"] = upload.finish()
    return Body(members, upload=upload)


def _members_of_json(content: bytes) -> dict[str, Any]:
    try:
        found = json.loads(content.decode(), object_pairs_hook=_once, parse_constant=_no_constant)
        # JSON alone can contain half a surrogate pair
        json.dumps(found, ensure_ascii=False).encode()
    except RecursionError:
        raise BadArgument("Invalid JSON body: it is nested too deeply.") from None
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise BadArgument(f"Invalid JSON body: {error.msg} at {where}.") from None
    except UnicodeError:
        raise BadArgument("Invalid JSON body: its text is not UTF-8.") from None
    except ValueError:
        raise BadArgument("Invalid JSON body: a number is too long.") from None
    if not isinstance(found, dict):
        raise Unprocessable("The body must be a JSON object.")
    return found


def _once(members: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(members)
    if len(found) < len(members):
        names = [name for name, _ in members]
        twice = next(name for name in names if names.count(name) > 1)
        raise BadArgument(f"The body has the member {shown(twice)} twice.")
    return found


def _no_constant(word: str) -> None:
    raise BadArgument(f"Invalid JSON body: {word} is not a JSON number.")
