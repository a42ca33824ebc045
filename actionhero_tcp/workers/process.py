"""One worker's process as its supervisor sees it, and how long the next one waits for its start."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Callable, Sequence
from typing import Any, Final

from twisted.internet.protocol import ProcessProtocol
from twisted.logger import Logger
from twisted.python.failure import Failure

from ..clock import Clock, Timer, stop
from ..server.listening import stop_seconds
from .worker import WorkerSpec

FIRST_DELAY: Final = 1.0
LONGEST_DELAY: Final = 60.0
"""A worker that dies is replaced at once; one that dies again after the first delay, and each
time after twice the last one, up to the longest."""

STEADY_SECONDS: Final = 60.0
"""A worker that has lived for so long has not died again: the next one comes at once."""

START_SECONDS: Final = 300.0
"""A worker that is not ready after so long is killed."""

CUT_SECONDS: Final = 5.0
"""A worker that was told twice to stop and is there after so long is killed."""

MAX_LINE_BYTES: Final = 4096
"""No line is longer in which a worker tells how it is."""

STOPS_NOT: Final = "has not stopped in {seconds:g} s"

_log = Logger()


class Backoff:
    """How long one worker after the other waits for its start."""

    def __init__(self) -> None:
        self._next = 0.0

    def delay(self, lived: float) -> float:
        """The delay before the next start.

        Args:
            lived: How many seconds the last one has lived.
        """
        delay = 0.0 if lived >= STEADY_SECONDS else self._next
        self._next = min(max(FIRST_DELAY, 2 * delay), LONGEST_DELAY)
        return delay


class Worker(ProcessProtocol):
    """One worker's process, from its start to its end.

    Args:
        number: Its number.
        ends: The supervisor's ends of its channels.
        place: What it is told.
        clock: Calls later.
        changed: Called when it is ready, or is not any more.
        ended: Called with it when it has ended.

    Attributes:
        number: See above.
        ends: See above.
        is_ready: Whether it takes connections.
        is_reloading: Whether it was told to reload, and has not said that it has.
        started: When it was started.
        pid: Its process' id.
    """

    transport: Any

    def __init__(
        self,
        place: WorkerSpec,
        ends: Sequence[socket.socket],
        clock: Clock,
        changed: Callable[[Worker], object],
        ended: Callable[[Worker, Failure], object],
    ) -> None:
        self.number = place.number
        self.ends = ends
        self.is_ready = False
        self.is_reloading = False
        self.started = clock.seconds()
        self._place = place
        self._clock = clock
        self._changed = changed
        self._ended = ended
        self._rest = b""
        self._late: set[int] = set()
        self._deadline: Timer | None = None
        self._has_ended = False

    def connectionMade(self) -> None:
        """It was started."""
        self.pid = self.transport.pid
        self.transport.write(self._place.encode())
        self.transport.closeStdin()
        self.kill_after(START_SECONDS, signal.SIGKILL, "is not ready after {seconds:g} s")

    def childDataReceived(self, childFD: int, data: bytes) -> None:
        """It tells how it is, in the words that systemd understands."""
        *lines, rest = (self._rest + data).split(b"\n")
        self._rest = rest[:MAX_LINE_BYTES]
        if self._has_ended:
            return
        for line in lines:
            if line == b"READY=1":
                self._became_ready()
            elif line == b"STOPPING=1":
                self._stops()
            elif line == b"WATCHDOG=1":
                self._watch()

    def processExited(self, reason: Failure) -> None:
        """It has ended."""
        stop(self._deadline)
        self._has_ended = True
        self.is_ready = self.is_reloading = False
        for end in self.ends:
            end.close()
        self._ended(self, reason)
        self.transport.loseConnection()

    def tell(self, number: int) -> None:
        """Sends it a signal to do something; when it is ready where it is not yet."""
        if not self.is_ready:
            self._late.add(number)
            return
        self.is_reloading = self.is_reloading or number == signal.SIGHUP
        self.send(number)

    def send(self, number: int) -> None:
        """Sends it a signal, at once."""
        if not self._has_ended:
            os.kill(self.pid, number)

    def kill_after(self, seconds: float, number: int, why: str) -> None:
        """Kills it by a signal in some time, unless that is called off.

        Args:
            seconds: The time.
            number: The signal.
            why: What is wrong with it then, for the log.
        """
        stop(self._deadline)
        self._deadline = self._clock.callLater(seconds, self._kill, seconds, number, why)

    def _kill(self, seconds: float, number: int, why: str) -> None:
        _log.error(
            "worker {worker} (PID {pid}) " + why + " and is killed",
            worker=self.number,
            pid=self.pid,
            seconds=seconds,
        )
        self.send(number)
        if number != signal.SIGKILL:
            self.kill_after(CUT_SECONDS, signal.SIGKILL, "has not ended in {seconds:g} s")

    def _became_ready(self) -> None:
        if not self.is_ready:
            _log.info("worker {worker} (PID {pid}) is ready", worker=self.number, pid=self.pid)
        self.is_ready, self.is_reloading = True, False
        stop(self._deadline)
        self._watch()
        late, self._late = self._late, set()
        for number in late:
            self.tell(number)
        self._changed(self)

    def _stops(self) -> None:
        """It stops, be it that somebody has told it to."""
        self.is_ready = self.is_reloading = False
        seconds = stop_seconds(self._place.config.limits)
        self.kill_after(seconds, signal.SIGKILL, STOPS_NOT)
        self._changed(self)

    def _watch(self) -> None:
        """It lives; it must give the next sign of it in time."""
        if self._place.watchdog and self.is_ready:
            self.kill_after(
                self._place.watchdog, signal.SIGABRT, "gave no sign of life for {seconds:g} s"
            )
