"""Notices a client that takes nothing of what waits for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..clock import Clock, Timer, stop
from ..net import lowest_transport


class WriteTimeout:
    """Watches a transport while it takes nothing more from us.

    Args:
        transport: The client's transport.
        clock: Calls later.
        timed_out: Called when the client has taken nothing for the whole time.
    """

    __slots__ = ("_clock", "_progress", "_timed_out", "_timer", "_transport")

    def __init__(self, transport: Any, clock: Clock, timed_out: Callable[[], object]) -> None:
        self._transport = transport
        self._clock = clock
        self._timed_out = timed_out
        self._timer: Timer | None = None
        self._progress = 0

    def start(self, seconds: float) -> None:
        """Watches for this time, unless it does so already."""
        if self._timer is None:
            self._progress = lowest_transport.progress(self._transport)
            self._timer = self._clock.callLater(seconds, self._check, seconds)

    def stop(self) -> None:
        """Watches no more."""
        stop(self._timer)

    def _check(self, seconds: float) -> None:
        self._timer = None
        if lowest_transport.progress(self._transport) == self._progress:
            self._timed_out()
        else:
            self.start(seconds)
