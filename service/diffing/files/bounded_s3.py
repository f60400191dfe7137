"""s3fs with a bound on the time of each request, and a look at the bytes that came."""

import asyncio
import errno
import re
from typing import Any

from s3fs import S3FileSystem

# bytes per second of the slowest useful network
_SLOWEST = 500_000


class OtherBytes(OSError):
    """The bucket sent other bytes than those that it was asked for."""


class BoundedS3(S3FileSystem):  # type: ignore[misc]  # s3fs ships no types
    """S3 whose requests end. Without this, one with a body waits for the server forever.

    Attributes:
        seconds: for a request and its repetitions, besides the time for its body.
    """

    seconds = 600.0

    async def _call_s3(self, method: str, *akwarglist: Any, **kwargs: Any) -> Any:
        """Send a request, as s3fs does.

        Raises:
            TimeoutError: it takes too long.
            OtherBytes: the answer has another range, or another version.
        """
        body = kwargs.get("Body", b"")
        seconds = self.seconds + len(body) / _SLOWEST
        answer = await asyncio.wait_for(super()._call_s3(method, *akwarglist, **kwargs), seconds)
        if method == "get_object":
            _require_asked(kwargs, answer)
        return answer


def _require_asked(asked: dict[str, Any], answer: dict[str, Any]) -> None:
    """Check the answer to a request for a range of a version: a proxy may not look at either."""
    range_asked, range_sent = asked.get("Range", ""), answer.get("ContentRange")
    first = re.search(r"\d+", range_asked)
    is_moved = first and range_sent and not range_sent.startswith(f"bytes {first[0]}-")
    is_other = "IfMatch" in asked and answer.get("ETag") not in (None, asked["IfMatch"])
    if is_moved or is_other:
        raise OtherBytes(errno.EIO, "other bytes")
