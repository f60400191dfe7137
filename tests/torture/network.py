"""Hosts as network namespaces, whose links meet in a switch that is a namespace, too."""

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from tests.servers import CannotRun, Place
from tests.torture.shortage import system

_NAMESPACES = Path("/run/netns")


@dataclass(frozen=True)
class Link:
    """The link of a host to all others.

    Args:
        place: the host.
        switch: namespace with the other end.
        port: name of the other end.
    """

    place: Place
    switch: str
    port: str

    def cut(self) -> None:
        """Pull the cable."""
        self._set("down")

    def mend(self) -> None:
        """Plug it in again."""
        self._set("up")

    def _set(self, state: str) -> None:
        system("ip", "-n", self.switch, "link", "set", self.port, state)


@contextmanager
def network(hosts: int) -> Iterator[list[Link]]:
    """So many hosts, which this process can reach, too. All that runs on them ends with the block.

    Raises:
        CannotRun: this process may not make namespaces.
    """
    name = f"torture{os.getpid()}"
    with ExitStack() as stack:
        try:
            links = _made(stack, name, hosts)
        except FileNotFoundError:
            raise CannotRun("iproute2 is not installed: run `make network` as root") from None
        except subprocess.CalledProcessError as error:
            said = error.stderr.decode().strip()
            raise CannotRun(f"no network namespaces can be made here: {said}") from None
        yield links


def _made(stack: ExitStack, name: str, hosts: int) -> list[Link]:
    switch = f"{name}-switch"
    _add_namespace(stack, switch)
    system("ip", "-n", switch, "link", "add", "bridge", "type", "bridge")
    system("ip", "-n", switch, "link", "set", "bridge", "up")
    subnet = _free_subnet()
    system("ip", "link", "add", name, "type", "veth", "peer", "name", "outside", "netns", switch)
    system("ip", "address", "add", f"{subnet}.254/24", "dev", name)
    system("ip", "link", "set", name, "up")
    _plug(switch, "outside")
    return [
        _add_host(stack, switch, f"{name}-{number}", f"{subnet}.{number}")
        for number in range(1, hosts + 1)
    ]


def _add_host(stack: ExitStack, switch: str, host: str, address: str) -> Link:
    port = host.rpartition("-")[2]
    _add_namespace(stack, host)
    ends = ("eth0", "netns", host, "type", "veth", "peer", "name", port, "netns", switch)
    system("ip", "link", "add", *ends)
    system("ip", "-n", host, "address", "add", f"{address}/24", "dev", "eth0")
    for device in ("lo", "eth0"):
        system("ip", "-n", host, "link", "set", device, "up")
    _plug(switch, port)
    enter = ("nsenter", f"--net={_NAMESPACES / host}")
    return Link(Place(address, enter), switch, port)


def _plug(switch: str, port: str) -> None:
    system("ip", "-n", switch, "link", "set", port, "master", "bridge", "up")


def _add_namespace(stack: ExitStack, name: str) -> None:
    stack.callback(_remove_namespace, name)  # first, so that an interrupt leaves none
    system("ip", "netns", "add", name)


def _remove_namespace(name: str) -> None:
    if not (_NAMESPACES / name).exists():
        return
    for pid in system("ip", "netns", "pids", name).split():
        with suppress(ProcessLookupError):
            os.kill(int(pid), signal.SIGKILL)
    system("ip", "netns", "delete", name)


def _free_subnet() -> str:
    """The first three numbers of private addresses that this machine has no route to."""
    for third in range(256):
        subnet = f"10.213.{third}"
        if not system("ip", "route", "show", "root", f"{subnet}.0/24"):
            return subnet
    raise CannotRun("all networks below 10.213.0.0/16 are in use")
