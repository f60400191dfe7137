"""A service to fuzz, and what must be true of it afterwards."""

import re
from pathlib import Path

from tests.fuzz.run import Findings, fuzz
from tests.service_under_test import Program, Service

_LOGGED_FAULT = r'Traceback|unforeseen|^\S+ \S+ ERROR |"level": ?"(error|critical)"'
_SECRETS = ("traceback", "select ", ".py", "sqlite", "root:x:0")


def fuzz_a_service(folder: Path, seed: int, requests: int, clients: int) -> tuple[Findings, int]:
    """Fuzz a service of its own.

    Args:
        folder: a data folder that is not there yet.
        seed, requests, clients: as in `fuzz`.

    Returns:
        The findings, also in the service's log, and the most memory of the API in
        bytes.
    """
    with Service(folder) as service:
        service.write_small_pair()
        api = service.start("api", "--port", "0")
        client = service.client_of(api)
        service.worker()
        port = client.base_url.port
        assert port
        findings = fuzz(port, seed, requests, clients, (*_SECRETS, str(folder)))
        assert client.get("/health").status_code == 200
        client.wait_for_success(client.new_job())
        findings.faults += [
            f"it logged: {line}" for line in service.all_lines() if re.search(_LOGGED_FAULT, line)
        ]
        return findings, _most_memory(api)


def _most_memory(program: Program) -> int:
    status = Path(f"/proc/{program.pid}/status").read_text()
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    assert found
    return int(found[1]) * 1024
