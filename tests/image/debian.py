"""Replaces, on a machine of Debian, the parts that cannot be pulled: engine, plugin and base."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

_KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
_CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
# The release that has the Python of the Dockerfile, and a compose that can `up --wait`.
RELEASE = "trixie"


class Lacking(Exception):
    """Something is needed that cannot be had here; the text says what."""


def install(*packages: str) -> None:
    """Install packages.

    Raises:
        Lacking: they cannot be had.
    """
    if os.geteuid() or not shutil.which("apt-get"):
        raise Lacking(f"{' and '.join(packages)}: to install them takes root on Debian")
    _run("apt-get", "update", "--quiet")
    _run("apt-get", "install", "--quiet", "--yes", "--no-install-recommends", *packages)


def compose_plugin(folder: Path) -> Path:
    """The folder of plugins of a `docker-compose` that is unpacked there, not installed.

    Raises:
        Lacking: it cannot be had.
    """
    own = folder / "apt"
    for name in ("lists/partial", "cache/archives/partial"):
        (own / name).mkdir(parents=True)
    (own / "sources.list").write_text(f"deb [signed-by={_KEYRING}] {_mirror()} {RELEASE} main\n")
    options = [
        *("-o", f"Dir::Etc::sourcelist={own}/sources.list", "-o", "Dir::Etc::sourceparts=-"),
        *("-o", f"Dir::State::lists={own}/lists", "-o", f"Dir::Cache={own}/cache"),
    ]
    _run("apt-get", *options, "update")
    _run("apt-get", *options, "download", "docker-compose", cwd=own)
    [package] = own.glob("*.deb")
    _run("dpkg", "-x", str(package), str(own / "unpacked"))
    return own / "unpacked/usr/libexec/docker/cli-plugins"


def base_folder(folder: Path) -> Path:
    """A file system of Debian's packages that has what the Dockerfile wants of its base.

    Raises:
        Lacking: it cannot be made.
    """
    root = folder / "base"
    packages = "--include=python3,python3-venv,ca-certificates"
    _run("debootstrap", "--variant=minbase", packages, RELEASE, str(root), _mirror())
    for name in ("python", "python3"):
        (root / "usr/local/bin" / name).symlink_to("/usr/bin/python3")
    # as this machine reaches its packages, so does the build
    shutil.copyfile(_CERTIFICATES, root / _CERTIFICATES.relative_to("/"))
    settings = {**_pip_settings(), "cert": str(_CERTIFICATES)}
    lines = [f"{name} = {value}" for name, value in settings.items()]
    (root / "etc/pip.conf").write_text("\n".join(["[global]", *lines, ""]))
    return root


def _mirror() -> str:
    """Where this machine has its packages from."""
    form = "$(ORIGIN) $(CODENAME) $(REPO_URI)"
    for line in _run("apt-get", "indextargets", "--format", form).splitlines():
        origin, codename, address = line.split()
        if origin == "Debian" and "-" not in codename:
            return address
    raise Lacking("a mirror of Debian: apt has none in its sources")


def _pip_settings() -> dict[str, str]:
    """Those of this machine's pip that say where packages are, save folders."""
    said = _run(sys.executable, "-m", "pip", "config", "list")
    wanted = r"^[^.\n]*\.(index-url|extra-index-url|trusted-host|proxy)='(.*)'$"
    found = re.findall(wanted, said, re.MULTILINE)
    return {name: value for name, value in found if "file:" not in value}


def _run(*command: str, cwd: Path | None = None) -> str:
    done = subprocess.run(
        command,
        cwd=cwd,
        env={**os.environ, "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        last = (done.stderr.strip() or done.stdout.strip() or "no word").splitlines()[-1]
        raise Lacking(f"{command[0]} failed: {last}")
    return done.stdout
