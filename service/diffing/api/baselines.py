"""Endpoints of accepted files and pins, with which the old file of a metric is replaced."""

from functools import partial
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from diffing.api.access import caller_of
from diffing.api.backend import Backend
from diffing.api.bodies import json_of
from diffing.api.jobs import NOT_STORED, iso
from diffing.api.paging import cursor_after, id_in, limit_in, link_to_next
from diffing.core.baseline import ACCEPTED, PIN_NAME
from diffing.core.catalogue import Metric
from diffing.core.errors import (
    Conflict,
    ContentGone,
    MissingInput,
    ResultGone,
    Unprocessable,
)
from diffing.core.remote_file import RemoteFile
from diffing.core.text import faults, written_as
from diffing.store.baselines import Acceptance, Pin
from diffing.store.job import Job, Status
from diffing.store.job_inputs import new_file
from diffing.store.jobs import LARGEST_ID

_METRIC = "/api/diffing/metrics/{metric_id}"
JobNumber = Annotated[int, Field(ge=1, le=LARGEST_ID, strict=True)]


PinName = Annotated[
    str,
    written_as(
        PIN_NAME,
        "must be 1 to 80 letters, digits, points, hyphens and underscores, and begin with a "
        "letter or a digit",
    ),
]


class _Accept(BaseModel):
    model_config = ConfigDict(extra="forbid")

    job_id: JobNumber
    note: Annotated[str, Field(max_length=1000)] = ""


class _Pin(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: PinName
    job_id: JobNumber


_Body = TypeVar("_Body", _Accept, _Pin)


class BaselineViews:
    """Accepts the new files of jobs, and gives them names."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    def routes(self) -> list[Route]:
        """The routes of these endpoints."""
        return [
            Route(f"{_METRIC}/accept", self.accept, methods=["POST"]),
            Route(f"{_METRIC}/accepted", self.accepted),
            Route(f"{_METRIC}/pins", self.make_pin, methods=["POST"]),
            Route(f"{_METRIC}/pins", self.pins),
            Route(f"{_METRIC}/pins/{{pin}}", self.remove_pin, methods=["DELETE"]),
        ]

    async def accept(self, request: Request) -> Response:
        """Accept the new file of a job. Repeating it changes nothing."""
        metric = self._metric(request)
        accepted = await self.accept_new_file_of(request, metric, await json_of(request))
        return JSONResponse(_accepted(accepted), headers=NOT_STORED)

    async def accept_new_file_of(
        self, request: Request, metric: Metric, members: dict[str, Any]
    ) -> Acceptance:
        """Accept the new file of a job.

        Args:
            request: of the caller who accepts it.
            metric: of the job.
            members: job_id, and note if there is one.

        Raises:
            Unprocessable: a member is wrong.
            UnknownJob, ResultGone: the job is unknown, or was removed.
            Conflict, ContentGone: the job cannot be accepted.
            DiskUnavailable, StorageUnavailable: its file cannot be kept.
        """
        asked, owner = _checked(_Accept, members), caller_of(request).owner

        def work() -> Acceptance:
            with self._backend.kept.staying():
                job, kept = self._kept(metric, asked.job_id)
                return self._backend.baselines.accept(job, kept, owner, asked.note)

        return await run_in_threadpool(work)

    def accepted(self, request: Request) -> Response:
        """A page of the accepted files of a metric, newest first."""
        asked = request.query_params
        most, before = limit_in(asked.get("limit")), id_in(asked.get("cursor"))
        metric = self._metric(request)
        found = self._backend.baselines.accepted(metric.id, most + 1, before)
        following = cursor_after(found[most - 1].id) if len(found) > most else None
        return JSONResponse(
            {"accepted": [_accepted(one) for one in found[:most]], "next": following},
            headers=NOT_STORED | link_to_next(request, following),
        )

    async def make_pin(self, request: Request) -> Response:
        """Give the new file of a job a name. Repeating it changes nothing."""
        metric = self._metric(request)
        asked = _checked(_Pin, await json_of(request))
        owner = caller_of(request).owner

        def work() -> Pin:
            with self._backend.kept.staying():
                job, kept = self._kept(metric, asked.job_id)
                return self._backend.baselines.make_pin(asked.name, job, kept, owner)

        return JSONResponse(_pinned(await run_in_threadpool(work)), headers=NOT_STORED)

    def pins(self, request: Request) -> Response:
        """The pins of a metric, by name."""
        metric = self._metric(request)
        found = self._backend.baselines.pins(metric.id)
        return JSONResponse({"pins": [_pinned(pin) for pin in found]}, headers=NOT_STORED)

    def remove_pin(self, request: Request) -> Response:
        """Remove a pin. Its file stays as long as another use of it."""
        metric = self._metric(request)
        self._backend.baselines.remove_pin(metric.id, request.path_params["pin"])
        return Response(status_code=204, headers=NOT_STORED)

    def _metric(self, request: Request) -> Metric:
        return self._backend.catalogue.find(request.path_params["metric_id"])

    def _kept(self, metric: Metric, job_id: int) -> tuple[Job, str]:
        """A job whose new file is kept from now on, and its name among the kept files.

        Raises:
            UnknownJob, ResultGone: the job is unknown, or was removed.
            Conflict: the job is of another metric, has not succeeded, or its file has changed.
            DiskUnavailable, StorageUnavailable: the file cannot be kept.
        """
        job = self._backend.jobs.get(job_id)
        if job.metric != metric.id:
            of = f"of the metric {job.metric}" if job.metric else "a one-off diff"
            raise Conflict(f"Job {job.id} is {of}, not of {metric.id}.")
        if job.status is not Status.SUCCEEDED or job.summary is None:
            raise Conflict(
                f"Job {job.id} is {job.status}. Only the file of a job that succeeded can be "
                "accepted or pinned."
            )
        sha256 = job.summary["new"].get("sha256")
        if sha256 is None:
            raise ContentGone(
                f"Job {job.id} ran before this release, which knows the content of files. "
                "Start a new job."
            )
        if job.kept and self._backend.kept.has(job.kept):
            return job, job.kept
        try:
            file = new_file(self._backend.settings, job, metric)
        except MissingInput as error:
            raise ContentGone(error.detail) from None
        if isinstance(file, RemoteFile) and file.label is None:  # not in a bucket of the service
            raise ContentGone(
                f"The new file of job {job.id} came from a URL and was not kept. In the catalogue, "
                f'set old = "{ACCEPTED}" for the metric {metric.id}, and start a new job.'
            )
        return job, self._backend.kept.keep(file, sha256, partial(self._taken, job))

    def _taken(self, job: Job, wanted: str) -> str:
        if name := self._backend.baselines.take(job, wanted):
            return name
        raise ResultGone(f"Job {job.id} was removed. Start a new job.")


def _checked(kind: type[_Body], members: dict[str, Any]) -> _Body:
    try:
        return kind.model_validate(members)
    except ValidationError as error:
        raise Unprocessable(f"{faults(error, kind.model_fields)}.") from None


def acceptance_of(one: Acceptance) -> dict[str, Any]:
    """How and when a file was accepted, as JSON values."""
    return {
        "accepted_at": iso(one.accepted_at),
        "how": one.how,
        "api_key": one.api_key,
        "note": one.note,
    }


def _accepted(one: Acceptance) -> dict[str, Any]:
    return {**_file(one), **acceptance_of(one)}


def _pinned(pin: Pin) -> dict[str, Any]:
    return {
        "pin": pin.pin,
        **_file(pin),
        "pinned_at": iso(pin.pinned_at),
        "api_key": pin.api_key,
    }


def _file(of: Acceptance | Pin) -> dict[str, Any]:
    return {"metric": of.metric, "job_id": of.job_id, "name": of.name, "sha256": of.sha256}
