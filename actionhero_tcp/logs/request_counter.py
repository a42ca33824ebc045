"""Counts requests by what they asked for, and how long it took, for the metrics.

The counts here derive from the entries of the request log. So the counter gets the same
objects, and counts many of them together: that costs a third of counting each by itself.
"""

from __future__ import annotations

import time
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Final, Protocol

from ..stats import BOUNDS, ActionTimes

if TYPE_CHECKING:
    from ..connection.connected_client import ConnectedClient
    from ..connection.connection import Params
    from .request_lines import Answered, Ended

COUNT_AT: Final = 256
"""So many requests are counted together at most, as many as the request log writes at once."""

SHORTEST: Final = BOUNDS[0]

Describe = Callable[[str, float, "str | None", "Params | None"], "Ended"]
"""Returns what there is to say of a request; see `RequestLog.request`."""


class RequestObserver(Protocol):
    """Gets requests when they are answered: the request log, or a counter.

    Attributes:
        request: Returns what there is to say of a request; see `RequestLog.request`.
    """

    @property
    def request(self) -> Describe: ...

    def answered(
        self,
        connection: ConnectedClient,
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
        known: Returns the names of all actions.
        log: The request log, or None.

    Attributes:
        request: See `RequestObserver`.
    """

    def __init__(self, known: Callable[[], Collection[str]], log: RequestObserver | None) -> None:
        self._known = known
        self._log = log
        self._actions: dict[str, ActionTimes] = {}
        self._verbs: Counter[str] = Counter()
        self._batches: list[Sequence[Answered]] = []
        self._waiting = 0
        self.request: Describe = _described if log is None else log.request

    @property
    def actions(self) -> Mapping[str, ActionTimes]:
        """How each action has run, by its name."""
        self._count()
        return self._actions

    @property
    def verbs(self) -> Mapping[str, int]:
        """How often each verb was served."""
        self._count()
        return self._verbs

    def answered(
        self,
        connection: ConnectedClient,
        number: int,
        requests: Sequence[Answered],
        started: float,
        finished: float,
    ) -> None:
        """Keeps requests until they are counted; see `RequestObserver.answered`."""
        self._batches.append(requests)
        self._waiting += len(requests)
        if self._waiting >= COUNT_AT:
            self._count()
        if self._log is not None:
            self._log.answered(connection, number, requests, started, finished)

    def _count(self) -> None:
        durations: dict[str, list[float]] = {}
        verbs, last, seconds = self._verbs, None, []
        for batch in self._batches:
            # Most have one request, or the same one many times.
            first = batch[0] if batch else None
            if type(first) is str and batch.count(first) == len(batch):
                verbs[first] += len(batch)
                continue
            for each in batch:
                if type(each) is tuple:
                    name, started, finished, _, failed = each
                    if name is not last:
                        last, seconds = name, durations.setdefault(name, [])
                    seconds.append(finished - started)
                    if failed:
                        self._failed(name)
                elif type(each) is str:
                    verbs[each] += 1
        self._batches.clear()
        self._waiting = 0
        for name, seconds in durations.items():
            times = self._times(name)
            if times is not None:
                _add(times, seconds)

    def _failed(self, name: str) -> None:
        times = self._times(name)
        if times is not None:
            times.errors += 1

    def _times(self, name: str) -> ActionTimes | None:
        times = self._actions.get(name)
        if times is None and name in self._known():
            times = self._actions[name] = ActionTimes()
        return times


def _described(name: str, started: float, error: str | None, params: Params | None) -> Ended:
    """The entry of the request log for a request."""
    return name, started, time.monotonic(), error, error is not None


def _add(times: ActionTimes, seconds: list[float]) -> None:
    """Counts some runs of an action."""
    times.seconds += sum(seconds)
    # Most take no longer than this, and to find the others is cheaper than to sort them all.
    longer = [each for each in seconds if each > SHORTEST]
    times.buckets[0] += len(seconds) - len(longer)
    for each in longer:
        times.buckets[bisect_left(BOUNDS, each)] += 1
