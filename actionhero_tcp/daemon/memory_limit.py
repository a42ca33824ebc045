"""How much memory this process may use: what its control group allows, or what the machine has."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Final

FALLBACK_BYTES: Final = 1024**3
"""What is assumed where the system does not tell."""

_UNLIMITED: Final = 1 << 60
"""A control group of version 1 that is not limited shows a number beyond this."""


def available(root: Path = Path("/")) -> int:
    """The bytes of memory that this process may use, with all others of its control group.

    Args:
        root: Where ``proc`` and ``sys`` are.
    """
    return min([*_limits(root), _machine(root)])


def _machine(root: Path) -> int:
    for line in _text(root / "proc/meminfo").splitlines():
        if line.startswith("MemTotal:"):
            return int(line.split()[1]) * 1024
    return FALLBACK_BYTES


def _limits(root: Path) -> Iterator[int]:
    """The limits of this process' control groups and of those above them."""
    for line in _text(root / "proc/self/cgroup").splitlines():
        _, controllers, group = line.split(":", 2)
        if not controllers:
            base, name = root / "sys/fs/cgroup", "memory.max"
        elif "memory" in controllers.split(","):
            base, name = root / "sys/fs/cgroup/memory", "memory.limit_in_bytes"
        else:
            continue
        path = PurePosixPath(group.lstrip("/"))
        # In a container the path may be that of the host; its own limit is at the top then.
        for folder in (path, *path.parents):
            limit = _text(base / folder / name).strip()
            if limit.isdigit() and int(limit) < _UNLIMITED:
                yield int(limit)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii", errors="replace")
    except OSError:
        return ""
