"""Whether Redis is reachable: who hears when that changes, who waits for it, and the log of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from ..clock import Clock, stop
from ..errors import printable
from .address import RedisAddress

REACH_SECONDS: Final = 5.0
"""The longest time that startup waits for Redis, where something needs it."""

SAME_ERROR_SECONDS: Final = 60.0
"""An error that stays the same is logged once in so many seconds."""

MAX_ERRORS: Final = 8
"""So many different errors are logged until Redis is reachable, each of them now and then."""

_log = Logger()


class Reachability:
    """Whether the Redis at an address is reachable, and why not.

    Args:
        address: The address, for the log.
        clock: Tells how old an error is.

    Attributes:
        is_reachable: Whether it is reachable.
    """

    def __init__(self, address: RedisAddress, clock: Clock) -> None:
        self._address = address
        self._clock = clock
        self._error = ""
        self._logged: dict[str, float] = {}
        self._waiting: Deferred[None] | None = None
        self.is_reachable = False
        self._on_connected: Callable[[], object] = lambda: None
        self._on_disconnected: Callable[[], object] = lambda: None

    def report_to(
        self, on_connected: Callable[[], object], on_disconnected: Callable[[], object]
    ) -> None:
        """Has functions called when it becomes reachable, and when it is so no more."""
        self._on_connected = on_connected
        self._on_disconnected = on_disconnected

    @property
    def error(self) -> str:
        """Why Redis is unreachable; empty while it is reachable."""
        return "" if self.is_reachable else self._error or "it has not been reached yet"

    def reached(self) -> Deferred[None]:
        """Waits until it is known for the first time whether Redis is reachable.

        Returns:
            A Deferred that fires then, or after `REACH_SECONDS`. Only one waits at a time.
        """
        waiting: Deferred[None] = Deferred()
        if self.is_reachable or self._error:
            waiting.callback(None)
            return waiting
        self._waiting = waiting
        timer = self._clock.callLater(REACH_SECONDS, self._is_known)
        return waiting.addCallback(lambda _: stop(timer))

    def report(self, error: str) -> None:
        """Keeps an error, and logs it when it is new, and now and then."""
        now = self._clock.seconds()
        known = error in self._logged or len(self._logged) >= MAX_ERRORS
        if not known or now - self._logged.get(error, now) >= SAME_ERROR_SECONDS:
            self._logged[error] = now
            _log.warn(
                "Redis unreachable ({address}): {error}; running standalone",
                address=self._address,
                error=printable(error),
            )
        self._error = error
        self._is_known()

    def set(self, reachable: bool) -> None:
        """Redis is reachable, or is so no more."""
        if reachable == self.is_reachable:
            return
        self.is_reachable = reachable
        if reachable:
            self._error = ""
            self._logged.clear()
            _log.info("Redis connected ({address})", address=self._address)
            self._on_connected()
            self._is_known()
        else:
            self._on_disconnected()

    def _is_known(self) -> None:
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            waiting.callback(None)
