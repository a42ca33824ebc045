"""Whose lines are served next: the client that has had the least of the loop's time.

One pass of the reactor's loop spends at most `PASS_SECONDS` on lines that are costly, whoever
sent them. A client whose turn does not come waits here, and is served in a later pass, those
first whose lines have cost the least so far (start-time fair queueing): each client has a tag,
its share of the time that it has used, and the least tag is next. A client that was idle goes
on from a little before the tag that is served at the moment: it is next, and has saved up no more.

Lines that cost little, as nearly all do, are served as they come and never counted.
"""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappop, heappush
from typing import Final, Protocol

PASS_SECONDS: Final = 0.01
"""As much of the loop's time goes to costly lines before everything else has its turn."""

CREDIT_SECONDS: Final = 0.01
"""So much less than those who wait has a client cost that was idle, however long it was."""

COSTLY_SECONDS: Final = 0.001
"""Lines that took less than this at once are not counted."""


class Waiting(Protocol):
    """A client whose lines wait: the protocol, or a stand-in in tests.

    Attributes:
        tag: Its tag; 0 for a client that has cost nothing yet.
    """

    tag: float

    def serve_waiting(self) -> None:
        """Serves some of its lines; calls `FairQueue.wait` where others still wait."""


class FairQueue:
    """The clients whose lines wait for their turn.

    Args:
        soon: Calls a function in the reactor's next pass.
        seconds: Tells the time; of a clock of high resolution.

    Attributes:
        exhausted: Whether lines that come now have to wait.
        seconds: See above.
    """

    __slots__ = ("_count", "_now", "_queue", "_scheduled", "_soon", "_used", "exhausted", "seconds")

    def __init__(
        self, soon: Callable[[Callable[[], None]], object], seconds: Callable[[], float]
    ) -> None:
        self._soon = soon
        self.seconds = seconds
        self._queue: list[tuple[float, int, Waiting]] = []
        self._count = 0
        self._now = 0.0
        self._used = 0.0
        self._scheduled = False
        self.exhausted = False

    def __len__(self) -> int:
        return len(self._queue)

    def spent(self, client: Waiting, seconds: float) -> None:
        """A client's lines have cost this time, which is not less than `COSTLY_SECONDS`."""
        client.tag = max(client.tag, self._now - CREDIT_SECONDS) + seconds
        self._used += seconds
        self.exhausted = self._used >= PASS_SECONDS
        self._schedule()

    def wait(self, client: Waiting) -> None:
        """Has a client served when its turn comes; it waits once at a time."""
        client.tag = max(client.tag, self._now - CREDIT_SECONDS)
        self._count += 1
        heappush(self._queue, (client.tag, self._count, client))
        self._schedule()

    def is_behind(self, client: Waiting) -> bool:
        """Whether others that wait are to be served before this client."""
        return bool(self._queue) and client.tag > self._queue[0][0]

    def _schedule(self) -> None:
        if not self._scheduled:
            self._scheduled = True
            self._soon(self._pass)

    def _pass(self) -> None:
        """A new pass of the loop: serves those that wait, for as long as there is time."""
        self._scheduled = False
        self.exhausted = False
        began, used = self.seconds(), 0.0
        # A client that queues again in this pass waits for the next one.
        newest = self._count
        while self._queue and self._queue[0][1] <= newest and used < PASS_SECONDS:
            tag, _, client = heappop(self._queue)
            self._now = max(self._now, tag)
            client.serve_waiting()
            used = self.seconds() - began
        self._used = used
        self.exhausted = used >= PASS_SECONDS
        if self._queue or self.exhausted:
            self._schedule()
