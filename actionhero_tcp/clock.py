"""The part of a reactor that tells the time, as types: Twisted's own are no types to mypy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol


class Timer(Protocol):
    """A call that is to come; Twisted's IDelayedCall."""

    def active(self) -> bool:
        """Whether the call is still to come."""
        ...

    def cancel(self) -> None:
        """Calls it off."""
        ...

    def getTime(self) -> float:
        """When it is to come, on the clock it belongs to."""
        ...

    def reset(self, seconds: float, /) -> None:
        """Has it come so many seconds from now instead."""
        ...


class Clock(Protocol):
    """Tells the time and calls later; a reactor, or a Clock in tests."""

    def seconds(self) -> float:
        """The time, in seconds since some moment."""
        ...

    def callLater(self, delay: float, call: Callable[..., Any], /, *args: Any) -> Timer:
        """Calls a function so many seconds from now."""
        ...


def stop(timer: Timer | None) -> None:
    """Calls off a timer, if there is one that is still to come."""
    if timer is not None and timer.active():
        timer.cancel()
