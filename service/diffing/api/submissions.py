"""Endpoints that start a diff: they record and queue a job."""

import logging
import re
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from diffing.api.access import caller_of
from diffing.api.backend import Backend
from diffing.api.bodies import Body, body_of
from diffing.api.headers import require_headers, without_key
from diffing.api.http.problems import problem
from diffing.api.jobs import headers_of, seconds_to_wait
from diffing.api.options import MetricOptions, comparison_of, options_of
from diffing.core.baseline import against, is_baseline
from diffing.core.catalogue import Metric
from diffing.core.comparison import Comparison, Options
from diffing.core.errors import (
    BadArgument,
    DatabaseUnavailable,
    KeyReused,
    NotFound,
    Unprocessable,
)
from diffing.core.input_file import InputFile
from diffing.files.inputs import Source, find_input, find_inputs, new_of, old_of
from diffing.files.uploads import Upload
from diffing.store.job import FINISHED, Job, Submission

_log = logging.getLogger(__name__)
# in place of the id of a metric, which cannot begin with a hyphen
_NO_METRIC = "-"


@dataclass(frozen=True)
class _Asked:
    """A request for a job, apart from its body.

    Args:
        metric: the metric; None for a one-off diff.
        owner: id of the API key; None without API keys.
        idempotency_key: from the client; None without one.
        fresh: whether to compare the files, even if an earlier job did.
        old: a baseline in the place of the old file; None without one.
    """

    metric: Metric | None
    owner: str | None
    idempotency_key: str | None = None
    fresh: bool = False
    old: str | None = None

    def digest(self, body: Body) -> str:
        """A digest of the request, the same for the same order."""
        fresh = " fresh" if self.fresh else ""
        old = f" {self.old}" if self.old else ""
        return f"{self.metric.id if self.metric else _NO_METRIC} {body.digest()}{fresh}{old}"

    def members(self, body: Body) -> dict[str, Any]:
        """The members of the body, with the old file of the query.

        Raises:
            Unprocessable: both name an old file.
        """
        if self.old is None:
            return body.members
        if "old" in body.members:
            raise Unprocessable("old: given in the body and as ?old=. Give one of them.")
        return {**body.members, "old": self.old}


def _uploaded(upload: Upload) -> tuple[InputFile, InputFile]:
    old, new = upload.paths
    return InputFile(old, upload.names["old"]), InputFile(new, upload.names["new"])


def _recorded(file: Source) -> str | None:
    """The name of a file for the jobs table; None for a URL, which the catalogue keeps."""
    return file.name if isinstance(file, InputFile) else file.label


def is_fresh(request: Request) -> bool:
    """Whether `?fresh=1` asks to compare the files, even if an earlier job did.

    Raises:
        BadArgument: it is neither 0 nor 1.
    """
    text = request.query_params.get("fresh", "0")
    if text not in ("0", "1"):
        raise BadArgument("fresh must be 0 or 1.")
    return text == "1"


def _baseline_in(request: Request) -> str | None:
    """The baseline of `?old=`; None without it.

    Raises:
        BadArgument: it is not a baseline.
    """
    text = request.query_params.get("old")
    if text is not None and not is_baseline(text):
        raise BadArgument("old must be accepted, or pin:NAME with the name of a pin.")
    return text


def _idempotency_key_in(request: Request) -> str | None:
    """The Idempotency-Key; None without one.

    Raises:
        BadArgument: it is invalid, or the request has several.
    """
    given = request.headers.getlist("idempotency-key")
    if len(given) > 1:
        raise BadArgument("The request has more than one Idempotency-Key.")
    if given and not re.fullmatch(r"[\x21-\x7e]{1,255}", given[0]):
        raise BadArgument("The Idempotency-Key must be 1 to 255 ASCII characters, no spaces.")
    return given[0] if given else None


class Submissions:
    """Starts diffs."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    def routes(self) -> list[Route]:
        """The routes of these endpoints."""
        return [
            Route("/api/diffing/new", self.new_job, methods=["POST"]),
            Route("/api/diffing/new/", self.new_job, methods=["POST"]),
            self._post_or_get("/api/diffing/new/{metric_id}"),
            self._post_or_get("/api/diffing/new/{metric_id}/"),
        ]

    def _post_or_get(self, path: str) -> Route:
        route = Route(path, self.new_job)
        route.methods = {"GET", "POST"}  # Starlette adds HEAD to GET, but HEAD must change nothing
        return route

    async def new_job(self, request: Request) -> Response:
        """Record and queue a job, or find that of the Idempotency-Key: 202 with its id.

        With `?wait=`, the answer waits for the end of the job, or for so many seconds.
        """
        idempotency_key = _idempotency_key_in(request)
        seconds = seconds_to_wait(request)
        metric_id = request.path_params.get("metric_id")
        try:
            job = await self.submit(request, metric_id, idempotency_key)
        except NotFound as error:
            if metric_id is None:
                raise
            return problem(error, metrics=list(self._backend.catalogue.metrics))
        if seconds and job.status not in FINISHED:
            await self._backend.watch.until_end(job.id, request, seconds)
        return JSONResponse({"job_id": job.id}, status_code=202, headers=headers_of(job))

    async def submit(
        self,
        request: Request,
        metric_id: str | None,
        idempotency_key: str | None = None,
        *,
        from_page: bool = False,
    ) -> Job:
        """Record and queue the job of a request, or find that of the Idempotency-Key.

        Args:
            request: its body has options, or files.
            metric_id: the metric; None for a one-off diff.
            idempotency_key: from the client; None without one.
            from_page: whether it is a form of a page.

        Raises:
            NotFound: the metric is unknown, or an input file is missing.
            BadArgument, Unprocessable, UnsupportedBody, TooLarge: the body is invalid.
            QueueFull, KeyReused, DiskUnavailable, DatabaseUnavailable, StorageUnavailable: it
                cannot be recorded.
        """
        owner, settings = caller_of(request).owner, self._backend.settings
        fresh = is_fresh(request)
        metric = await run_in_threadpool(self._welcome, metric_id, owner, idempotency_key)
        asked = _Asked(metric, owner, idempotency_key, fresh, _baseline_in(request))
        async with body_of(request, settings, one_off=metric is None, from_page=from_page) as body:
            return await run_in_threadpool(self._requested, asked, body)

    async def submit_again(self, request: Request, job: Job, tolerances: dict[str, Any]) -> Job:
        """Record and queue a job with the files and options of another, but other tolerances.

        Args:
            request: of a page; its body was read.
            job: of files in the folder of inputs.
            tolerances: members of a request body.

        Raises:
            NotFound: the metric is unknown, or an input file is missing.
            Unprocessable: the tolerances do not fit the columns.
            QueueFull, DatabaseUnavailable: it cannot be recorded.
        """
        owner, found = caller_of(request).owner, job.comparison or {}
        names = Options.model_fields if job.metric else Comparison.model_fields
        members: dict[str, Any] = {name: found[name] for name in names if name in found}
        members |= {side: name for side in ("old", "new") if (name := getattr(job, side))}
        own = members.get("tolerance", {}) | tolerances.get("tolerance", {})
        members |= tolerances | ({"tolerance": own} if own else {})
        metric = await run_in_threadpool(self._welcome, job.metric, owner, None)
        return await run_in_threadpool(self._requested, _Asked(metric, owner), Body(members))

    def _welcome(
        self, metric_id: str | None, owner: str | None, idempotency_key: str | None
    ) -> Metric | None:
        """The metric of a request, after early checks; None for a one-off diff."""
        metric = None if metric_id is None else self._backend.catalogue.find(metric_id)
        if idempotency_key is None or not self._backend.jobs.has_idempotency_key(
            owner, idempotency_key
        ):
            self._backend.jobs.require_room(self._backend.settings.max_queued)
        return metric

    def _requested(self, asked: _Asked, body: Body) -> Job:
        """The job of an Idempotency-Key, or a new one."""
        jobs, metric = self._backend.jobs, asked.metric
        if metric is None and "key" not in body.members:
            raise self._missing_key(body)
        options = options_of(asked.members(body), metric)
        comparison = comparison_of(options, metric)
        digest = asked.digest(body) if asked.idempotency_key else None
        if job := self._known(asked, digest):
            return job
        chosen = comparison or metric
        baseline = self._baseline(options, metric, body)
        if metric and baseline:
            old, new, chosen = self._against_baseline(options, metric, comparison)
        else:
            may_be_missing = chosen is not None and chosen.old_may_be_missing
            old, new = self._inputs(options, metric, body.upload, may_be_missing)
        if chosen:
            require_headers(chosen, old, new)
        are_named = body.upload or options.old or options.new
        submission = Submission(
            metric=metric.id if metric else None,
            comparison=comparison.model_dump(mode="json") if comparison else None,
            old=(baseline or _recorded(old)) if are_named else None,
            new=_recorded(new) if are_named else None,
            upload=body.upload.name if body.upload else None,
            owner=asked.owner,
            idempotency_key=asked.idempotency_key,
            request=digest,
            fresh=asked.fresh,
        )
        try:
            with self._keeping(body.upload):
                job = jobs.create(submission, self._backend.settings.max_queued)
        except KeyReused:
            # the same request came twice at once, and the other one was first
            if job := self._known(asked, digest):
                return job
            raise
        self._queue(job)
        return job

    def _keeping(self, upload: Upload | None) -> AbstractContextManager[None]:
        return self._backend.storage.keeping(upload) if upload else nullcontext()

    def _known(self, asked: _Asked, digest: str | None) -> Job | None:
        """The job of an Idempotency-Key; None without one."""
        if asked.idempotency_key is None or digest is None:
            return None
        return self._backend.jobs.requested(asked.owner, asked.idempotency_key, digest)

    def _inputs(
        self,
        options: MetricOptions,
        metric: Metric | None,
        upload: Upload | None,
        may_be_missing: bool,
    ) -> tuple[Source, Source]:
        """The files: sent, named, or those of the metric. Only old may be missing."""
        if upload:
            return _uploaded(upload)
        folder = self._backend.settings.inputs
        if metric and not (options.old or options.new):
            return find_inputs(metric, folder, may_be_missing)
        old: Source = (
            old_of(metric, folder, may_be_missing=may_be_missing)
            if metric and not options.old
            else find_input(options.old, folder, may_be_missing=may_be_missing)
        )
        if metric and not options.new:
            return old, new_of(metric, folder)
        return old, find_input(options.new, folder)

    @staticmethod
    def _baseline(options: MetricOptions, metric: Metric | None, body: Body) -> str | None:
        """The name of the baseline in the place of the old file; None for another file."""
        name = options.old or (metric.old if metric else "")
        return name if body.upload is None and is_baseline(name) else None

    def _against_baseline(
        self, options: MetricOptions, metric: Metric, comparison: Comparison | None
    ) -> tuple[Source, Source, Comparison]:
        """The kept file, the new one, and the comparison of both.

        Raises:
            UnknownPin: the metric has no such pin.
            MissingInput: the new file is missing.
        """
        baseline = self._backend.baselines.named(metric.id, options.old or metric.old)
        folder = self._backend.settings.inputs
        new = find_input(options.new, folder) if options.new else new_of(metric, folder)
        chosen = against(baseline, comparison or metric.comparison)
        return self._backend.kept.source_of(baseline), new, chosen

    def _missing_key(self, body: Body) -> Unprocessable:
        """The error for a one-off diff without a key; that of other members comes first."""
        try:
            options = options_of({**body.members, "key": "auto"}, None)
        except Unprocessable:
            options_of(body.members, None)
            raise
        old, new = self._inputs(options, None, body.upload, options.old_may_be_missing)
        return without_key(options, old, new)

    def _queue(self, job: Job) -> None:
        try:
            self._backend.queue.put(job.id)
        except DatabaseUnavailable as error:
            # the job is recorded, so it was accepted; a reaper will queue it
            _log.error("job %d could not be queued yet: %s", job.id, error)
