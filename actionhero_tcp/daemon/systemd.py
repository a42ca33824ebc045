"""Notifications for systemd: ready, reloading, stopping, and alive.

It is told over the socket that systemd names in the environment. Without one, nothing
is told to anyone.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import MutableMapping
from typing import Final, Protocol

from twisted.logger import Logger

from ..clock import Clock, Timer, stop
from ..errors import printable

_log = Logger()


RETRY_SECONDS: Final = 1.0
"""How long to wait before systemd is told again, where it had no room for what it was told."""


class Outlet(Protocol):
    """The way to whom a `Notifier` tells.

    Attributes:
        name: Its name, for the log.
    """

    name: str

    def send(self, data: bytes) -> object:
        """Sends a message, and does not wait.

        Raises:
            OSError: It cannot; BlockingIOError where it may be possible later.
        """

    def close(self) -> object:
        """Closes the way."""


class Socket:
    """The way to systemd.

    Args:
        address: The path of systemd's socket, or ``@`` and the name of an abstract one.
    """

    name = "systemd"

    def __init__(self, address: str) -> None:
        # As sockets have it: an abstract name begins with a NUL.
        self._address = "\0" + address[1:] if address.startswith("@") else address
        # It is kept open, since none could be made where descriptors have run out.
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self.close = self._socket.close

    def send(self, data: bytes) -> None:
        """See `Outlet.send`."""
        self._socket.sendto(data, self._address)


class Notifier:
    """Tells systemd, or a worker's supervisor, how the daemon is. It never raises or waits.

    Args:
        clock: Calls later.
        outlet: The way there; None where nobody wants to know.
        watchdog: Seconds within which a sign of life is wanted, again and again; 0 for never.
    """

    def __init__(self, clock: Clock, outlet: Outlet | None = None, watchdog: float = 0.0) -> None:
        self._clock = clock
        self._outlet = outlet
        self._interval = watchdog / 2
        self._untold = ""
        self._retry: Timer | None = None
        self._next_sign: Timer | None = None

    @property
    def watchdog(self) -> float:
        """Within how many seconds a sign of life is wanted; 0 for never."""
        return 2 * self._interval

    def ready(self, status: str = "") -> None:
        """The daemon serves: it has started, or has reloaded.

        The first time the signs of life begin, by a timer of the reactor: a loop that is
        stuck gives none.

        Args:
            status: A line for people, or "" to leave the one that was told before.
        """
        self._tell("READY=1", *_status(status))
        if self._interval and self._next_sign is None:
            self._wait_for_sign()

    def reloading(self) -> None:
        """The daemon reloads; `ready` says that it has."""
        self._tell("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def stopping(self, status: str, seconds: float) -> None:
        """The daemon stops.

        Args:
            status: A line for people.
            seconds: How long that may take; systemd waits at least so long.
        """
        self._tell("STOPPING=1", *_status(status), f"EXTEND_TIMEOUT_USEC={round(seconds * 1e6)}")

    def close(self) -> None:
        """Nothing is told any more."""
        stop(self._next_sign)
        stop(self._retry)
        if self._outlet is not None:
            self._outlet.close()
            self._outlet = None

    def _wait_for_sign(self) -> None:
        self._next_sign = self._clock.callLater(self._interval, self._give_sign)

    def _give_sign(self) -> None:
        self._send("WATCHDOG=1")
        self._wait_for_sign()

    def _tell(self, *assignments: str) -> None:
        """Tells a new state; the one before it, if still untold, is of no use any more."""
        self._untold = "\n".join(assignments)
        self._try()

    def _try(self) -> None:
        stop(self._retry)
        if not self._send(self._untold):
            self._retry = self._clock.callLater(RETRY_SECONDS, self._try)

    def _send(self, text: str) -> bool:
        """Sends a message; gives whether there is no use in sending it again."""
        if self._outlet is None:
            return True
        try:
            self._outlet.send(text.encode())
        except BlockingIOError:
            return False
        except OSError as error:
            whom = self._outlet.name
            _log.warn("{whom} cannot be told {text!r}: {error}", whom=whom, text=text, error=error)
        return True


def from_environment(environment: MutableMapping[str, str], clock: Clock) -> Notifier:
    """The notifier that systemd asks for in the environment of its service.

    What it reads it takes out, so that no child of this process takes it for its own.

    Args:
        environment: The environment.
        clock: Calls later.
    """
    address = environment.pop("NOTIFY_SOCKET", "")
    microseconds = environment.pop("WATCHDOG_USEC", "")
    process = environment.pop("WATCHDOG_PID", "")
    wanted = microseconds.isdecimal() and process in ("", str(os.getpid()))
    outlet = Socket(address) if address else None
    return Notifier(clock, outlet, int(microseconds) / 1e6 if wanted else 0.0)


def _status(text: str) -> list[str]:
    """The assignment of a status, on one line."""
    return [f"STATUS={printable(text)}"] if text else []
