"""The same diff as commands: curl, the command line, and SQL."""

import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from diffing.core.option_texts import option_texts
from diffing.store.job import Job


@dataclass(frozen=True)
class Commands:
    """Commands that give the same result again.

    Args:
        curl: with the HTTP API.
        shell: on the command line.
        sql: in the shell of DuckDB.
    """

    curl: str
    shell: str
    sql: str


def commands_of(job: Job, base: str) -> Commands:
    """The commands for a job that succeeded.

    Args:
        job: with its summary.
        base: address of the service.
    """
    summary = job.summary or {}
    return Commands(curl=_curl(job, summary, base), shell=_shell(summary), sql=_sql(summary))


def _curl(job: Job, summary: Mapping[str, Any], base: str) -> str:
    if job.metric and not job.upload and not job.comparison:
        return f"curl -s -X POST {shlex.quote(f'{base}/api/diffing/new/{job.metric}')}"
    if job.upload or not job.metric:
        fields = [f"old=@{summary['old']['name']}", f"new=@{summary['new']['name']}"]
        chosen = {name: summary[name] for name in ("key", "value")} | _tolerances(summary)
        for name, texts in option_texts(chosen).items():
            fields += [f"{name}={text}" for text in texts]
        parts = " ".join(f"-F {shlex.quote(field)}" for field in fields)
        return f"curl -s {parts} {shlex.quote(f'{base}/api/diffing/new')}"
    body = shlex.quote(json.dumps(_tolerances(summary)))
    return f"curl -s --json {body} {shlex.quote(f'{base}/api/diffing/new/{job.metric}')}"


def _shell(summary: Mapping[str, Any]) -> str:
    words = ["diffing", "diff", summary["old"]["name"], summary["new"]["name"]]
    for name in ("key", "value"):
        words += [word for column in summary[name] for word in (f"--{name}", column)]
    for name, texts in option_texts(_tolerances(summary)).items():
        words += [word for text in texts for word in (f"--{name.replace('_', '-')}", text)]
    return shlex.join(words)


def _sql(summary: Mapping[str, Any]) -> str:
    lists = {name: f"[{', '.join(map(_literal, summary[name]))}]" for name in ("key", "value")}
    tolerances = "".join(
        f", {name} := {number!r}"
        for name, number in _tolerances(summary).items()
        if name in ("rel_tol", "abs_tol")
    )
    old, new = (_literal(summary[side]["name"]) for side in ("old", "new"))
    return (
        f".read sql/shell.sql\nfrom diff({old}, {new}, key := {lists['key']}, "
        f"value := {lists['value']}{tolerances});"
    )


def _tolerances(summary: Mapping[str, Any]) -> dict[str, Any]:
    """The tolerances that differ from the default ones."""
    chosen: dict[str, Any] = {}
    if summary["rel_tol"] is not None:
        chosen["rel_tol"] = summary["rel_tol"]
    if summary["abs_tol"]:
        chosen["abs_tol"] = summary["abs_tol"]
    if summary["tolerance"]:
        chosen["tolerance"] = {
            column: {name: number for name, number in own.items() if number is not None}
            for column, own in summary["tolerance"].items()
        }
    return chosen


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
