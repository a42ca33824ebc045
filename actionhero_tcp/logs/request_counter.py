"""Counts requests by what they asked for, and how long it took, for the metrics."""

from __future__ import annotations

import time
from bisect import bisect_left
from collections.abc import Callable, Collection, Sequence
from typing import TYPE_CHECKING, Protocol

from ..stats import BOUNDS, ActionTimes

if TYPE_CHECKING:
    from ..connection.connection import Connection, Params
    from ..stats import Stats
    from .request_log import Answered


class RequestObserver(Protocol):
    """What is told of requests when they are answered: the request log, or a counter."""

    def request(
        self, name: str, started: float, error: str | None, params: Params | None
    ) -> Answered:
        """Returns what there is to say of a request; see `RequestLog.request`."""

    def answered(
        self,
        connection: Connection,
        number: int,
        requests: Sequence[Answered],
        started: float,
        finished: float,
    ) -> None:
        """Takes note of requests that followed one another; see `RequestLog.answered`."""


class RequestCounter:
    """Counts verbs and actions, and hands each request on to the request log.

    Names that clients invent are counted nowhere: there is no end of them.

    Args:
        stats: Holds the counters.
        actions: Returns the names of all actions.
        log: The request log, or None.
    """

    def __init__(
        self, stats: Stats, actions: Callable[[], Collection[str]], log: RequestObserver | None
    ) -> None:
        self._times: dict[str, ActionTimes] = stats.actions
        self._verbs = stats.verbs
        self._actions = actions
        self._log = log

    def request(
        self, name: str, started: float, error: str | None, params: Params | None
    ) -> Answered:
        """Counts an action; see `RequestObserver.request`."""
        times = self._times.get(name)
        if times is None and name in self._actions():
            times = self._times[name] = ActionTimes()
        if times is not None:
            seconds = time.monotonic() - started
            times.buckets[bisect_left(BOUNDS, seconds)] += 1
            times.seconds += seconds
            if error is not None:
                times.errors += 1
        return None if self._log is None else self._log.request(name, started, error, params)

    def answered(
        self,
        connection: Connection,
        number: int,
        requests: Sequence[Answered],
        started: float,
        finished: float,
    ) -> None:
        """Counts the verbs among some requests; see `RequestObserver.answered`."""
        for each in requests:
            if type(each) is str:
                self._verbs[each] += 1
        if self._log is not None:
            self._log.answered(connection, number, requests, started, finished)
