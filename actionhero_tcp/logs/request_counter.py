"""Counts requests by what they asked for, and how long it took, for the metrics."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Protocol

from ..stats import BOUNDS, ActionTimes

if TYPE_CHECKING:
    from ..connection.connection import Connection, Params
    from ..stats import Stats


class RequestObserver(Protocol):
    """What is told of each request once it is answered: the request log, or a counter."""

    def request(
        self,
        connection: Connection,
        number: int,
        name: str,
        started: float,
        finished: float,
        error: str | None = None,
        params: Params | None = None,
    ) -> None:
        """Takes note of a request; see `logs.request_log.RequestLog.request`."""


class RequestCounter:
    """Counts verbs and actions, and hands each request on to the request log.

    Names that clients invent are counted nowhere: there is no end of them.

    Args:
        stats: Holds the counters.
        actions: Returns the names of all actions.
        verbs: The names of all verbs.
        log: The request log, or None.
    """

    def __init__(
        self,
        stats: Stats,
        actions: Callable[[], Collection[str]],
        verbs: Collection[str],
        log: RequestObserver | None,
    ) -> None:
        self._times: dict[str, ActionTimes] = stats.actions
        self._actions = actions
        self._verbs = stats.verbs
        self._names_of_verbs = frozenset(verbs)
        self._log = log

    def request(
        self,
        connection: Connection,
        number: int,
        name: str,
        started: float,
        finished: float,
        error: str | None = None,
        params: Params | None = None,
    ) -> None:
        """Counts a request; see `RequestObserver.request`."""
        times = self._times.get(name)
        if times is not None:
            seconds = finished - started
            times.buckets[bisect_left(BOUNDS, seconds)] += 1
            times.seconds += seconds
            if error is not None:
                times.errors += 1
        elif name in self._names_of_verbs:
            self._verbs[name] += 1
        elif name in self._actions():
            self._times[name] = ActionTimes()
            self.request(connection, number, name, started, finished, error, params)
            return
        if self._log is not None:
            self._log.request(connection, number, name, started, finished, error, params)
