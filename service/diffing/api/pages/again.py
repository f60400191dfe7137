"""The form that starts a job again with other tolerances and rules."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from diffing.api.backend import Backend
from diffing.api.jobs import job_named
from diffing.api.pages.commands import commands_of
from diffing.api.pages.forms import fields_of_form, lines_of
from diffing.api.pages.frame import frame_of
from diffing.api.pages.rendering import page, with_error_page
from diffing.api.submissions import Submissions
from diffing.core.errors import Conflict
from diffing.core.option_texts import RULES, TOLERANCES, option_texts, read_options
from diffing.store.job import FINISHED, Job


class AgainPage:
    """Starts a job again."""

    def __init__(self, backend: Backend, submissions: Submissions) -> None:
        self._backend = backend
        self._submissions = submissions

    def routes(self) -> list[Route]:
        """The routes of this page."""
        return [
            Route("/new", self.form, include_in_schema=False),
            Route("/new", self.start, methods=["POST"], include_in_schema=False),
        ]

    @with_error_page
    async def form(self, request: Request) -> Response:
        """The form: the job `?from=`, with `?rel_tol=`, `?abs_tol=` and `?expect=`."""
        return await run_in_threadpool(self._form, request)

    @with_error_page
    async def start(self, request: Request) -> Response:
        """Start the job."""
        fields = await fields_of_form(request)
        job = await run_in_threadpool(self._job, fields.get("from", ""), request)
        await run_in_threadpool(self._summary, job)
        if job.upload:
            raise Conflict("Uploaded files cannot be diffed again. Upload them again.")
        started = await self._submissions.submit_again(request, job, _options(fields))
        return RedirectResponse(f"/jobs/{started.id}", status_code=303)

    def _form(self, request: Request) -> Response:
        asked = request.query_params
        job = self._job(asked.get("from", ""), request)
        summary = self._summary(job)
        shown = {name: asked.get(name, _text(summary[name])) for name in TOLERANCES}
        values = {
            "frame": frame_of(self._backend, request, "jobs"),
            "job": job,
            "summary": summary,
            "tolerances": shown,
            "expect": lines_of(asked["expect"]) if "expect" in asked else _rules_of(summary),
            "command": _command(job, summary, shown) if job.upload else None,
        }
        return page("again", values)

    def _job(self, job_id: str, request: Request) -> Job:
        return job_named(job_id, request, self._backend)

    def _summary(self, job: Job) -> dict[str, Any]:
        """The summary of a job; without one, the options and files that it was to compare.

        Raises:
            Conflict: it has not ended.
            UnknownMetric: its metric left the catalogue.
        """
        if job.status not in FINISHED:
            raise Conflict(f"Job {job.id} has not ended. Cancel it first, or wait for its end.")
        if job.summary:
            return job.summary
        metric = self._backend.catalogue.find(job.metric) if job.metric else None
        options = job.comparison or (metric and metric.comparison.model_dump(mode="json")) or {}
        names = {side: getattr(job, side) or getattr(metric, side, "") for side in ("old", "new")}
        return {**options, **{side: {"name": name} for side, name in names.items()}}


def _command(job: Job, summary: Mapping[str, Any], texts: Mapping[str, str]) -> str:
    options = _tolerances(texts)
    own = {**summary["tolerance"], **options.pop("tolerance", {})}
    again = replace(job, summary={**summary, **options, "tolerance": own})
    return commands_of(again, "").shell


def _options(texts: Mapping[str, str]) -> dict[str, Any]:
    """The tolerances and rules of the form, as members of a request body.

    Raises:
        BadArgument: a text is not a tolerance, or not a rule.
    """
    return _tolerances(texts) | _expected(texts)


def _expected(texts: Mapping[str, str]) -> dict[str, Any]:
    """The rules of the form; without the field, those of the job stay."""
    if RULES not in texts:
        return {}
    return {RULES: read_options({RULES: lines_of(texts[RULES])})[RULES]}


def _rules_of(summary: Mapping[str, Any]) -> list[str]:
    return option_texts({RULES: summary.get(RULES, {})}).get(RULES, [])


def _tolerances(texts: Mapping[str, str]) -> dict[str, Any]:
    """The tolerances of the form, as members of a request body. Empty fields are the defaults.

    Raises:
        BadArgument: a text is not a tolerance.
    """
    given = {name: [text] for name in TOLERANCES if (text := texts.get(name, "").strip())}
    return {"rel_tol": None, "abs_tol": 0.0, **read_options(given)}


def _text(tolerance: float | None) -> str:
    return "" if tolerance is None else f"{tolerance:.15g}"
