"""The trials of the image and of the containers of `make up`; each is a function that asserts."""

import json
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import httpx2

from diffing import __version__
from diffing.engine.samples import write_sample
from tests.conftest import ROOT
from tests.image.engine import Docker
from tests.service_under_test import NEW, OLD, Client
from tests.waiting import wait_until

_SOON_SECONDS = 8
_ROWS = 1_000_000
# the added and the changed row of the pair that the tests of the API use
_RIGHT = "".join(NEW.splitlines(keepends=True)[i] for i in (0, 2, 3)).encode()
_ONE_METRIC = '[metric.mine]\nold = "a.csv"\nnew = "b.csv"\nkey = ["id"]\nvalue = ["value"]\n'
# of the process of `diffing worker` in its container; process 1 is docker-init
_SIGNAL_WORKER = """
import os, pathlib, sys
for at in pathlib.Path("/proc").glob("[0-9]*"):
    command = (at / "cmdline").read_bytes().split(b"\\0")
    if command[1:3] == [b"/opt/diffing/bin/diffing", b"worker"]:
        os.kill(int(at.name), int(sys.argv[1]))
"""
_CPU_OF_HEALTH = """
import resource, subprocess
for _ in range(5):
    subprocess.run(["diffing", "health"], check=True, stdout=subprocess.DEVNULL)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(round((used.ru_utime + used.ru_stime) * 200))
"""


@dataclass(frozen=True)
class Ground:
    """The means of a trial.

    Args:
        docker: the engine.
        client: of the API that `make up` started.
        folder: an empty one, which every user may read.
    """

    docker: Docker
    client: Client
    folder: Path

    def put(self, name: str, content: str, mode: int = 0o644) -> None:
        """Copy a file into the volume's `input/`, as the README says."""
        path = self.folder / name
        path.write_text(content)
        path.chmod(mode)
        self.docker.compose("cp", str(path), f"api:/data/input/{name}")

    def pair(self) -> list[str]:
        """A small pair in the folder, and the rest of the command that diffs it."""
        (self.folder / "old.csv").write_text("id,value\n1,10\n2,20\n")
        (self.folder / "new.csv").write_text("id,value\n1,10\n2,21\n")
        return shlex.split("diff --old old.csv --new new.csv --key id --value value")

    def diff(self, *options: str) -> tuple[int, str, str]:
        """Run `docker run OPTIONS diffing diff` on that pair as a user that is nobody here."""
        mounted = ("-v", f"{self.folder}:/w", "-w", "/w", "-u", "1234:1234")
        done = self.docker(
            *("run", "--rm", *mounted, *options, "diffing", *self.pair()), check=False
        )
        return done.returncode, done.stdout, done.stderr

    def health(self, container: str) -> str:
        """The health of a container, as the engine reports it."""
        form = "{{.State.Health.Status}}"
        return self.docker("inspect", "-f", form, self.container(container)).stdout.strip()

    def container(self, service: str) -> str:
        """The id of a service's container."""
        return self.docker.compose("ps", "-q", service).stdout.strip()


def image_is_labelled_and_has_a_fixed_user(on: Ground) -> str:
    """The image names its release and runs as 10001:10001."""
    labels = json.loads(on.docker("inspect", "-f", "{{json .Config.Labels}}", "diffing").stdout)
    said = on.docker("run", "--rm", "--entrypoint", "id", "diffing").stdout

    assert __version__ == labels["org.opencontainers.image.version"]
    assert "uid=10001(diffing) gid=10001(diffing)" in said
    return said.strip()


def api_and_worker_are_healthy(on: Ground) -> str:
    """`make up` waited until API and worker are well, and asking costs little."""
    assert ["healthy", "healthy"] == [on.health("api"), on.health("worker")]
    used = on.docker.compose("exec", "-T", "worker", "python", "-c", _CPU_OF_HEALTH).stdout
    return f"one look takes {used.strip()} ms of CPU"


def worker_that_hangs_is_not_healthy(on: Ground) -> str:
    """A stopped worker is unhealthy, until it goes on."""

    def is_well() -> bool:
        return not on.docker.compose(
            "exec", "-T", "worker", "diffing", "health", check=False
        ).returncode

    signal_worker(on, signal.SIGSTOP)
    try:
        wait_until(lambda: not is_well(), "a stopped worker is well", patience=60)
    finally:
        signal_worker(on, signal.SIGCONT)
    wait_until(is_well, "it does not become well", patience=60)
    return ""


def signal_worker(on: Ground, number: int) -> None:
    """Send a signal to the worker in its container."""
    on.docker.compose("exec", "-T", "worker", "python", "-c", _SIGNAL_WORKER, str(int(number)))


def diff_over_http_is_right(on: Ground) -> str:
    """A diff over HTTP gives the right bytes."""
    on.put("revenue_old.csv", OLD)
    on.put("revenue_new.csv", NEW)
    job = on.client.new_job()
    on.client.wait_for_success(job)

    assert _RIGHT == on.client.result_of(job)
    return f"{len(_RIGHT)} bytes"


def unreadable_file_is_told(on: Ground) -> str:
    """A file of mode 0600 that was copied in fails its job, which says what to do."""
    on.put("revenue_old.csv", OLD, mode=0o600)
    error = on.client.wait_for_failure(on.client.new_job())["error"]["detail"]
    on.put("revenue_old.csv", OLD)

    assert "cannot be read: Permission denied. Let the user 10001 read it" in error
    return str(error)


def job_outlives_its_worker(on: Ground) -> str:
    """A worker that is killed in the middle of a job is restarted, and does the job right."""
    old, new = (on.folder / f"c_revenue_{side}.csv" for side in ("old", "new"))
    write_sample("c-revenue", _ROWS, old, new)
    for path in (old, new):
        on.docker.compose("cp", str(path), f"api:/data/input/{path.name}")
    job = on.client.new_job("c-revenue")
    on.client.wait_for_diff(job)
    signal_worker(on, signal.SIGKILL)
    status = on.client.wait_for_success(job, patience=180)
    right = subprocess.run(
        [
            *(sys.executable, "-m", "diffing", "diff", "--metric", "c-revenue"),
            *("--old", old, "--new", new),
        ],
        cwd=ROOT,
        check=True,
        capture_output=True,
    ).stdout

    assert status["attempt"] > 1
    assert right == on.client.result_of(job)
    return f"attempt {status['attempt']}, {len(right):,} bytes"


def own_catalogue_is_used(on: Ground) -> str:
    """`metrics.toml` in the volume is the catalogue after a restart."""
    (on.folder / "metrics.toml").write_text(_ONE_METRIC)
    on.docker.compose("cp", str(on.folder / "metrics.toml"), "api:/data/metrics.toml")
    on.docker.compose("restart")
    on.put("a.csv", "id,value\n1,10\n2,20\n")
    on.put("b.csv", "id,value\n1,10\n2,21\n")
    wait_until(lambda: answers(on.client), "the API does not come back", patience=60)
    job = on.client.new_job("mine")
    on.client.wait_for_success(job)

    assert b"id,value\n2,21\n" == on.client.result_of(job)
    return ""


def answers(client: Client) -> bool:
    """Whether the API does."""
    try:
        return client.get("/health").status_code == 200
    except httpx2.TransportError:
        return False


def sigterm_is_never_lost(on: Ground) -> str:
    """SIGTERM ends a container soon at any moment of its start, without a traceback."""
    took = []
    for command in ("serve", "api", "worker"):
        for tenths in (0, 1, 2, 4, 8, 16):
            took.append(stopped_after(on, tenths / 10, command))
        took.append(stopped_after(on, 0, command, "--init"))
    return f"{len(took)} times, {max(took):.1f} s at most"


def stopped_after(on: Ground, seconds: float, command: str, *options: str) -> float:
    """Start and stop a container; returns the seconds that it took to end.

    Without an init of its own the count begins when the interpreter is up: before that no code of
    ours can handle anything.
    """
    options = (*options, "-e", "DIFFING_API_KEYS=off", "diffing", command)
    container = on.docker("run", "--detach", *options).stdout.strip()
    if "--init" not in options:
        wait_until(lambda: handles_sigterm(on, container), "SIGTERM is not handled")
    time.sleep(seconds)  # whatever it has come to by then
    began = time.monotonic()
    on.docker("kill", "--signal", "TERM", container)
    status = on.docker("wait", container, timeout=_SOON_SECONDS).stdout.strip()
    took = time.monotonic() - began
    said = on.docker("logs", container).stderr
    on.docker("rm", "--volumes", container)

    assert status in ("0", "143"), f"{command} after {seconds} s: {status}"
    assert "Traceback" not in said, said
    return took


def handles_sigterm(on: Ground, container: str) -> bool:
    """Whether process 1 of a container does; where the engine is elsewhere it is asked inside."""
    pid = on.docker("inspect", "-f", "{{.State.Pid}}", container).stdout.strip()
    status = Path(f"/proc/{pid}/status")
    if status.exists():
        text = status.read_text()
    else:
        text = on.docker("exec", container, "cat", "/proc/1/status").stdout
    [caught] = re.findall(r"^SigCgt:\s*(\w+)$", text, re.MULTILINE)
    return bool(int(caught, 16) >> (signal.SIGTERM - 1) & 1)


def small_memory_is_enough_or_told(on: Ground) -> str:
    """With 250 MB of memory a small diff works; with too little it says so in one line."""
    assert (0, "id,value\n2,21\n", "") == on.diff("-m", "250m")
    status, result, told = on.diff("-m", "32m")
    assert (2, "", 1) == (status, result, told.count("\n"))
    done = on.docker("run", "--rm", "-m", "100m", "diffing", "serve", check=False)
    assert (2, 1) == (done.returncode, done.stderr.count("\n"))
    return told.strip()


def read_only_container_works(on: Ground) -> str:
    """`--read-only` needs no more than the volume, for a diff and for the service."""
    assert (0, "id,value\n2,21\n", "") == on.diff("--read-only")
    off = ("-e", "DIFFING_API_KEYS=off")
    container = on.docker("run", "--detach", "--read-only", *off, "diffing").stdout.strip()
    ask = ("exec", container, "diffing", "health")
    try:
        wait_until(lambda: not on.docker(*ask, check=False).returncode, "it is not well", 60)
    finally:
        on.docker("rm", "--force", "--volumes", container)
    return ""


def command_line_of_the_readme_works(on: Ground) -> str:
    """The line of the README that diffs files of a folder does so."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8").replace("\\\n", " ")
    line: str
    [line] = re.findall(r"^\$ (docker run .* diff .*)$", readme, re.MULTILINE)
    on.pair()
    done = on.docker.run("sh", "-c", f'cd "$FOLDER" && {line}', FOLDER=str(on.folder))

    assert "id,value\n2,21\n" == done.stdout
    return line


TRIALS: tuple[Callable[[Ground], str], ...] = (
    image_is_labelled_and_has_a_fixed_user,
    api_and_worker_are_healthy,
    diff_over_http_is_right,
    unreadable_file_is_told,
    job_outlives_its_worker,
    worker_that_hangs_is_not_healthy,
    own_catalogue_is_used,
    sigterm_is_never_lost,
    small_memory_is_enough_or_told,
    read_only_container_works,
    command_line_of_the_readme_works,
)
