"""A reactor without a network, on a clock that its test moves."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any, Final

from twisted.internet.testing import MemoryReactorClock
from twisted.logger import Logger
from twisted.python.failure import Failure

THREAD_SECONDS: Final = 30.0
"""So long a test waits for an action in a thread."""

_log = Logger()


class FakeReactor(MemoryReactorClock):
    """The ``api.reactor`` of actions in a test, and the test as ``server.clock``.

    Its timers use a clock that only `advance` moves. Its threads are real ones;
    the test waits for them, so that they have ended when a request returns to it.

    Attributes:
        patience: So many seconds, by the machine's own clock, it waits at most.
    """

    patience = THREAD_SECONDS

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        # What is to be called when it runs is called at once.
        self.running = self.hasRun = True
        self._calls: SimpleQueue[Callable[[], object]] = SimpleQueue()
        self._threads = 0

    def advance(self, amount: float) -> None:
        """Moves the clock on, and has all happen that is due meanwhile, each at its time.

        Args:
            amount: By how many seconds.

        Raises:
            AssertionError: An action in a thread does not end.
        """
        end = self.seconds() + amount
        self.settle()
        while self.calls and self.calls[0].getTime() <= end:
            self.rightNow = max(self.rightNow, self.calls[0].getTime())
            self.settle()
        self.rightNow = end

    def call_due(self) -> None:
        """Call what is due now."""
        super().advance(0)

    def settle(self) -> None:
        """Has all happen that is due now, and waits for the threads.

        Raises:
            AssertionError: An action in a thread does not end.
        """
        end = time.monotonic() + self.patience
        super().advance(0)
        while self._threads or not self._calls.empty():
            try:
                call = self._calls.get(timeout=max(0.0, end - time.monotonic()))
            except Empty:
                raise AssertionError(
                    f"an action in a thread still runs after {self.patience:g} s"
                ) from None
            call()
            super().advance(0)

    def callFromThread(self, call: Callable[..., object], *args: Any, **kwargs: Any) -> None:
        """See Twisted's ``IReactorFromThreads``."""
        self._calls.put(partial(call, *args, **kwargs))

    def callInThread(self, call: Callable[..., object], *args: Any, **kwargs: Any) -> None:
        """See Twisted's ``IReactorInThreads``."""
        self.callInThreadWithCallback(_log_failure, call, *args, **kwargs)

    def getThreadPool(self) -> FakeReactor:
        """What Twisted's ``deferToThreadPool`` takes: this reactor itself."""
        return self

    def callInThreadWithCallback(
        self,
        done: Callable[[bool, Any], object],
        call: Callable[..., object],
        *args: Any,
        **kwargs: Any,
    ) -> None:
        """See Twisted's ``ThreadPool``."""
        self._threads += 1
        Thread(target=self._run, args=(done, partial(call, *args, **kwargs)), daemon=True).start()

    def _run(self, done: Callable[[bool, Any], object], call: Callable[[], object]) -> None:
        """The body of a thread."""
        try:
            success, outcome = True, call()
        except BaseException:
            success, outcome = False, Failure()
        try:
            done(success, outcome)
        finally:
            self._calls.put(self._thread_ended)

    def _thread_ended(self) -> None:
        self._threads -= 1


def _log_failure(success: bool, outcome: Any) -> None:
    if not success:
        _log.failure("a call in a thread failed", failure=outcome)
