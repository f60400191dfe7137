"""Everything that the service refuses or fails with, for a person to read.

DiffingError
├── BadSetting        a DIFFING_ setting, or a folder it names, cannot be used
├── BadCatalogue      the metrics file cannot be used
├── BadArgument       key, value or tolerance make no sense together, or a request is malformed
│   └── CannotWrite   an output file cannot be written
├── Unprocessable     a request body is well formed, but asks for what cannot be
├── UnsupportedBody   a request body is of a type that is not taken
├── TooLarge          a request body, or a part of it, is larger than it may be
├── NotFound
│   ├── UnknownMetric
│   ├── UnknownJob
│   └── MissingInput
├── Conflict          the request does not go with what is there
│   ├── JobFinished   it cannot be cancelled any more
│   └── KeyReused     an Idempotency-Key came with another request before
├── ResultGone        there was one, but it was removed since
├── NotAuthorized     no API key came with the request, or one that does not hold
├── NotAllowed
│   ├── ScopeLacking  the API key is not for that
│   └── CrossSite     a page of another site made a browser send the request
├── NotAcceptable     there is one, but it cannot be given in the form that was asked for
├── RangeNotSatisfiable  the file has no such bytes
├── Unavailable       not now; the same request may do later
│   ├── QueueFull
│   ├── TooManyStreams
│   ├── ConversionFailed
│   ├── NotReady      the service cannot do its work
│   ├── DiskUnavailable
│   └── DatabaseUnavailable
├── Refused           a service that was asked will not have it, for the reason that it gave
├── Unreachable       a service that was to be asked does not answer
├── BadInput          a CSV file is not one, or lacks a column
├── InputChanged      an input file changed while it was read
└── DiffFailed        the inputs are fine, the machine was not up to it
    ├── OutOfMemory
    ├── OutOfDisk
    ├── TimedOut
    └── Interrupted
"""

import errno
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import ClassVar


@dataclass(frozen=True)
class Failure:
    """What went wrong, in the words a client may see: no path, no SQL, no traceback."""

    type: str
    title: str
    detail: str

    def as_dict(self) -> dict[str, str]:
        """As JSON values."""
        return asdict(self)


class DiffingError(Exception):
    """The root of all errors whose text is meant for the user.

    Args:
        detail: one line that says what happened, where, and what to do.
    """

    title: ClassVar[str] = "Something went wrong"

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail

    @property
    def failure(self) -> Failure:
        """What a client may see of this error."""
        return Failure(f"urn:diffing:{self.slug()}", self.title, self.detail)

    @classmethod
    def slug(cls) -> str:
        """The class name in kebab case: `UnknownMetric` is `unknown-metric`."""
        return "".join(f"-{c.lower()}" if c.isupper() else c for c in cls.__name__).lstrip("-")


class BadSetting(DiffingError):
    title = "A setting cannot be used"


class BadCatalogue(DiffingError):
    title = "The catalogue of metrics cannot be used"


class BadArgument(DiffingError):
    title = "The request makes no sense"


class CannotWrite(BadArgument):
    """An output file cannot be written.

    Args:
        path: of the file; a client is not told.
        reason: what the system says.
    """

    def __init__(self, path: Path, reason: OSError) -> None:
        super().__init__(f"Cannot write {path}: {reason.strerror}.")
        self._reason = reason

    @property
    def failure(self) -> Failure:
        """Without the path."""
        return of_os(self._reason).failure


class Unprocessable(DiffingError):
    title = "The request body asks for what cannot be"


class UnsupportedBody(DiffingError):
    title = "The type of the request body is not taken"


class TooLarge(DiffingError):
    title = "The request body is too large"


class NotFound(DiffingError):
    title = "Not found"


class UnknownMetric(NotFound):
    title = "Unknown metric"


class UnknownJob(NotFound):
    title = "Unknown job"


class MissingInput(NotFound):
    title = "Missing input file"


class Conflict(DiffingError):
    title = "The request conflicts with what is there"


class JobFinished(Conflict):
    title = "The job has ended"


class KeyReused(Conflict):
    title = "The Idempotency-Key was used before"


class ResultGone(DiffingError):
    title = "The result is gone"


class NotAuthorized(DiffingError):
    """The caller is nobody that is known.

    Args:
        given: whether an API key came with the request.
    """

    title = "An API key is needed"

    def __init__(self, detail: str, *, given: bool) -> None:
        super().__init__(detail)
        self.given = given


class NotAllowed(DiffingError):
    title = "Not allowed"


class ScopeLacking(NotAllowed):
    """The API key is not for that.

    Args:
        scope: what it would take.
    """

    title = "The API key lacks a scope"

    def __init__(self, detail: str, scope: str) -> None:
        super().__init__(detail)
        self.scope = scope


class CrossSite(NotAllowed):
    title = "The request comes from another site"


class NotAcceptable(DiffingError):
    title = "It cannot be given in that form"


class RangeNotSatisfiable(DiffingError):
    title = "The file has no such bytes"


class Unavailable(DiffingError):
    title = "Not now"


class QueueFull(Unavailable):
    title = "Too many jobs are waiting"


class NotReady(Unavailable):
    title = "Not ready"


class DiskUnavailable(Unavailable):
    title = "The disk cannot be used"


class TooManyStreams(Unavailable):
    title = "Too many clients follow jobs"


class ConversionFailed(Unavailable):
    title = "The result could not be converted"


class DatabaseUnavailable(Unavailable):
    title = "The database cannot be used"


class Refused(DiffingError):
    title = "The service refuses"


class Unreachable(DiffingError):
    title = "The service does not answer"


class BadInput(DiffingError):
    title = "An input file cannot be compared"


class InputChanged(DiffingError):
    title = "An input file changed during the diff"


class DiffFailed(DiffingError):
    title = "The diff could not be finished"


class OutOfMemory(DiffFailed):
    title = "Out of memory"


class OutOfDisk(DiffFailed):
    title = "Out of disk space"


class TimedOut(DiffFailed):
    title = "The diff took too long"


class Interrupted(DiffFailed):
    title = "Interrupted"


def remedy(error: OSError) -> str:
    """What to do about a file that cannot be read, in a sentence; none where its reason says it."""
    if isinstance(error, PermissionError):
        return f" Let the user {os.geteuid()} read it, say with chmod a+r."
    return ""


def is_disk_full(error: OSError) -> bool:
    """Whether the disk, or what the user may have of it, is full."""
    return error.errno in (errno.ENOSPC, errno.EDQUOT)


def of_os(error: OSError) -> DiffFailed:
    """What a client may know of an error of the operating system, met while writing."""
    if is_disk_full(error):
        return OutOfDisk("The disk is full. Free some space and start the job again.")
    return DiffFailed(
        f"The data folder cannot be used: {error.strerror}. "
        "Look at its permissions and at the disk, and start the job again."
    )
