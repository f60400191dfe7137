"""Every error that a person may read.

DiffingError
├── BadSetting        a DIFFING_ setting, or a folder that it names, cannot be used
├── BadCatalogue      the metrics file cannot be used
├── BadArgument       an argument, or a request, is invalid
│   └── CannotWrite   an output file cannot be written
├── Unprocessable     a request body is well formed, but its members are invalid
├── UnsupportedBody   the API does not accept the type of a request body
├── TooLarge          a request body, or a part of it, exceeds a bound
├── NotFound
│   ├── UnknownMetric
│   ├── UnknownJob
│   ├── UnknownPin
│   └── MissingInput
├── Conflict          the request contradicts the state of a job
│   ├── JobFinished   an ended job cannot be cancelled
│   ├── ContentGone   the new file of a job has changed since
│   ├── PinTaken      the name of a pin belongs to another job
│   └── KeyReused     the Idempotency-Key came with another request before
├── ResultGone        the result was removed
├── NotAuthorized     the API key is missing, invalid or revoked
├── NotAllowed
│   ├── ScopeLacking  the API key lacks the scope
│   └── CrossSite     a page of another site made a browser send the request
├── NotAcceptable     the result cannot have the requested form
├── PreconditionFailed   the file is not the one that the client means
├── RangeNotSatisfiable  the file has none of the requested bytes
├── Unavailable       a later request may succeed
│   ├── QueueFull
│   ├── TooManyStreams
│   ├── ConversionFailed
│   ├── NotReady      a part of the service does not work
│   ├── DiskUnavailable
│   ├── DatabaseUnavailable
│   └── StorageUnavailable
├── Refused           a remote service refused a request; the text is its own
├── Unreachable       a remote service does not answer
├── BadInput          a CSV file is invalid, or lacks a column
│   └── NoKey         no set of columns is unique, or none was found in time
├── InputChanged      an input file changed during the diff
└── DiffFailed        the inputs are valid, but the diff did not finish
    ├── OutOfMemory
    ├── OutOfDisk
    ├── TimedOut
    └── Interrupted
"""

import errno
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import ClassVar


@dataclass(frozen=True)
class Failure:
    """An error in words for a client: without paths, SQL or tracebacks."""

    type: str
    title: str
    detail: str

    def as_dict(self) -> dict[str, str]:
        """As JSON values."""
        return asdict(self)


class DiffingError(Exception):
    """The root of all errors whose text is for the user.

    Args:
        detail: one line with the fault, its place, and a remedy.
    """

    title: ClassVar[str] = "Something went wrong"

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail

    @property
    def failure(self) -> Failure:
        """The error as a client may see it."""
        return Failure(f"urn:diffing:{self.slug()}", self.title, self.detail)

    @classmethod
    def slug(cls) -> str:
        """The class name in kebab case: `UnknownMetric` is `unknown-metric`."""
        return "".join(f"-{c.lower()}" if c.isupper() else c for c in cls.__name__).lstrip("-")


class BadSetting(DiffingError):
    title = "Invalid setting"


class BadCatalogue(DiffingError):
    title = "Invalid catalogue of metrics"


class BadArgument(DiffingError):
    title = "Invalid request"


class CannotWrite(BadArgument):
    """An output file cannot be written.

    Args:
        path: of the file, which a client does not see.
        reason: the error of the system.
    """

    def __init__(self, path: Path, reason: OSError) -> None:
        super().__init__(f"Cannot write {path}: {reason.strerror}.")
        self._reason = reason

    @property
    def failure(self) -> Failure:
        """Without the path."""
        return of_os(self._reason).failure


class Unprocessable(DiffingError):
    title = "Invalid request body"


class UnsupportedBody(DiffingError):
    title = "Unsupported type of request body"


class TooLarge(DiffingError):
    title = "Request body too large"


class NotFound(DiffingError):
    title = "Not found"


class UnknownMetric(NotFound):
    """The catalogue does not have the metric.

    Args:
        metrics: ids of those in it.
    """

    title = "Unknown metric"

    def __init__(self, detail: str, metrics: Iterable[str]) -> None:
        super().__init__(detail)
        self.metrics = list(metrics)


class UnknownJob(NotFound):
    title = "Unknown job"


class UnknownPin(NotFound):
    title = "Unknown pin"


class MissingInput(NotFound):
    title = "Missing input file"


class Conflict(DiffingError):
    title = "Conflict"


class JobFinished(Conflict):
    title = "Job already ended"


class ContentGone(Conflict):
    title = "File changed since the job"


class PinTaken(Conflict):
    title = "Name of the pin already used"


class KeyReused(Conflict):
    title = "Idempotency-Key already used"


class ResultGone(DiffingError):
    title = "Result removed"


class NotAuthorized(DiffingError):
    """The caller is unknown.

    Args:
        given: whether an API key came with the request.
    """

    title = "Missing or invalid API key"

    def __init__(self, detail: str, *, given: bool) -> None:
        super().__init__(detail)
        self.given = given


class NotAllowed(DiffingError):
    title = "Not allowed"


class ScopeLacking(NotAllowed):
    """The API key lacks a scope.

    Args:
        scope: that the request needs.
    """

    title = "Insufficient scope"

    def __init__(self, detail: str, scope: str) -> None:
        super().__init__(detail)
        self.scope = scope


class CrossSite(NotAllowed):
    title = "Request from another site"


class NotAcceptable(DiffingError):
    title = "Not acceptable"


class PreconditionFailed(DiffingError):
    title = "Precondition failed"


class RangeNotSatisfiable(DiffingError):
    title = "Range not satisfiable"


class Unavailable(DiffingError):
    title = "Temporarily unavailable"


class QueueFull(Unavailable):
    title = "Too many waiting jobs"


class NotReady(Unavailable):
    title = "Not ready"


class DiskUnavailable(Unavailable):
    title = "Disk unavailable"


class TooManyStreams(Unavailable):
    title = "Too many event streams"


class ConversionFailed(Unavailable):
    title = "Conversion failed"


class DatabaseUnavailable(Unavailable):
    title = "Database unavailable"


class StorageUnavailable(Unavailable):
    title = "Storage unavailable"


class Refused(DiffingError):
    title = "Refused by the service"


class Unreachable(DiffingError):
    title = "Service unreachable"


class BadInput(DiffingError):
    title = "Invalid input file"


class NoKey(BadInput):
    title = "No key found"


class InputChanged(DiffingError):
    title = "Input file changed during the diff"


class DiffFailed(DiffingError):
    title = "Diff failed"


class OutOfMemory(DiffFailed):
    title = "Out of memory"


class OutOfDisk(DiffFailed):
    title = "Out of disk space"


class TimedOut(DiffFailed):
    title = "Diff timed out"


class Interrupted(DiffFailed):
    title = "Interrupted"


def remedy(error: OSError) -> str:
    """A sentence that helps with an unreadable file; empty if the error says enough."""
    if isinstance(error, PermissionError):
        return f" Let the user {os.geteuid()} read it, say with chmod a+r."
    return ""


DISK_FULL = "The disk is full. Free some space and try again."


# the reasons of Interrupted
INTERRUPTED = "The diff was interrupted."
STOPPED = "The worker was stopped."
TAKEN_AWAY = "The job was taken away from this worker."


def is_disk_full(error: OSError) -> bool:
    """Whether the disk, or the user's quota, is full."""
    return error.errno in (errno.ENOSPC, errno.EDQUOT)


def unforeseen() -> DiffFailed:
    """The error of a fault in a worker that nobody thought of. The worker logs the fault."""
    return DiffFailed("Unexpected error. The worker's log has the details.")


def of_os(error: OSError) -> DiffFailed:
    """An error of the operating system during writing, for a client."""
    if is_disk_full(error):
        return OutOfDisk(DISK_FULL)
    return DiffFailed(
        f"The data folder cannot be used: {error.strerror}. "
        "Check its permissions and the disk, and start again."
    )
