"""An HTTP client of the service: it starts diffs, waits for them, and fetches results."""

import hashlib
import io
import re
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from http import HTTPStatus
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote

import httpx2

from diffing.core.environment import load_client_settings
from diffing.core.errors import DiffFailed, Refused, Unreachable
from diffing.core.option_texts import option_texts
from diffing.core.progress import Progress
from diffing.core.text import shown
from diffing.files.results import Outputs

Report = Callable[[Progress], None]
Members = Mapping[str, float | Sequence[str]]

_TIMEOUT_SECONDS = 60.0
_PATIENCE_SECONDS = 60.0
_PAGE = 100
_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 1.0
# A service, or the proxy before it, may answer these while the service restarts.
_PASSING = (
    HTTPStatus.TOO_MANY_REQUESTS,
    HTTPStatus.BAD_GATEWAY,
    HTTPStatus.SERVICE_UNAVAILABLE,
    HTTPStatus.GATEWAY_TIMEOUT,
)
_MOST_SHOWN = 10_000


class Client:
    """A connection to a service.

    It retries failed requests for a minute, downloads too. A request for a job has an
    Idempotency-Key, so retries start only one job.

    Args:
        url: of the service, such as `http://127.0.0.1:8000`.
        token: of an API key; None without one.
    """

    def __init__(self, url: str, token: str | None = None) -> None:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        try:
            self._http = httpx2.Client(base_url=url, headers=headers, timeout=_TIMEOUT_SECONDS)
        except (httpx2.InvalidURL, ValueError):
            raise _no_address(url) from None
        except ImportError:
            raise Unreachable(
                "SOCKS proxies are not supported. Unset ALL_PROXY, HTTP_PROXY and HTTPS_PROXY."
            ) from None
        except OSError as error:
            raise Unreachable(
                f"The certificates cannot be read: {error}. Check SSL_CERT_FILE and SSL_CERT_DIR."
            ) from None
        self._url = _public(url)
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

        return int(_members(self._answered(send), job_id=int)["job_id"])

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
            job = _members(self._get(f"/api/diffing/job/{job_id}/status"), status=str)
            match job["status"]:
                case "succeeded":
                    return
                case "failed":
                    said = (job.get("error") or {}).get("detail", "")
                    raise DiffFailed(f"Job {job_id} failed: {shown(said, _MOST_SHOWN)}")
                case "cancelled":
                    raise DiffFailed(f"Job {job_id} was cancelled.")
            stage = job.get("stage") or job["status"]
            report(Progress(stage, job.get("bytes_read"), job.get("bytes_total")))
            time.sleep(pause)
            pause = min(pause * 1.5, _LONGEST_PAUSE)

    def summary(self, job_id: int) -> dict[str, Any]:
        """The summary of a job that succeeded.

        Raises:
            Refused, Unreachable: as from `submit`.
        """
        return _members(self._get(f"/api/diffing/job/{job_id}/summary"), result=dict)

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
            answer = self._get(f"{path}?limit={min(most - len(found), _PAGE)}{cursor}")
            page = _members(answer, history=list)
            found += page["history"]
            if page.get("next") is None:
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
        answer = self._answered(lambda: self._http.post(path, json=members))
        return _members(answer, metric=str, name=str, job_id=int)

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
        with Outputs(result=output).parts() as parts:
            digest = self._loaded(f"/api/diffing/job/{job_id}", parts.paths[0])
            if digest != summary["result"].get("sha256"):
                raise DiffFailed(
                    f"The result of job {job_id} was damaged on the way. Fetch it again."
                )
        return [warning["detail"] for warning in summary.get("warnings", [])]

    def _get(self, path: str) -> httpx2.Response:
        return self._answered(lambda: self._http.get(path))

    def _loaded(self, path: str, file: Path) -> str:
        """Write the answer to a request as a file, and return its SHA-256."""
        digest = hashlib.sha256()

        def load() -> httpx2.Response:
            nonlocal digest
            digest = hashlib.sha256()  # a retry begins anew
            with self._http.stream("GET", path) as response:
                if not response.is_success:
                    response.read()
                    return response
                with file.open("wb") as written:
                    for chunk in response.iter_bytes():
                        written.write(chunk)
                        digest.update(chunk)
            return response

        self._answered(load)
        return digest.hexdigest()

    def _answered(self, send: Callable[[], httpx2.Response]) -> httpx2.Response:
        """The answer to a request, after retries: for a minute from the first failure on."""
        deadline: float | None = None
        pause = _FIRST_PAUSE
        while True:
            try:
                response = send()
            except (httpx2.TransportError, httpx2.DecodingError) as error:
                failure: Exception = self._unreachable(error)
                # at the first request, a wrong address is more likely than a restart
                first = isinstance(error, httpx2.ConnectError | httpx2.UnsupportedProtocol)
                if first and not self._has_answered:
                    raise failure from None
            except UnicodeError:  # a part of the name of the host is empty or too long
                raise _no_address(self._url) from None
            else:
                self._has_answered = True
                if response.status_code not in _PASSING:
                    return _accepted(response)
                failure = _refusal(response)
                later = re.fullmatch(r"[0-9]{1,9}", response.headers.get("retry-after", ""))
                pause = max(pause, float(later[0]) if later else 0)
            deadline = deadline or time.monotonic() + _PATIENCE_SECONDS
            if time.monotonic() + pause > deadline:
                raise failure
            time.sleep(pause)
            pause = min(pause * 2, 10.0)

    def _unreachable(self, error: Exception) -> Unreachable:
        reason = shown(str(error).rstrip("."), _MOST_SHOWN) or type(error).__name__
        if not isinstance(error, httpx2.ConnectError | httpx2.UnsupportedProtocol):
            return Unreachable(f"The service at {self._url} broke off, or is slow: {reason}.")
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


def _no_address(url: str) -> Unreachable:
    return Unreachable(f"Invalid address {_public(url)} of a service.")


def _public(url: str) -> str:
    """An address without user and password."""
    return re.sub(r"(?<=://)[^/?#]*@", "", url)


def _members(response: httpx2.Response, **needed: type) -> dict[str, Any]:
    """The JSON object of an answer, which has these members."""
    try:
        found = response.json()
        if all(isinstance(found[name], kind) for name, kind in needed.items()):
            return dict(found)
    except (ValueError, KeyError, TypeError):
        pass
    raise _unexpected(response)


def _accepted(response: httpx2.Response) -> httpx2.Response:
    if response.is_success:
        return response
    raise _refusal(response)


def _refusal(response: httpx2.Response) -> Refused:
    """The error for an answer that is not a success."""
    try:
        said = response.json()
        own = said["type"].startswith("urn:diffing:")
        text = said["detail"] if own else f"{said['title']}: {said['detail']}"
        return Refused(shown(text, _MOST_SHOWN))
    except (ValueError, KeyError, TypeError, AttributeError):
        return _unexpected(response)


def _unexpected(response: httpx2.Response) -> Refused:
    status = f"{response.status_code} {response.reason_phrase}".rstrip()
    if response.is_redirect:
        leads = shown(response.headers.get("location", ""), _MOST_SHOWN)
        return Refused(f"Unexpected answer {status}, which leads to {leads}. Use its address.")
    return Refused(f"Unexpected answer {status}. Is this a diffing service?")
