"""Sends requests from many clients at once, and judges each answer."""

import asyncio
import json
import random
import re
import urllib.parse
from collections import Counter
from dataclasses import dataclass, field

from tests.fuzz.requests import request

_SECONDS = 60.0
_PAUSE_SECONDS = 5.0
_MEBIBYTE = 2**20
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
# a transfer coding that there is not; busy, or the disk is full
_ALLOWED = (501, 503)


@dataclass
class Findings:
    """The findings of a run.

    Args:
        answers: how often each status was answered; 0 for a connection closed without a word.
        faults: what must not be, with the request that brought it.
    """

    answers: Counter[int] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)

    def judge(self, asked: bytes, answer: bytes, secrets: tuple[str, ...]) -> None:
        """Note an answer, and what is wrong with it."""
        answer = answer.removeprefix(_CONTINUE)
        if not answer:
            self.answers[0] += 1
            return
        head, _, body = answer.partition(b"\r\n\r\n")
        status = int(head.split(b" ", 2)[1])
        if length := re.search(rb"content-length: (\d+)", head.lower()):
            # what was mangled may be two requests, with two answers
            body = body[: int(length[1])]
        self.answers[status] += 1
        if wrong := [*_wrong_with(status, head.lower(), body, asked, secrets)]:
            shown = f"{asked[:300]!r}{'…' if len(asked) > 300 else ''}"
            self.faults.append(f"{', '.join(wrong)}: {shown} was answered {answer[:600]!r}")


def _wrong_with(
    status: int, head: bytes, body: bytes, asked: bytes, secrets: tuple[str, ...]
) -> list[str]:
    wrong = []
    if status >= 500 and status not in _ALLOWED:
        wrong.append(f"a {status}")
    if b"x-content-type-options: nosniff" not in head:
        wrong.append("lacks security headers")
    if status < 400:
        return wrong
    said = body.decode(errors="replace").lower()
    words = urllib.parse.unquote_to_bytes(asked).decode(errors="replace").lower()
    wrong += [f"says {s!r}" for s in secrets if s.lower() in said and s.lower() not in words]
    if body:
        is_problem = b"application/problem+json" in head
        if not (is_problem or (status == 404 and b'"job_id"' in body)):
            wrong.append("is no problem")
        elif not isinstance(json.loads(body), dict):
            wrong.append("is no object")
    return wrong


async def _answer(port: int, raw: bytes) -> bytes:
    """All that the server says; of a stream of events the first."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    answer = b""
    try:
        writer.write(raw)
        while chunk := await _chunk(reader, writer):
            answer += chunk
            if b"text/event-stream" in answer[:2000] or len(answer) > _MEBIBYTE:
                break
    except OSError:
        pass  # it was told off before it had said all
    finally:
        writer.close()
    return answer


async def _chunk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
    """The next bytes of the server; empty if it waits for more of the request."""
    try:
        return await asyncio.wait_for(reader.read(65536), _PAUSE_SECONDS)
    except TimeoutError:
        writer.write_eof()
        return await asyncio.wait_for(reader.read(65536), _SECONDS)


async def _fuzz(
    port: int, seed: int, requests: int, clients: int, secrets: tuple[str, ...]
) -> Findings:
    findings = Findings()
    numbers = iter(range(requests))

    async def client() -> None:
        for number in numbers:
            raw = request(random.Random(f"{seed} {number}"), most_job=max(number // 10, 1))
            try:
                answer = await _answer(port, raw)
            except TimeoutError:
                findings.faults.append(f"no answer: {raw[:300]!r}")
                continue
            findings.judge(raw, answer, secrets)

    await asyncio.gather(*(client() for _ in range(clients)))
    return findings


def fuzz(
    port: int, seed: int, requests: int, clients: int, secrets: tuple[str, ...] = ()
) -> Findings:
    """Send requests to a service on loopback.

    Args:
        port: where it listens.
        seed: decides which requests.
        requests: how many.
        clients: how many at once.
        secrets: words that no error may say, unless the request did.
    """
    return asyncio.run(_fuzz(port, seed, requests, clients, secrets))
