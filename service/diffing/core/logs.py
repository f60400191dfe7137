"""The log: one line per record on standard error, as JSON for machines or text for people.

It includes records of libraries, warnings and uncaught errors. `bound` adds fields to each line
that is logged within its block.
"""

import json
import logging
import sys
import threading
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Literal

import structlog
from structlog.contextvars import bound_contextvars as bound
from structlog.contextvars import get_contextvars, merge_contextvars
from structlog.typing import EventDict, WrappedLogger

__all__ = ["Format", "Style", "bound", "configure", "request_id"]

Format = Literal["json", "text"]

# Below warnings, their records matter only to their own developers, and may contain credentials.
_LIBRARIES = (
    "aiobotocore",
    "aiohttp",
    "alembic",
    "asyncio",
    "botocore",
    "fsspec",
    "gcsfs",
    "google",
    "huey",
    "opentelemetry",
    "python_multipart",
    "s3fs",
    "sse_starlette",
    "urllib3",
    "uvicorn",
)
_FIRST = ("timestamp", "level", "logger", "event")
_CONTROLS = {code: f"\\x{code:02x}" for code in (*range(32), 127, 0x85, 0x2028, 0x2029)}

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Style:
    """How to log.

    Args:
        level: name of the lowest level that is logged.
        format: None for text on a terminal, else JSON.
    """

    level: str = "INFO"
    format: Format | None = None


def configure(style: Style) -> None:
    """Log to standard error, from now on, in this process."""
    as_text = style.format == "text" or (style.format is None and sys.stderr.isatty())
    handler = logging.StreamHandler()
    handler.setFormatter(_text() if as_text else _json())
    logging.basicConfig(level=style.level, handlers=[handler], force=True)
    logging.captureWarnings(True)
    for library in _LIBRARIES:
        logging.getLogger(library).setLevel(max(logging.WARNING, logging.root.level))
    sys.excepthook = _uncaught
    threading.excepthook = _uncaught_in_thread


def request_id() -> str | None:
    """The id of the current request; None outside of requests."""
    return get_contextvars().get("request_id")


def _json() -> logging.Formatter:
    # no local variables: they may contain secrets
    exceptions = structlog.tracebacks.ExceptionDictTransformer(show_locals=False, max_frames=30)
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=_before(),
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.ExceptionRenderer(exceptions),
            _in_order,
            structlog.processors.JSONRenderer(serializer=json.dumps),
        ],
    )


def _text() -> logging.Formatter:
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=_before(),
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,
            _as_text,
        ],
    )


def _before() -> list[structlog.typing.Processor]:
    return [
        merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]


def _in_order(_: WrappedLogger, __: str, said: EventDict) -> EventDict:
    first = {name: said.pop(name) for name in _FIRST}
    return {**first, **{name: value for name, value in said.items() if value is not None}}


def _as_text(_: WrappedLogger, __: str, said: EventDict) -> str:
    """A line for people. It omits a field whose value is already in its words."""
    timestamp, level, logger, event = (str(said.pop(name)).translate(_CONTROLS) for name in _FIRST)
    exception = said.pop("exception", None)
    words = {form for word in event.split() for form in (word, word[:-1])}
    more = [
        f"{name}={text}"
        for name, value in said.items()
        if value is not None and (text := str(value).translate(_CONTROLS)) not in words
    ]
    line = " ".join([timestamp, level.upper(), f"{logger}:", event, *more])
    return f"{line}\n{exception}" if exception else line


def _uncaught(
    kind: type[BaseException], error: BaseException, traceback: TracebackType | None
) -> None:
    _log.critical("uncaught error", exc_info=(kind, error, traceback))


def _uncaught_in_thread(args: Any) -> None:
    if args.exc_type is not SystemExit:
        _log.critical(
            "uncaught error in thread %s",
            args.thread and args.thread.name,
            exc_info=(args.exc_type, args.exc_value, args.exc_traceback),
        )
