"""s3fs with a bound on the time of each request."""

import asyncio
from typing import Any

from s3fs import S3FileSystem

# bytes per second of the slowest useful network
_SLOWEST = 500_000


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
        """
        body = kwargs.get("Body", b"")
        seconds = self.seconds + len(body) / _SLOWEST
        return await asyncio.wait_for(super()._call_s3(method, *akwarglist, **kwargs), seconds)
