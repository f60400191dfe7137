"""The words that a user types: which command they mean. Loads no other module of ours."""

import os
from collections.abc import Sequence
from itertools import zip_longest

COMMANDS = (
    "diff",
    "submit",
    "accept",
    "history",
    "suggest-key",
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
_EXIT_CODES = ("differences", "verdict")
_OWN_OPTIONS = ("-h", "--help", "-V", "--version", "--install-completion", "--show-completion")


def with_command(words: Sequence[str]) -> list[str]:
    """The words as typer reads them.

    `diff` comes first if they name files or options instead of a command. Options that need no
    value get one, because typer requires it.
    """
    first, *others = words = _with_values(words or ["help"])
    if first == "-version":  # -v takes a value
        return ["version"]
    if first == "help":
        return [*others[:1], "--help"]
    if first == "keys" and not others:
        return ["keys", "--help"]
    if first in COMMANDS or first in _OWN_OPTIONS:
        return words
    # pathlib loads slowly
    is_file = not first or "/" in first or "." in first or os.path.exists(first)  # noqa: PTH110
    return ["diff", *words] if is_file or first.startswith("-") else words


def _with_values(words: Sequence[str]) -> list[str]:
    """The words, with a value after each option that may be given without one."""
    found = []
    for word, following in zip_longest(words, words[1:], fillvalue=""):
        found.append(word)
        if word == "--explain" and following != "-" and following[:1] in ("", "-"):
            found.append("-")
        if word == "--exit-code" and following not in _EXIT_CODES:
            found.append(_EXIT_CODES[0])
    return found
