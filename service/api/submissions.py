"""Endpoints that take a diff: they record and queue a job."""

import hashlib
import logging
import re

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from service.api.access import caller_of
from service.api.backend import Backend
from service.api.jobs import headers_of
from service.api.problems import problem
from service.catalogue import Metric, find_inputs
from service.errors import BadArgument, DatabaseUnavailable, KeyReused, NotFound
from service.jobs import Job, Submission

_log = logging.getLogger(__name__)


class Submissions:
    """Takes diffs."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    def routes(self) -> list[Route]:
        """The table of these endpoints."""
        return [
            self._post_or_get("/api/diffing/new/{metric_id}"),
            self._post_or_get("/api/diffing/new/{metric_id}/"),
        ]

    def _post_or_get(self, path: str) -> Route:
        route = Route(path, self.new_job)
        route.methods = {"GET", "POST"}  # Starlette adds HEAD to GET, but it must change nothing
        return route

    async def new_job(self, request: Request) -> Response:
        """Record and queue a job, or find that of the same Idempotency-Key: 202 with its id."""
        key = request.headers.get("idempotency-key")
        if key is not None and not re.fullmatch(r"[\x21-\x7e]{1,255}", key):
            raise BadArgument("The Idempotency-Key must be 1 to 255 ASCII characters, no spaces.")
        digest = hashlib.sha256()
        if key is not None:
            async for chunk in request.stream():
                digest.update(chunk)
        return await run_in_threadpool(
            self._new_job,
            request.path_params["metric_id"],
            caller_of(request).owner,
            key,
            digest.hexdigest(),
        )

    def _new_job(self, metric_id: str, owner: str | None, key: str | None, body: str) -> Response:
        try:
            metric = self._backend.catalogue.find(metric_id)
            job = self._requested(metric, owner, key, body)
        except NotFound as error:
            return problem(error, metrics=list(self._backend.catalogue.metrics))
        return JSONResponse({"job_id": job.id}, status_code=202, headers=headers_of(job))

    def _requested(self, metric: Metric, owner: str | None, key: str | None, body: str) -> Job:
        """The job of an Idempotency-Key, or a new one."""
        jobs, settings = self._backend.jobs, self._backend.settings
        asked = f"{metric.id} {body}" if key else None
        if key and asked and (job := jobs.requested(owner, key, asked)):
            return job
        find_inputs(metric, settings.input_dir)
        try:
            job = jobs.create(
                Submission(metric.id, owner=owner, idempotency_key=key, request=asked),
                settings.max_queued,
            )
        except KeyReused:
            # the same request came twice at once, and the other was first
            if key and asked and (job := jobs.requested(owner, key, asked)):
                return job
            raise
        try:
            self._backend.queue.put(job.id)
        except DatabaseUnavailable as error:
            # it is recorded, so it was accepted: a reaper puts it into the queue
            _log.error("job %d could not be queued at once: %s", job.id, error)
        return job
