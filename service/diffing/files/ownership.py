"""The mark in a bucket that says to which service a folder belongs."""

import json

from diffing.core.errors import BadSetting
from diffing.files.bucket import Bucket

MARK = "diffing.json"
"""The name of the mark."""


def require_ours(bucket: Bucket, service: str) -> None:
    """Check that a folder belongs to a service. The first one that asks gets it.

    Two services have jobs of the same numbers. They would replace and remove the files of each
    other.

    Args:
        bucket: with the folder.
        service: id of the service.

    Raises:
        BadSetting: the folder belongs to another service.
        StorageUnavailable: the store does not answer, or refuses the request.
    """
    mark = json.dumps({"service": service}).encode()
    if bucket.read(MARK) is None:
        bucket.create(MARK, mark)
    # another service may have been faster
    if bucket.read(MARK) != mark:
        raise BadSetting(
            f"DIFFING_STORAGE_URL: by its {MARK}, the folder belongs to a service with another "
            "database. Give this service a folder of its own. If it has a new database, stop all "
            f"its processes, remove {MARK}, and start again."
        )
