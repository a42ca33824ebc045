"""Resources that a service starts and stops, without knowing what they are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from twisted.internet.defer import Deferred


def _nothing() -> None:
    """Does nothing, at once."""


@dataclass(frozen=True, slots=True)
class Resource:
    """One part of a server that starts and stops.

    Attributes:
        start: Starts it.
        stop: Stops it; what was started before it is stopped when its Deferred has fired.
        cut_short: Ends a stop that is under way.
        opens_port: Whether the server listens only when `start` has ended, whose Deferred fails
            with a StartError where the server cannot start.
    """

    start: Callable[[], Deferred[Any] | None] = _nothing
    stop: Callable[[], Deferred[Any] | None] = _nothing
    cut_short: Callable[[], object] = _nothing
    opens_port: bool = False
