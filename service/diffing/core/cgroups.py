"""Control groups: limits of the kernel for a group of processes, such as a container."""

from collections.abc import Iterator
from pathlib import Path


def memory_limit(root: Path) -> int | None:
    """The lowest memory limit of this process's group and of the groups around it.

    Args:
        root: the folder of `proc` and of the mounted groups.

    Returns:
        Bytes; None without a limit. Version 1 has a default limit above the memory of any machine.
    """
    return min(_limits(root), default=None)


def _limits(root: Path) -> Iterator[int]:
    for mounted, within, name in _hierarchies(root):
        folder = mounted / within
        for group in (folder, *folder.parents):
            limit = _read(group / name).strip()
            if limit.isdecimal():  # else it is `max`, or the top group, which has no such file
                yield int(limit)
            if group == mounted:
                break


def _hierarchies(root: Path) -> Iterator[tuple[Path, Path, str]]:
    """The mount of each kind of group, this process's group in it, and the file of the limit."""
    lines = [line.split(":", 2) for line in _read(root / "proc/self/cgroup").splitlines()]
    groups = {name: path for _, names, path in lines for name in names.split(",")}
    for line in _read(root / "proc/self/mountinfo").splitlines():
        fields, _, kind = (part.split() for part in line.partition(" - "))
        match kind:
            case ["cgroup2", *_] if "" in groups:
                group, name = groups[""], "memory.max"
            case ["cgroup", _, options] if "memory" in options.split(",") and "memory" in groups:
                group, name = groups["memory"], "memory.limit_in_bytes"
            case _:
                continue
        top, mounted = fields[3:5]
        yield root / mounted.lstrip("/"), _within(group, top), name


def _within(group: str, top: str) -> Path:
    """The path of a group below the mounted one; a group outside counts as the mounted one."""
    path = Path(group)
    if ".." in path.parts or not path.is_relative_to(top):
        return Path()
    return path.relative_to(top)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError:
        return ""
