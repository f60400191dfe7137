"""Makes requests: most nearly right, some mad, each from a seed of its own."""

import json
import random
import string
import urllib.parse
from collections.abc import Callable, Sequence
from typing import Any

from diffing.api.openapi import load_document, queries_of
from tests.service_under_test import NEW, OLD

_PATHS: dict[str, dict[str, Any]] = load_document()["paths"]
_METHODS = ("GET", "POST", "DELETE", "HEAD", "PUT", "PATCH", "OPTIONS", "TRACE", "get", "BREW", "")
_ODD = (
    "",
    "0",
    "-1",
    "1e309",
    "NaN",
    "9223372036854775808",
    "9" * 400,
    "..",
    "%2e%2e%2f%2e%2e%2fetc%2fpasswd",
    "/etc/passwd",
    "....//",
    "revenue'; drop table jobs; --",
    "\")) union select * from read_text('/etc/passwd') --",
    "revenue\0.csv",
    "%00",
    "%ff%fe",
    "%ud800",
    "\ud800",
    "﷽" * 50,
    "c-revenue\r\nX-Injected: 1",
    "{metric_id}",
    "${jndi:ldap://127.0.0.1/x}",
    "true",
    "null",
    "[]",
    "x" * 5000,
    "http://127.0.0.1:1/x.csv",
    "s3://bucket/x.csv",
    "*.csv",
    "revenue_old.csv",
    "one off.csv",
)
_FLAWLESS = (
    b"POST /api/diffing/new/revenue HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
)
_HEADERS = (
    (
        "Range",
        ("bytes=0-9", "bytes=-1", "bytes=5-2", "bytes=0-,1-2", "lines=1", "bytes=", "bytes=a-b"),
    ),
    ("If-None-Match", ("*", '"x"', 'W/"x", "y"', '"', "\xff")),
    ("If-Range", ('"x"', "Thu, 26 Nov 2026 09:00:00 GMT", "x")),
    ("If-Modified-Since", ("Thu, 26 Nov 2026 09:00:00 GMT", "yesterday")),
    (
        "Accept-Encoding",
        ("gzip", "zstd;q=0.5, gzip;q=1", "*;q=0", "gzip;q=x", "identity;q=0", ",,,"),
    ),
    ("Accept", ("text/csv", "application/json", "*/*;q=0", "x")),
    ("Idempotency-Key", ("a", "b", "", "x" * 256, "sp ace", "\xe9")),
    ("Authorization", ("Bearer x", "Bearer", "Basic eDp5", "Bearer diffing_x_y", "\xff")),
    ("X-Request-ID", ("abc", "x" * 5000, "a b\tc", "\xff")),
    ("Content-Encoding", ("gzip", "x")),
    ("Transfer-Encoding", ("chunked", "gzip, chunked", "x")),
    ("Expect", ("100-continue", "x")),
    ("Host", ("localhost", "127.0.0.1", "evil.example", "", "a b", "[::1]:x")),
    ("Origin", ("null", "http://evil.example")),
    ("Sec-Fetch-Site", ("cross-site", "same-origin")),
    ("Upgrade", ("websocket", "h2c")),
    ("Last-Event-ID", ("1", "x")),
    ("Content-Length", ("0", "-1", "5", "x", "99999999999999999999")),
    ("Cookie", ("a=b", "=" * 4000)),
    ("X-Forwarded-For", ("127.0.0.1",)),
)
_TYPES = (
    "application/json",
    "application/json; charset=utf-16",
    "multipart/form-data",
    "multipart/form-data; boundary=",
    "multipart/form-data; boundary=" + "b" * 300,
    "multipart/form-data; boundary=fuzz; boundary=zzuf",
    "application/x-www-form-urlencoded",
    "text/csv",
    "",
    "x",
    "\xff/\xff",
)
_JSON: tuple[dict[str, Any], ...] = (
    {},
    {"rel_tol": 1e-6},
    {"old": "revenue_old.csv", "new": "revenue_new.csv", "tolerance": {"value": {"abs_tol": 1}}},
    {
        "old": "revenue_old.csv",
        "new": "revenue_new.csv",
        "key": ["date", "segment_value_id", "stat"],
        "value": ["value"],
        "duplicates": "error",
    },
)
_VALUES: tuple[Any, ...] = (
    None,
    True,
    -1,
    0,
    1e308,
    10**400,
    "",
    "value",
    [],
    {},
    [[]],
    float("nan"),
)


def request(rng: random.Random, most_job: int) -> bytes:
    """One request, as it goes over the wire; it asks for the connection to be closed.

    Args:
        rng: decides.
        most_job: the ids of jobs that there may be go up to this.
    """
    if rng.random() < 0.05:  # jobs must go on among all the others
        return _FLAWLESS
    path, methods = rng.choice(list(_PATHS.items()))
    method = rng.choice(list(methods)).upper() if rng.random() < 0.85 else rng.choice(_METHODS)
    headers = {"Host": "127.0.0.1", "Connection": "close"}
    body = b""
    if method == "POST" or rng.random() < 0.1:
        body, headers["Content-Type"] = _body(rng)
    if body or rng.random() < 0.1:
        headers["Content-Length"] = str(len(body))
    for name, values in rng.sample(_HEADERS, rng.choice((0, 0, 1, 1, 2, 4))):
        headers[name] = rng.choice(values)
    target = _target(rng, path, most_job)
    head = f"{method} {target} HTTP/1.1\r\n"
    head += "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    raw = head.encode("utf-8" if rng.random() < 0.1 else "latin-1", "replace") + b"\r\n" + body
    return _mangled(rng, raw) if rng.random() < 0.1 else raw


def _target(rng: random.Random, path: str, most_job: int) -> str:
    metric = rng.choice(("revenue", "c-revenue", "cohort_revenue", "nothing"))
    job = str(rng.randint(1, max(most_job, 1)))
    if rng.random() < 0.15:
        metric = _written(rng, rng.choice(_ODD))
    if rng.random() < 0.15:
        job = _written(rng, rng.choice(_ODD))
    names: Sequence[str] = ("detail", "format", "status", "metric", "limit", "cursor", "x")
    if rng.random() < 0.85:  # unknown parameters are a 400 that hides all else
        names = sorted({name for own in queries_of(path).values() for name in own})
    path = path.replace("{metric_id}", metric).replace("{job_id}", job)
    if rng.random() < 0.05:
        path = _written(rng, rng.choice(_ODD))
        path = path if rng.random() < 0.5 else f"/{path}"
    known = ("1", "0", "csv", "json", "parquet", "queued", "succeeded", "revenue", "100")
    values = (
        _written(rng, rng.choice(_ODD if rng.random() < 0.3 else known))
        for _ in range(rng.choice((0, 0, 0, 1, 1, 2, 3)) if names else 0)
    )
    query = "&".join(f"{rng.choice(names)}={value}" for value in values)
    return f"{path}?{query}" if query else path


def _written(rng: random.Random, text: str) -> str:
    """Percent-encoded, or raw."""
    return text if rng.random() < 0.4 else urllib.parse.quote(text.encode("utf-8", "surrogatepass"))


def _body(rng: random.Random) -> tuple[bytes, str]:
    make: Callable[[random.Random], tuple[bytes, str]] = rng.choice(
        (_json, _json, _multipart, _multipart, _noise)
    )
    body, kind = make(rng)
    if rng.random() < 0.1:
        kind = rng.choice(_TYPES)
    if rng.random() < 0.1:
        body = body[: rng.randint(0, len(body))]
    return body, kind


def _json(rng: random.Random) -> tuple[bytes, str]:
    value = json.loads(json.dumps(rng.choice(_JSON)))
    for _ in range(rng.choice((0, 0, 1, 1, 2))):
        name = rng.choice(
            (
                "old",
                "new",
                "key",
                "value",
                "rel_tol",
                "abs_tol",
                "tolerance",
                "duplicates",
                "first",
                "x",
            )
        )
        odd = rng.choice(
            (*_VALUES, *_ODD, [rng.choice(_ODD)], {"value": {"rel_tol": rng.choice(_VALUES)}})
        )
        value[name] = odd
    text = json.dumps(value)
    if rng.random() < 0.05:
        text = rng.choice(
            (
                "[" * 100_000,
                '{"a":' * 50_000,
                '"' + "x" * 200_000,
                "1" * 50_000,
                '{"old":"a","old":"b"}',
            )
        )
    return text.encode(), "application/json"


def _multipart(rng: random.Random) -> tuple[bytes, str]:
    parts = [
        ("old", "old.csv", OLD.encode()),
        ("new", "new.csv", NEW.encode()),
        ("key", None, b"date"),
        ("key", None, b"stat"),
        ("value", None, b"value"),
    ]
    if rng.random() < 0.5:
        parts = parts[:2]
    for _ in range(rng.choice((0, 0, 1, 2))):
        odd = rng.choice(_ODD).encode("utf-8", "surrogatepass")
        name = rng.choice(
            ("old", "new", "key", "rel_tol", "abs_tol", "duplicates", "x", rng.choice(_ODD))
        )
        parts.insert(
            rng.randint(0, len(parts)),
            (name, rng.choice((None, "x.csv.gz", rng.choice(_ODD))), odd),
        )
    if rng.random() < 0.2:
        parts.pop(rng.randrange(len(parts)))
    lines = []
    for name, file, content in parts:
        named = "" if file is None else f'; filename="{file}"'
        head = f'--fuzz\r\nContent-Disposition: form-data; name="{name}"{named}\r\n\r\n'
        lines.append(head.encode("utf-8", "surrogatepass") + content + b"\r\n")
    return b"".join([*lines, b"--fuzz--\r\n"]), "multipart/form-data; boundary=fuzz"


def _noise(rng: random.Random) -> tuple[bytes, str]:
    return rng.randbytes(rng.choice((1, 100, 100_000))), rng.choice(_TYPES)


def _mangled(rng: random.Random, raw: bytes) -> bytes:
    """With some bytes changed, taken out or put in."""
    bytes_ = bytearray(raw)
    for _ in range(rng.randint(1, 5)):
        place = rng.randrange(len(bytes_))
        match rng.randrange(3):
            case 0:
                bytes_[place] = rng.randrange(256)
            case 1:
                del bytes_[place : place + rng.randint(1, 20)]
            case _:
                bytes_[place:place] = rng.choice(string.printable).encode() * rng.randint(1, 20)
        if not bytes_:
            return b"\r\n"
    return bytes(bytes_)
