"""gcsfs with a bound on the time of each request."""

import asyncio
import logging
from typing import Any

from gcsfs import GCSFileSystem

# both say again what becomes an error, the one with a traceback for each try
logging.getLogger("gcsfs").disabled = True
logging.getLogger("google.auth").setLevel(logging.ERROR)
# bytes per second of the slowest useful network
_SLOWEST = 500_000


class BoundedGs(GCSFileSystem):  # type: ignore[misc]  # gcsfs ships no types
    """Google Cloud Storage whose requests end. Without this, a silent one takes half an hour.

    Attributes:
        seconds: for a request and its repetitions, besides the time for its body.
    """

    seconds = 600.0

    async def _call(self, method: str, path: str, *args: Any, **kwargs: Any) -> Any:
        """Send a request, as gcsfs does.

        Raises:
            TimeoutError: it takes too long.
        """
        body = kwargs.get("data")
        size = len(body.getbuffer()) if body is not None and hasattr(body, "getbuffer") else 0
        call = super()._call(method, path, *args, **kwargs)
        return await asyncio.wait_for(call, self.seconds + size / _SLOWEST)
