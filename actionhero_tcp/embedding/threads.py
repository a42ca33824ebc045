"""The threads in which blocking actions run, and how a process ends without those that hang."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from twisted.internet.base import ReactorBase
from twisted.logger import Logger
from twisted.python.threadpool import ThreadPool

from ..daemon.signals import end_process_after
from ..net.exit_signal import exit_signal
from ..net.thread_pool import end_when_idle

if TYPE_CHECKING:
    from ..app.thread_pool import FairThreadPool

MOST_THREADS: Final = 1000
"""As many as `limits.threads` can be."""

_log = Logger()


class BlockingThreads(ThreadPool):
    """A pool that starts a thread when one is needed, and has no limit that matters.

    The limit is ``limits.threads``. The reactor's shutdown waits for its threads.

    Args:
        reactor: The reactor.
    """

    def __init__(self, reactor: Any) -> None:
        super().__init__(0, MOST_THREADS, "blocking actions")
        self._reactor = reactor
        self._trigger = reactor.addSystemEventTrigger("during", "shutdown", self.stop)
        self.start()

    def close(self) -> None:
        """End the threads; those that are busy end when they have done their work."""
        self._reactor.removeSystemEventTrigger(self._trigger)
        if self.working:
            end_when_idle(self)
        else:
            self.stop()


def blocking_threads(reactor: Any) -> Any:
    """Return the threads for blocking actions; in a test those of its reactor, or None."""
    if isinstance(reactor, ReactorBase):
        return BlockingThreads(reactor)
    return getattr(reactor, "getThreadPool", lambda: None)()


def leave_threads(reactor: Any, threads: FairThreadPool, seconds: float) -> None:
    """Has the process end without the blocking actions, and other threads, that do not return."""
    pool = getattr(reactor, "threadpool", None)
    count = threads.running + (len(pool.working) if pool is not None else 0)
    if count:
        _log.warn(
            "{count} blocking actions still run; the process ends without them in {seconds} s",
            count=count,
            seconds=f"{seconds:g}",
        )
        end_process_after(seconds, exit_signal(reactor))
