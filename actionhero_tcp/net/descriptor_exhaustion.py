"""Handles a listening port when the process has no file descriptor left for a client.

Twisted then takes those who wait with a descriptor that it keeps for this, and drops them. It
logs three lines for each; and where something else has got hold of that descriptor, it tries
again, and logs it, in every pass of the reactor.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from twisted.internet import tcp
from twisted.logger import LogEvent, Logger

from .. import close_reasons

if TYPE_CHECKING:
    from ..clock import Clock
    from ..stats import Stats

PAUSE_SECONDS: Final = 1.0
"""A port that could not take in a client tries it again after so long, and logs it as often."""

CLIENTS_AT_ONCE: Final = 100
"""Then it takes, or drops, so many; a port of Twisted's that has just opened does the same."""

_log = Logger()


class Exhaustion:
    """Hears what a port cannot do for want of descriptors, and has it wait before it tries again.

    Args:
        port: The port.
        clock: Calls later.
        stats: Counts those who were dropped.
    """

    def __init__(self, port: tcp.Port, clock: Clock, stats: Stats) -> None:
        self._port: Any = port
        self._clock = clock
        self._stats = stats
        self._paused = False

    def watch(self) -> None:
        """Takes what the port would log of clients that it could not take in."""
        self._port._logger = Logger(__name__, observer=self._heard)  # type: ignore[arg-type]

    def _heard(self, event: LogEvent) -> None:
        if "address" in event:
            self._stats.closed[close_reasons.NO_DESCRIPTORS] += 1
        if not self._paused:
            self._paused = True
            self._port.stopReading()
            self._clock.callLater(PAUSE_SECONDS, self._resume)
            _log.warn(
                "the process has as many files open as it may: clients that connect are "
                "dropped, or wait for {seconds:g} s",
                seconds=PAUSE_SECONDS,
            )

    def _resume(self) -> None:
        self._paused = False
        if self._port.connected and not self._port.disconnecting:
            # By itself it would try as many as it got the last time, which were none.
            self._port.numberAccepts = CLIENTS_AT_ONCE
            self._port.startReading()


def pause_when_exhausted(port: object, clock: Clock, stats: Stats) -> None:
    """Has a listening port try only now and then where the process has no descriptor left.

    Ports of other kinds than Twisted's TCP and UNIX ones are left as they are.

    Args:
        port: The port.
        clock: Calls later.
        stats: Counts those who were dropped.
    """
    if isinstance(port, tcp.Port):
        Exhaustion(port, clock, stats).watch()
