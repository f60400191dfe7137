"""The question that a diff answers, apart from the bytes of its files."""

import hashlib
import json
from importlib.metadata import version

from diffing import __version__
from diffing.core.spec import DiffSpec


def question_of(spec: DiffSpec, *, exact_keys: bool, sql: str) -> str:
    """A digest of all but the bytes that decides over the result and the summary of a diff.

    These are the releases of diffing and of its SQL engine, the SQL itself, the columns, options
    and tolerances. So are the names of the files, which the summary contains, and their suffixes,
    which decide how a file is read.

    Args:
        spec: the order.
        exact_keys: whether keys are compared whole.
        sql: a digest of the SQL, which two builds of a release may have changed.
    """
    said = {
        "release": __version__,
        "engine": version("duckdb"),
        "sql": sql,
        "exact_keys": exact_keys,
        "metric": spec.metric,
        "fingerprint": spec.fingerprint,
        "comparison": spec.comparison.model_dump(mode="json"),
        "files": [[file.name, file.path.suffixes] for file in (spec.old, spec.new)],
    }
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()
