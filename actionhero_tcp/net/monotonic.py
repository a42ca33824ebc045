"""Timers that do not follow the wall clock.

Twisted's reactors tell the time by `time.time`, and schedule by it. A wall clock that is set
back by an hour would hold up each timer for that hour, and one that is set forward would end
running actions as too slow.
"""

from __future__ import annotations

import time
from typing import Any, Final

_PROBE_SECONDS: Final = 86400.0
_TOLERANCE_SECONDS: Final = 30.0


def use_monotonic_time(reactor: Any) -> bool:
    """Have a reactor schedule by the monotonic clock.

    Args:
        reactor: The reactor, before it runs and before anything is scheduled with it.

    Returns:
        Whether it does from now on. A reactor that runs already, that has calls scheduled by
        its old clock, or that takes no other one, keeps its own.
    """
    if reactor.running or reactor.getDelayedCalls():
        return False
    before = reactor.seconds
    try:
        reactor.seconds = time.monotonic
    except AttributeError:
        return False
    if _schedules_by_monotonic_time(reactor):
        return True
    reactor.seconds = before
    return False


def _schedules_by_monotonic_time(reactor: Any) -> bool:
    probe = reactor.callLater(_PROBE_SECONDS, lambda: None)
    difference: float = probe.getTime() - time.monotonic() - _PROBE_SECONDS
    probe.cancel()
    return abs(difference) < _TOLERANCE_SECONDS
