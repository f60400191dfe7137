"""The page of a job as one file, which needs no service: inline style, no script, no request."""

import base64
import hashlib
from collections.abc import Mapping
from typing import Any

from starlette.responses import Response

from diffing.api.pages.rendering import page
from diffing.api.pages.static_files import FILES
from diffing.store.counters import ONE_OFF
from diffing.store.job import Job

_STYLE = FILES["style.css"].read_text(encoding="utf-8")
_DIGEST = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
# the policy of the service would forbid its inline style, so it has one of its own
_POLICY = f"default-src 'none'; style-src 'sha256-{_DIGEST}'; base-uri 'none'; form-action 'none'"


def report_of(job: Job, values: Mapping[str, Any]) -> Response:
    """The report of a job that succeeded, to save.

    Args:
        job: with its summary.
        values: of its page.
    """
    of_report = {"report": True, "style": _STYLE, "policy": _POLICY}
    response = page("report", {**values, **of_report})
    name = f"{job.metric or ONE_OFF}_report_{job.id}.html"
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response
