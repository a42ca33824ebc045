"""Threads for blocking actions, shared fairly by clients.

These threads are beside the reactor's own pool, which resolves names and is what
``deferToThread`` uses: actions that block keep nothing of that waiting.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from ..errors import LimitError

if TYPE_CHECKING:
    from ..config.settings import LiveSettings

Call = Callable[[], Any]


class Threads(Protocol):
    """Runs calls: Twisted's ThreadPool, or a stand-in in tests."""

    def callInThreadWithCallback(
        self, done: Callable[[bool, Any], object], call: Call, /
    ) -> object:
        """Runs a call in a thread, and there hands its outcome to ``done``."""


class ReactorFromThreads(Protocol):
    """The part of a reactor that threads use."""

    def callFromThread(self, call: Callable[..., object], /, *args: Any) -> object:
        """Calls a function in the reactor's thread."""


class _Job:
    """A call that waits for a thread, or runs in one."""

    __slots__ = ("call", "outcome", "share")

    def __init__(self, share: _Share, call: Call, outcome: Deferred[Any]) -> None:
        self.share = share
        self.call = call
        self.outcome = outcome


class _Share:
    """The share of one client in the threads."""

    __slots__ = ("client", "running", "waiting")

    def __init__(self, client: str) -> None:
        self.client = client
        self.running = 0
        self.waiting: deque[_Job] = deque()


class FairThreadPool:
    """Runs calls in threads: clients take turns, each call of a client in its order.

    A client that has a thread does not get the last free one, so that a client which has
    none finds one free unless all others are taken by as many clients.

    All methods are called in the reactor's thread.

    Args:
        threads: Runs calls; has no bound that matters here.
        reactor: Takes the outcomes.
        live: ``threads`` and ``maxWaitingForThread``.

    Attributes:
        running: Calls that have a thread.
    """

    def __init__(self, threads: Threads, reactor: ReactorFromThreads, live: LiveSettings) -> None:
        self._threads = threads
        self._reactor = reactor
        self._live = live
        self.running = 0
        self._shares: dict[str, _Share] = {}
        # Those with calls that wait, in the order of their turns: with no thread, and with some.
        self._without: OrderedDict[str, _Share] = OrderedDict()
        self._with: OrderedDict[str, _Share] = OrderedDict()

    @property
    def waiting(self) -> int:
        """Calls that wait for a thread."""
        return sum(len(share.waiting) for share in self._shares.values())

    def run(self, client: str, call: Call) -> Deferred[Any]:
        """Runs a call in a thread, once it is its client's turn.

        Args:
            client: The client's id.
            call: Takes nothing.

        Returns:
            A Deferred of what it returns. Where it is cancelled in time, the call never runs;
            where the call runs already, its outcome is dropped.

        Raises:
            LimitError: Too many calls of this client wait.
        """
        share = self._shares.get(client)
        if share is None:
            share = self._shares[client] = _Share(client)
        most = self._live.limits.max_waiting_for_thread
        if len(share.waiting) >= most:
            raise LimitError(
                "maxWaitingForThread",
                f"{most} of your requests wait for a thread already; send fewer at once",
            )
        outcome: Deferred[Any] = Deferred(lambda _: self._cancel(job))
        job = _Job(share, call, outcome)
        share.waiting.append(job)
        self._queue(share)
        self._start()
        return outcome

    def _cancel(self, job: _Job) -> None:
        share = job.share
        if job in share.waiting:
            share.waiting.remove(job)
            self._queue(share)

    def _queue(self, share: _Share) -> None:
        """Puts a client where it belongs, at its place if it is there already."""
        client = share.client
        if not share.waiting:
            self._without.pop(client, None)
            self._with.pop(client, None)
            if not share.running:
                self._shares.pop(client, None)
        elif share.running:
            self._without.pop(client, None)
            self._with.setdefault(client, share)
        else:
            self._with.pop(client, None)
            self._without.setdefault(client, share)

    def _start(self) -> None:
        """Starts calls while there are threads for them."""
        while (free := self._live.limits.threads - self.running) > 0:
            if self._without:
                _, share = self._without.popitem(last=False)
            elif self._with and free > 1:
                _, share = self._with.popitem(last=False)
            else:
                return
            job = share.waiting.popleft()
            share.running += 1
            self.running += 1
            self._queue(share)

            def done(success: bool, outcome: Any, job: _Job = job) -> None:
                self._reactor.callFromThread(self._done, job, success, outcome)

            self._threads.callInThreadWithCallback(done, job.call)

    def _done(self, job: _Job, success: bool, outcome: Any) -> None:
        """A call has returned, or raised: then its outcome is a Failure."""
        job.share.running -= 1
        self.running -= 1
        self._queue(job.share)
        self._start()
        if not job.outcome.called:
            if success:
                job.outcome.callback(outcome)
            else:
                assert isinstance(outcome, Failure)
                job.outcome.errback(outcome)
