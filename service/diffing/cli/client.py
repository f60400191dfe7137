"""An HTTP client of the service: it starts diffs, waits for them, and fetches results."""

import hashlib
import io
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from http import HTTPStatus
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote

import httpx2

from diffing.core.errors import DiffFailed, Refused, Unreachable
from diffing.core.option_texts import option_texts
from diffing.core.progress import Progress
from diffing.core.settings import load_client_settings
from diffing.files.results import Outputs

Report = Callable[[Progress], None]
Members = Mapping[str, float | Sequence[str]]

_TIMEOUT_SECONDS = 60.0
_PATIENCE_SECONDS = 60.0
_PAGE = 100
_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 1.0


class Client:
    """A connection to a service.

    It retries failed requests for a minute. A request for a job has an Idempotency-Key, so retries
    start only one job.

    Args:
        url: of the service, such as `http://127.0.0.1:8000`.
        token: of an API key; None without one.
    """

    def __init__(self, url: str, token: str | None = None) -> None:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        try:
            self._http = httpx2.Client(base_url=url, headers=headers, timeout=_TIMEOUT_SECONDS)
        except (httpx2.InvalidURL, ValueError):
            raise Unreachable(f"Invalid address {url} of a service.") from None
        self._url = url
        self._has_answered = False

    @classmethod
    def of_settings(cls, url: str | None) -> Self:
        """A connection by the settings.

        Args:
            url: in place of the one in the settings; None for that.

        Raises:
            BadSetting: a setting is wrong.
            Unreachable: the address is invalid.
        """
        settings = load_client_settings(url=url)
        token = settings.token.get_secret_value() if settings.token else None
        return cls(settings.url, token)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self._http.close()

    def submit(
        self,
        metric: str | None,
        members: Members | None = None,
        files: Sequence[Path] = (),
        report: Report = lambda _: None,
        *,
        fresh: bool = False,
    ) -> int:
        """Request a diff.

        Args:
            metric: id in the service's catalogue; None for a one-off diff.
            members: of the request body of the API: columns and tolerances.
            files: old and new, to upload; empty for files of the service.
            report: called with the progress of the upload.
            fresh: whether to compare the files, even if an earlier job did.

        Returns:
            The id of the job.

        Raises:
            Refused: the service refused the request; the text is its own.
            Unreachable: the service does not answer.
        """
        path = "/api/diffing/new" + (f"/{quote(metric, safe='')}" if metric else "")
        path += "?fresh=1" if fresh else ""
        headers = {"Idempotency-Key": str(uuid.uuid4())}

        def send() -> httpx2.Response:
            with ExitStack() as open_files:
                body = _body(members or {}, files, report, open_files)
                return self._http.post(path, headers=headers, **body)

        return int(self._answered(send).json()["job_id"])

    def wait(self, job_id: int, report: Report = lambda _: None) -> None:
        """Wait until a job has succeeded.

        Args:
            job_id: its id.
            report: called with its progress.

        Raises:
            DiffFailed: it failed or was cancelled; the text is the service's.
            Refused, Unreachable: as from `submit`.
        """
        pause = _FIRST_PAUSE
        while True:
            job = self._get(f"/api/diffing/job/{job_id}/status").json()
            match job["status"]:
                case "succeeded":
                    return
                case "failed":
                    raise DiffFailed(f"Job {job_id} failed: {job['error']['detail']}")
                case "cancelled":
                    raise DiffFailed(f"Job {job_id} was cancelled.")
            stage = job["stage"] or job["status"]
            report(Progress(stage, job["bytes_read"], job["bytes_total"]))
            time.sleep(pause)
            pause = min(pause * 1.5, _LONGEST_PAUSE)

    def summary(self, job_id: int) -> dict[str, Any]:
        """The summary of a job that succeeded.

        Raises:
            Refused, Unreachable: as from `submit`.
        """
        return dict(self._get(f"/api/diffing/job/{job_id}/summary").json())

    def history(self, metric: str, most: int) -> list[dict[str, Any]]:
        """The ended jobs of a metric, newest first.

        Args:
            metric: id in the service's catalogue.
            most: number of jobs.

        Raises:
            Refused, Unreachable: as from `submit`.
        """
        path = f"/api/diffing/metrics/{quote(metric, safe='')}/history"
        found: list[dict[str, Any]] = []
        cursor = ""
        while len(found) < most:
            page = self._get(f"{path}?limit={min(most - len(found), _PAGE)}{cursor}").json()
            found += page["history"]
            if page["next"] is None:
                break
            cursor = f"&cursor={quote(page['next'], safe='')}"
        return found

    def accept(self, metric: str, job_id: int, note: str) -> dict[str, Any]:
        """Accept the new file of a job. A retry changes nothing.

        Args:
            metric: id in the service's catalogue.
            job_id: of a job of the metric that succeeded.
            note: the reason.

        Raises:
            Refused, Unreachable: as from `submit`.
        """
        path = f"/api/diffing/metrics/{quote(metric, safe='')}/accept"
        members = {"job_id": job_id, "note": note}
        return dict(self._answered(lambda: self._http.post(path, json=members)).json())

    def fetch(self, job_id: int, output: Path) -> list[str]:
        """Write the result of a job that succeeded. The file appears when it is complete.

        Returns:
            The warnings of the diff.

        Raises:
            DiffFailed: the SHA-256 differs from the summary.
            BadArgument: the file cannot be written.
            OutOfDisk: the disk is full.
            Refused, Unreachable: as from `submit`.
        """
        summary = self.summary(job_id)
        promised = summary["result"]["sha256"]
        with Outputs(result=output).parts() as parts:
            digest = hashlib.sha256()
            with (
                self._open(f"/api/diffing/job/{job_id}") as response,
                parts.paths[0].open("wb") as file,
            ):
                for chunk in response.iter_bytes():
                    digest.update(chunk)
                    file.write(chunk)
            if digest.hexdigest() != promised:
                raise DiffFailed(
                    f"The result of job {job_id} was damaged on the way. Fetch it again."
                )
        return [warning["detail"] for warning in summary.get("warnings", [])]

    def _get(self, path: str) -> httpx2.Response:
        return self._answered(lambda: self._http.get(path))

    @contextmanager
    def _open(self, path: str) -> Iterator[httpx2.Response]:
        """An answer, read in chunks."""
        try:
            with self._http.stream("GET", path) as response:
                if response.is_error:
                    response.read()
                yield _accepted(response)
        except httpx2.TransportError as error:
            raise self._unreachable(error) from None

    def _answered(self, send: Callable[[], httpx2.Response]) -> httpx2.Response:
        """The answer to a request, after retries."""
        deadline = time.monotonic() + _PATIENCE_SECONDS
        pause = _FIRST_PAUSE
        while True:
            try:
                response = send()
            except httpx2.TransportError as error:
                # at the first request, a wrong address is more likely than a restart
                first = isinstance(error, httpx2.ConnectError | httpx2.UnsupportedProtocol)
                if (first and not self._has_answered) or time.monotonic() + pause > deadline:
                    raise self._unreachable(error) from None
            else:
                self._has_answered = True
                later = response.headers.get("retry-after", "")
                if response.status_code != HTTPStatus.SERVICE_UNAVAILABLE or not later.isdigit():
                    return _accepted(response)
                pause = max(pause, float(later))
                if time.monotonic() + pause > deadline:
                    return _accepted(response)
            time.sleep(pause)
            pause = min(pause * 2, 10.0)

    def _unreachable(self, error: Exception) -> Unreachable:
        reason = str(error).rstrip(".") or type(error).__name__
        return Unreachable(
            f"No service answers at {self._url}: {reason}. Start one with diffing serve, or name "
            "another with --url or DIFFING_URL."
        )


class _Reported(io.BufferedReader):
    """A file that reports the bytes that were read."""

    def __init__(self, path: Path, on_read: Callable[[int], None]) -> None:
        super().__init__(path.open("rb", buffering=0))
        self._on_read = on_read

    def read(self, size: int | None = -1, /) -> bytes:
        """The next bytes."""
        found = super().read(size)
        self._on_read(len(found))
        return found


def _body(
    members: Members, files: Sequence[Path], report: Report, open_files: ExitStack
) -> dict[str, Any]:
    """The body for httpx2: form and files, or JSON, or nothing."""
    if not files:
        return {"json": members} if members else {}
    total = sum(path.stat().st_size for path in files)
    sent = 0

    def on_read(count: int) -> None:
        nonlocal sent
        sent += count
        report(Progress("sending", sent, total))

    parts = {
        side: (path.name, open_files.enter_context(_Reported(path, on_read)))
        for side, path in zip(("old", "new"), files, strict=True)
    }
    return {"data": option_texts(members), "files": parts}


def _accepted(response: httpx2.Response) -> httpx2.Response:
    if response.is_success:
        return response
    try:
        said = response.json()
        own = str(said["type"]).startswith("urn:diffing:")
        raise Refused(said["detail"] if own else f"{said['title']}: {said['detail']}")
    except (ValueError, KeyError, TypeError):
        raise Refused(
            f"Unexpected answer {response.status_code}. Is this a diffing service?"
        ) from None
