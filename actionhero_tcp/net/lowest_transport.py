"""Asks and tells the transport at the bottom of a connection, below TLS and other wrappers.

It knows how much of what was written is still on its way, and has the options of the socket.
"""

from __future__ import annotations

import fcntl
import socket
import sys
import termios
from collections.abc import Callable
from typing import Any, Final

from .transport import WriteAtOnce

_SIOCOUTQNSD: Final = 0x894B
"""Linux' request for the bytes of a TCP socket that are in no packet yet."""

KEEPALIVE_IDLE_SECONDS: Final = 60
"""Seconds of silence after which the kernel probes whether the other end still lives."""

KEEPALIVE_INTERVAL_SECONDS: Final = 15
"""Seconds from one probe to the next."""

KEEPALIVE_PROBES: Final = 4
"""A connection is lost after this many probes without an answer."""

DEAD_AFTER_SECONDS: Final = KEEPALIVE_IDLE_SECONDS + KEEPALIVE_INTERVAL_SECONDS * KEEPALIVE_PROBES
"""A connection is lost as well if what it was sent is not acknowledged for so many seconds: the
kernel does not probe meanwhile, and by itself would try for a quarter of an hour."""


def lowest(transport: Any) -> Any:
    """The transport at the bottom, below TLS and other wrappers."""
    while (below := getattr(transport, "transport", None)) is not None:
        transport = below
    return transport


def count_buffered(transport: Any, call: Callable[[int], object]) -> None:
    """Has a function called with what waits in a transport; see `WriteAtOnce.on_buffered`.

    Transports of other kinds than `WriteAtOnce` never call it.
    """
    bottom = lowest(transport)
    if isinstance(bottom, WriteAtOnce):
        bottom.report_buffered(call)


def progress(transport: Any) -> int:
    """A number that grows while the other end takes what waits for it; for other transports than
    those of `WriteAtOnce` it never does.

    What the kernel takes is no measure of it: that holds megabytes, and takes no more until
    a third of them is gone, for which a slow reader needs its time. So this is what the kernel
    has taken, less what it holds.
    """
    bottom = lowest(transport)
    taken: int | None = getattr(bottom, "taken_bytes", None)
    return 0 if taken is None else taken - _in_kernel(getattr(bottom, "socket", None))


def _in_kernel(handle: Any, request: int = termios.TIOCOUTQ) -> int:
    """Return the number of bytes that the kernel has taken and the other end has not."""
    count = bytearray(4)
    try:
        fcntl.ioctl(handle, request, count)
    except (OSError, TypeError, ValueError):
        # There is no socket, or no longer.
        return 0
    return int.from_bytes(count, sys.byteorder)


def has_unsent(transport: Any) -> bool:
    """Whether something that was written is not on its way yet: here, in TLS, or in the kernel.

    Of transports other than TCP nobody knows, and nothing is.
    """
    bottom = lowest(transport)
    if not is_drained(bottom):
        return True
    return _in_kernel(getattr(bottom, "socket", None), _SIOCOUTQNSD) > 0


def is_drained(transport: Any) -> bool:
    """Whether the kernel has taken everything that was written; of transports of other kinds than
    `WriteAtOnce` nobody knows, and it is taken for granted.
    """
    bottom = lowest(transport)
    return not isinstance(bottom, WriteAtOnce) or not bottom.buffered_bytes


def hang_up(transport: Any) -> None:
    """Closes a connection whose other end does not, without a reset."""
    lowest(transport).loseConnection()


def set_socket_options(transport: Any, *, keep_alive: bool = True) -> None:
    """Has small writes sent at once, and dead peers found out by TCP keepalive.

    Args:
        transport: The transport; others than TCP have no such options.
        keep_alive: Whether the kernel probes a silent peer.
    """
    handle = getattr(lowest(transport), "socket", None)
    if handle is None or handle.family not in (socket.AF_INET, socket.AF_INET6):
        return
    try:
        handle.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        handle.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, keep_alive)
        handle.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, KEEPALIVE_IDLE_SECONDS)
        handle.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, KEEPALIVE_INTERVAL_SECONDS)
        handle.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, KEEPALIVE_PROBES)
        handle.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, DEAD_AFTER_SECONDS * 1000)
    except OSError:
        # The client may be gone already; its loss is noticed elsewhere.
        pass
