"""How many connections wait in the kernel until the server accepts them."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any, Final

SOMAXCONN: Final = Path("/proc/sys/net/core/somaxconn")
"""Holds the most that the kernel lets wait on one socket."""


def set_backlog(port: Any, backlog: int) -> None:
    """Sets how many connections may wait on a listening port, whoever has bound its socket.

    To listen once more on a socket that listens changes its backlog alone. So this does
    not depend on the kind of endpoint, and holds for inherited sockets.

    Args:
        port: A listening port of Twisted.
        backlog: As many; the kernel takes `most_waiting` where that is less.
    """
    listening = getattr(port, "socket", None)
    listen = getattr(listening, "set_backlog", None) or getattr(listening, "listen", None)
    if listen is not None:
        with suppress(OSError):
            listen(backlog)


def most_waiting() -> int | None:
    """The most that the kernel lets wait on one socket; None where it does not say."""
    try:
        return int(SOMAXCONN.read_text())
    except (OSError, ValueError):
        return None
