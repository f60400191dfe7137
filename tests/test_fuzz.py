"""A short run of `make fuzz`."""

import random
from pathlib import Path

import pytest

from tests.fuzz.run import Findings
from tests.fuzz.trial import fuzz_a_service

_MOST_MEMORY = 150_000_000


@pytest.mark.slow
def test_mad_requests_by_many_clients_at_once_are_told_off_in_order(tmp_path: Path) -> None:
    seed = random.SystemRandom().randrange(10**9)
    print(f"seed {seed}")
    findings, most_memory = fuzz_a_service(tmp_path / "data", seed, requests=600, clients=50)

    assert [] == findings.faults
    assert findings.answers[202] >= 1
    assert findings.answers[200] >= 1
    assert sum(findings.answers.values()) == 600
    assert most_memory < _MOST_MEMORY


def test_what_must_not_be_is_found() -> None:
    findings = Findings()
    problem = b"content-type: application/problem+json"
    for head, body in (
        (b"200 OK", b""),
        (b"500 x\r\nX-Content-Type-Options: nosniff\r\n" + problem, b"{}"),
        (b"404 x\r\nX-Content-Type-Options: nosniff", b"Not Found"),
        (b"400 x\r\nX-Content-Type-Options: nosniff\r\n" + problem, b'{"a": "api.py"}'),
    ):
        findings.judge(b"GET / HTTP/1.1", b"HTTP/1.1 %b\r\n\r\n%b" % (head, body), (".py",))

    assert ["lacks security headers", "a 500", "is no problem", "says '.py'"] == [
        fault.partition(":")[0] for fault in findings.faults
    ]
