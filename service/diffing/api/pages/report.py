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
from diffing.api.pages.rendering import page, rendered
from diffing.api.pages.sections import sections_of
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


def report_of(job: Job, values: Mapping[str, Any]) -> Response:
    """The report of a job that succeeded, to save.

    Args:
        job: with its summary.
        values: of its page.
    """
    response = page("report", {**values, **_OF_REPORT})
    name = f"{job.metric or ONE_OFF}_report_{job.id}.html"
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def report_without_service(summary: Mapping[str, Any], document: Mapping[str, Any]) -> str:
    """The HTML of a report of a diff on the command line, which just ended.

    Args:
        summary: of the diff, as JSON values.
        document: of its analysis.
    """
    differs = summary["emitted"] or summary["removed"]
    values = {
        **_OF_REPORT,
        "base": None,
        "job": _Diff(summary["metric"], datetime.now(UTC)),
        "summary": summary,
        "comparison": summary,
        "analysis": Shown("", [], sections_of(document)) if differs else None,
        "accounts": accounts_of(summary),
        "columns": changed_columns_of(summary),
        "commands": commands_without_service(summary),
    }
    return rendered("report", values)
