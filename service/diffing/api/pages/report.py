"""The page of a job as one file, which needs no service: inline style, no script, no request."""

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from starlette.responses import Response

from diffing.api.pages.accounts import accounts_of, changed_columns_of
from diffing.api.pages.analysis import Shown
from diffing.api.pages.commands import commands_without_service
from diffing.api.pages.markdown import markdown_of
from diffing.api.pages.rendering import page, rendered
from diffing.api.pages.sections.document import Sections, sections_of
from diffing.api.pages.static_files import FILES
from diffing.store.counters import ONE_OFF
from diffing.store.job import Job, Status

_STYLE = FILES["style.css"].read_text(encoding="utf-8")
_DIGEST = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
# the policy of the service would forbid its inline style, so it has one of its own
_POLICY = f"default-src 'none'; style-src 'sha256-{_DIGEST}'; base-uri 'none'; form-action 'none'"
_OF_REPORT = {"report": True, "style": _STYLE, "policy": _POLICY}


@dataclass(frozen=True)
class _Diff:
    """A diff without a service, in the place of a job that succeeded."""

    metric: str | None
    created_at: datetime
    id: None = None
    status: Status = Status.SUCCEEDED
    reused_from: None = None


def report_of(job: Job, values: Mapping[str, Any]) -> Response:
    """The report of a job that succeeded, to save.

    Args:
        job: with its summary.
        values: of its page.
    """
    return _saved(job, "html", page("report", {**values, **_OF_REPORT}))


def markdown_report_of(job: Job, values: Mapping[str, Any]) -> Response:
    """The same as Markdown.

    Args:
        job: with its summary.
        values: of its page.
    """
    analysis, address = values["analysis"], f"{values['base']}/jobs/{job.id}"
    text = markdown_of(values["summary"], analysis and analysis.sections, address)
    return _saved(job, "md", Response(text, media_type="text/markdown"))


def _saved(job: Job, suffix: str, response: Response) -> Response:
    name = f"{job.metric or ONE_OFF}_report_{job.id}.{suffix}"
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def report_without_service(summary: Mapping[str, Any], document: Mapping[str, Any]) -> str:
    """The HTML of a report of a diff on the command line, which just ended.

    Args:
        summary: of the diff, as JSON values.
        document: of its analysis.
    """
    sections = _sections(summary, document)
    values = {
        **_OF_REPORT,
        "base": None,
        "job": _Diff(summary["metric"], datetime.now(UTC)),
        "summary": summary,
        "comparison": summary,
        "analysis": sections and Shown("", [], sections),
        "accounts": accounts_of(summary),
        "columns": changed_columns_of(summary),
        "commands": commands_without_service(summary),
    }
    return rendered("report", values)


def markdown_without_service(summary: Mapping[str, Any], document: Mapping[str, Any]) -> str:
    """The same as Markdown.

    Args:
        summary: of the diff, as JSON values.
        document: of its analysis.
    """
    return markdown_of(summary, _sections(summary, document))


def _sections(summary: Mapping[str, Any], document: Mapping[str, Any]) -> Sections | None:
    """The sections; None if nothing changed."""
    return sections_of(document) if summary["emitted"] or summary["removed"] else None
