"""The words that a user types: which command they mean. Loads no other module of ours."""

import os
from collections.abc import Sequence

COMMANDS = (
    "diff",
    "submit",
    "metrics",
    "sample",
    "serve",
    "api",
    "worker",
    "demo",
    "keys",
    "health",
    "version",
)
_EXIT_CODE, _EXIT_CODES = "--exit-code", ("differences", "verdict")
_OWN_OPTIONS = ("-h", "--help", "-V", "--version", "--install-completion", "--show-completion")


def with_command(words: Sequence[str]) -> list[str]:
    """The words, with `diff` first if they name files or options instead of a command.

    `--exit-code` gets its value by a sign, because it may be left out.
    """
    first, *others = _with_exit_code(words) or ["help"]
    words = [first, *others]
    if first == "help":
        return [*others[:1], "--help"]
    if first == "keys" and not others:
        return ["keys", "--help"]
    if first in COMMANDS or first in _OWN_OPTIONS:
        return list(words)
    # pathlib loads slowly
    is_file = "/" in first or "." in first or os.path.exists(first)  # noqa: PTH110
    return ["diff", *words] if is_file or first.startswith("-") else list(words)


def _with_exit_code(words: Sequence[str]) -> list[str]:
    joined: list[str] = []
    for word in words:
        if joined and joined[-1] == _EXIT_CODE:
            joined[-1] = f"{_EXIT_CODE}={word if word in _EXIT_CODES else _EXIT_CODES[0]}"
            if word in _EXIT_CODES:
                continue
        joined.append(word)
    if joined and joined[-1] == _EXIT_CODE:
        joined[-1] = f"{_EXIT_CODE}={_EXIT_CODES[0]}"
    return joined
