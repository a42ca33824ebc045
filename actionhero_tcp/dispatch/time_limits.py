"""When the time of requests that wait is up: one timer for all that may take equally long.

Requests that may take equally long reach their end in the order in which they began. So they share
one queue with one timer, which is set for the first of them: a timer for each would be a
third of all that a request that waits costs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from twisted.logger import Logger

from ..clock import Clock, Timer, stop

if TYPE_CHECKING:
    from .request import Request

_ROUNDING: Final = 1e-6
"""A timer may come by as many seconds too early, as the sums of floats are rounded."""

_log = Logger()


class TimeLimit:
    """The requests that may take equally long.

    Args:
        clock: Tells the time and calls later.
        seconds: How long each of them may take.
        time_up: Is called with each whose time is up, and with ``seconds``.
    """

    __slots__ = ("_clock", "_ends", "_seconds", "_time_up", "_timer")

    def __init__(
        self, clock: Clock, seconds: float, time_up: Callable[[Request, float], None]
    ) -> None:
        self._clock = clock
        self._seconds = seconds
        self._time_up = time_up
        self._ends: dict[Request, float] = {}
        self._timer: Timer | None = None

    @property
    def is_in_use(self) -> bool:
        """Whether its timer is set, as it is for some time after the last request."""
        return self._timer is not None

    def add(self, request: Request) -> None:
        """The time of a request begins."""
        self._ends[request] = self._clock.seconds() + self._seconds
        if self._timer is None:
            self._timer = self._clock.callLater(self._seconds, self._tick)

    def discard(self, request: Request) -> None:
        """A request has ended, or its time begins again."""
        # The timer stays: to stop it, and set one for the next request, takes far longer.
        self._ends.pop(request, None)

    def close(self) -> None:
        """Stop the timer."""
        stop(self._timer)
        self._timer = None

    def _tick(self) -> None:
        """Tell of all whose time is up, and set the timer for the next one."""
        self._timer = None
        now = self._clock.seconds()
        for request in self._due(now):
            # The end of one may have ended another.
            if self._ends.pop(request, None) is not None:
                try:
                    self._time_up(request, self._seconds)
                except Exception:
                    _log.failure("a request could not be ended when its time was up")
        if self._ends and self._timer is None:
            delay = max(0.0, next(iter(self._ends.values())) - now)
            self._timer = self._clock.callLater(delay, self._tick)

    def _due(self, now: float) -> list[Request]:
        due = []
        for request, end in self._ends.items():
            if end - now > _ROUNDING:
                break
            due.append(request)
        return due


class TimeLimits:
    """The time limits of all requests that wait; each may have its own, as a reload may set one.

    Args:
        clock: Tells the time and calls later.
        time_up: Is called with each request whose time is up, and the seconds that it had.
    """

    def __init__(self, clock: Clock, time_up: Callable[[Request, float], None]) -> None:
        self._clock = clock
        self._time_up = time_up
        self._limits: dict[float, TimeLimit] = {}

    def begin(self, request: Request, seconds: float) -> None:
        """The time of a request begins, or begins again.

        Args:
            request: The request, which leaves at its end.
            seconds: How long it may take.
        """
        if request.time_limit is not None:
            request.time_limit.discard(request)
        limit = self._limits.get(seconds)
        if limit is None:
            limit = self._new(seconds)
        request.time_limit = limit
        limit.add(request)

    def close(self) -> None:
        """Stop the timers; no request waits any more."""
        for limit in self._limits.values():
            limit.close()

    def _new(self, seconds: float) -> TimeLimit:
        """Make one, and forget those that were in use before a reload."""
        self._limits = {each: limit for each, limit in self._limits.items() if limit.is_in_use}
        limit = self._limits[seconds] = TimeLimit(self._clock, seconds, self._time_up)
        return limit
