"""What a silent client gets: a line now and then, and a goodbye when it was silent too long."""

from __future__ import annotations

from typing import Final, Protocol

from ..clock import Clock, Timer, stop

CHECKS_PER_TIMEOUT: Final = 4
"""Silence is looked for so many times in an idle timeout: it ends at most a quarter late."""


class HeartbeatOwner(Protocol):
    """The owner of the heartbeat: the protocol, or a stand-in in tests."""

    def ping(self) -> None:
        """Sends the client a line, so that it and what lies between know that the server lives."""

    def was_active(self) -> bool:
        """Whether the client took part since this was asked last, or is being served."""

    def idle(self) -> None:
        """The client has been silent for the whole idle timeout."""


class Heartbeat:
    """The timers of one client.

    Args:
        clock: Calls later.
        owner: Is told.
        ping_interval: Seconds between two pings; 0 for none.
        idle_timeout: Seconds of silence after which the client is given up; 0 for never.
    """

    __slots__ = (
        "_clock",
        "_idle_timeout",
        "_idle_timer",
        "_owner",
        "_ping_interval",
        "_ping_timer",
        "_silent_checks",
    )

    def __init__(
        self, clock: Clock, owner: HeartbeatOwner, ping_interval: float, idle_timeout: float
    ) -> None:
        self._clock = clock
        self._owner = owner
        self._ping_interval = ping_interval
        self._idle_timeout = idle_timeout
        self._ping_timer: Timer | None = None
        self._idle_timer: Timer | None = None
        self._silent_checks = 0
        if ping_interval:
            self._ping_later()
        if idle_timeout:
            self._look_later()

    def stop(self) -> None:
        """Calls off all timers."""
        stop(self._ping_timer)
        stop(self._idle_timer)

    def _ping_later(self) -> None:
        self._ping_timer = self._clock.callLater(self._ping_interval, self._ping)

    def _ping(self) -> None:
        self._ping_later()
        self._owner.ping()

    def _look_later(self) -> None:
        seconds = self._idle_timeout / CHECKS_PER_TIMEOUT
        self._idle_timer = self._clock.callLater(seconds, self._look)

    def _look(self) -> None:
        self._silent_checks = 0 if self._owner.was_active() else self._silent_checks + 1
        if self._silent_checks < CHECKS_PER_TIMEOUT:
            self._look_later()
        else:
            stop(self._ping_timer)
            self._owner.idle()
