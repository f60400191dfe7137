"""A container engine: the one that answers, or one of our own that ends with the test."""

import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.conftest import ROOT
from tests.image.debian import Lacking, base_folder, compose_plugin, install

_START_SECONDS = 60
_STOP_SECONDS = 60
Done = subprocess.CompletedProcess[str]


class Docker:
    """Runs `docker` and what calls it.

    Args:
        environment: variables that tell it the engine, beside those of this process.
    """

    def __init__(self, environment: dict[str, str]) -> None:
        self.environment = {**os.environ, **environment}

    def __call__(self, *arguments: str, check: bool = True, timeout: float = 120) -> Done:
        """Run `docker` with arguments."""
        return self.run("docker", *arguments, check=check, timeout=timeout)

    def compose(self, *arguments: str, check: bool = True) -> Done:
        """Run `docker compose` with arguments."""
        return self("compose", *arguments, check=check)

    def run(self, *command: str, check: bool = True, timeout: float = 120, **more: str) -> Done:
        """Run any command in the checkout; `more` are variables.

        Raises:
            AssertionError: it failed, and `check` is wanted.
        """
        done = subprocess.run(
            command,
            cwd=ROOT,
            env={**self.environment, **more},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
        )
        said = "\n".join((done.stdout + done.stderr).splitlines()[-15:])
        assert not check or done.returncode == 0, f"{' '.join(command)}: {said}"
        return done

    def answers(self) -> bool:
        """Whether there is an engine."""
        return bool(shutil.which("docker")) and self("info", check=False).returncode == 0


@contextmanager
def engine(folder: Path) -> Iterator[Docker]:
    """An engine with compose and the base of the image.

    Args:
        folder: an empty one, for what is made and removed again.

    Raises:
        Lacking: none can be had here; the text says why.
    """
    with ExitStack() as stack:
        docker = Docker({})
        if docker.answers():
            print("an engine runs here: it is used", flush=True)
        else:
            docker = stack.enter_context(_engine_of_our_own(folder))
        if docker.compose("version", check=False).returncode:
            print("docker compose: unpacked from Debian's package", flush=True)
            plugins = folder / "docker/cli-plugins"
            plugins.parent.mkdir(exist_ok=True)
            plugins.symlink_to(compose_plugin(folder))
            docker.environment["DOCKER_CONFIG"] = str(plugins.parent)
        _have_base(docker, folder)
        yield docker


@contextmanager
def _engine_of_our_own(folder: Path) -> Iterator[Docker]:
    if os.geteuid():
        raise Lacking("no engine answers, and to start one takes root")
    if not (shutil.which("dockerd") and shutil.which("debootstrap")):
        print("docker.io and debootstrap: installed from Debian", flush=True)
        install("docker.io", "debootstrap")
    if not shutil.which("docker"):
        install("docker-cli")
    docker = Docker({"DOCKER_HOST": f"unix://{folder}/docker.sock"})
    with _network_as_before(), (folder / "dockerd.log").open("wb") as log:
        daemon = subprocess.Popen(
            [
                "dockerd",
                *("--host", docker.environment["DOCKER_HOST"], "--pidfile", f"{folder}/pid"),
                *("--data-root", f"{folder}/data", "--exec-root", f"{folder}/exec"),
            ],
            stdout=log,
            stderr=log,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            _wait_for(daemon, docker, folder / "dockerd.log")
            print("an engine of our own: started", flush=True)
            yield docker
        finally:
            daemon.terminate()
            daemon.wait(_STOP_SECONDS)
            _unmount_below(folder)
            print("an engine of our own: stopped", flush=True)


def _wait_for(daemon: subprocess.Popen[bytes], docker: Docker, log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while not docker.answers():
        if daemon.poll() is not None or time.monotonic() > deadline:
            last = log.read_text(errors="replace").strip().splitlines()[-1:]
            raise Lacking(f"dockerd does not start: {''.join(last)}")
        time.sleep(0.2)


@contextmanager
def _network_as_before() -> Iterator[None]:
    """The engine leaves a bridge and rules of the firewall behind."""
    bridge = Path("/sys/class/net/docker0")
    had_bridge = bridge.exists()
    rules = subprocess.run(["iptables-save"], capture_output=True).stdout
    try:
        yield
    finally:
        subprocess.run(["iptables-restore"], input=rules, check=True)
        if bridge.exists() and not had_bridge:
            subprocess.run(["ip", "link", "delete", "docker0"], check=True)


def _unmount_below(folder: Path) -> None:
    """The engine leaves a namespace mounted, without which the folder could not be removed."""
    mounted = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    for path in reversed([path for path in mounted if Path(path).is_relative_to(folder)]):
        subprocess.run(["umount", path], check=True)


def _have_base(docker: Docker, folder: Path) -> None:
    [base] = set(re.findall(r"^FROM (\S+:\S+)", (ROOT / "Dockerfile").read_text(), re.MULTILINE))
    if docker("image", "inspect", base, check=False).returncode == 0:
        return
    if docker("pull", "--quiet", base, check=False).returncode == 0:
        print(f"{base}: pulled", flush=True)
        return
    print(f"{base}: cannot be pulled; made of Debian's packages", flush=True)
    if os.geteuid():
        raise Lacking(f"{base} cannot be pulled, and to make it takes root")
    if not shutil.which("debootstrap"):
        install("debootstrap")
    root = base_folder(folder)
    with subprocess.Popen(["tar", "-C", root, "-c", "."], stdout=subprocess.PIPE) as tar:
        subprocess.run(
            ["docker", "import", "-", base],
            stdin=tar.stdout,
            env=docker.environment,
            check=True,
            capture_output=True,
        )
    shutil.rmtree(root)
