"""The same diff as commands: curl, the command line, and SQL."""

import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from diffing.core.comparison import Options
from diffing.core.dialect import PLAIN, SIDES
from diffing.core.option_texts import FLAGS, LISTS, RULES, TOLERANCES, option_texts
from diffing.core.text import typed_option
from diffing.store.job import Job

# they change no result
_OF_REPORTS = (
    RULES,
    "period",
    "settled_after",
    "today",
    "measure",
    "additive",
    "totals",
    "totals_by",
)
# the options that do not have the name of their field
_WORDS = {"additive": "--not-additive"}


@dataclass(frozen=True)
class Commands:
    """Commands that give the same result again.

    Args:
        curl: with the HTTP API; None without a service.
        shell: on the command line.
        sql: in the shell of DuckDB; None if its macro does not take an option or a column.
    """

    curl: str | None
    shell: str
    sql: str | None


def commands_of(job: Job, base: str) -> Commands:
    """The commands for a job that succeeded.

    Args:
        job: with its summary.
        base: address of the service.
    """
    summary = job.summary or {}
    return Commands(curl=_curl(job, summary, base), shell=_shell(summary), sql=_sql(summary))


def commands_without_service(summary: Mapping[str, Any]) -> Commands:
    """The commands for a diff on the command line.

    Args:
        summary: of the diff.
    """
    return Commands(curl=None, shell=_shell(summary), sql=_sql(summary))


def _curl(job: Job, summary: Mapping[str, Any], base: str) -> str:
    chosen = _chosen(summary)
    if job.metric and not job.upload:
        files = {side: name for side in ("old", "new") if (name := getattr(job, side))}
        own = files | (chosen if job.comparison else {})
        body = f"--json {shlex.quote(json.dumps(own))} " if own else "-X POST "
        return f"curl -s {body}{shlex.quote(f'{base}/api/diffing/new/{job.metric}')}"
    words = ["curl", "-s"]
    for side in ("old", "new"):
        words += ["-F", f"{side}=@{_file_of_curl(summary[side]['name'])}"]
    # with -F, curl would read signs such as ; and @ in a value
    for name, texts in option_texts({**_columns(summary), **chosen}).items():
        words += [word for text in texts for word in ("--form-string", f"{name}={text}")]
    return shlex.join([*words, f"{base}/api/diffing/new"])


def _file_of_curl(name: str) -> str:
    """A name after `@`, where a comma begins the next file, and a semicolon its type."""
    if not set(name) & set(',;"'):
        return name
    return '"' + name.replace('"', '\\"') + '"'


def _shell(summary: Mapping[str, Any]) -> str:
    words = ["diffing", "diff", summary["old"]["name"], summary["new"]["name"]]
    chosen = _chosen(summary)
    for name in [name for name in LISTS if name in {**_columns(summary), **chosen}]:
        option = typed_option(name)
        words += [word for item in summary[name] for word in (option, item)]
    words += [_WORDS.get(name, f"--{name}") for name in FLAGS if name in chosen]
    if "first" in chosen:
        words.append("--old-may-be-missing")
    rest = {
        name: option for name, option in chosen.items() if name not in (*LISTS, *FLAGS, "first")
    }
    for name, texts in option_texts(rest).items():
        words += [word for text in texts for word in (typed_option(name), text)]
    return shlex.join(words)


def _sql(summary: Mapping[str, Any]) -> str | None:
    chosen = {name: sign for name, sign in _chosen(summary).items() if name not in _OF_REPORTS}
    has_names = all([*summary["key"], *summary["value"]])  # the macro finds columns by name
    if not (has_names and chosen.keys() <= set(TOLERANCES)):
        return None
    lists = {name: f"[{', '.join(map(_literal, summary[name]))}]" for name in ("key", "value")}
    tolerances = "".join(f", {name} := {number!r}" for name, number in chosen.items())
    old, new = (_literal(summary[side]["name"]) for side in ("old", "new"))
    return (
        f".read sql/shell.sql\nfrom diff({old}, {new}, key := {lists['key']}, "
        f"value := {lists['value']}{tolerances});"
    )


def _columns(summary: Mapping[str, Any]) -> dict[str, Any]:
    return {name: summary[name] for name in ("key", "value")}


def _chosen(summary: Mapping[str, Any]) -> dict[str, Any]:
    """The options that differ from the usual ones, as fields of `Comparison`."""
    usual = Options().model_dump(mode="json") | dict.fromkeys(SIDES, PLAIN.model_dump())
    chosen = {
        name: summary[name] for name in usual if summary.get(name, usual[name]) != usual[name]
    }
    for side in set(SIDES) & set(chosen):
        own = chosen[side].items()
        chosen[side] = {name: sign for name, sign in own if sign != usual[side].get(name)}
    if "tolerance" in chosen:
        chosen["tolerance"] = {
            column: {name: number for name, number in own.items() if number is not None}
            for column, own in chosen["tolerance"].items()
        }
    return chosen


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
