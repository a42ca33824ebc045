"""The threads in which blocking actions run."""

from __future__ import annotations

from typing import Any, Final

from twisted.internet.base import ReactorBase
from twisted.python.threadpool import ThreadPool

MOST_THREADS: Final = 1000
"""As many as `limits.threads` can be."""


def blocking_threads(reactor: Any) -> Any:
    """Start a pool of threads for blocking actions, which the reactor's shutdown waits for.

    Returns:
        A pool that starts a thread when one is needed, and has no limit that matters: the
        limit is ``limits.threads``. For the reactor of a test it is that reactor's own pool.
    """
    if not isinstance(reactor, ReactorBase):
        return getattr(reactor, "getThreadPool", lambda: None)()
    pool = ThreadPool(0, MOST_THREADS, "blocking actions")
    pool.start()
    reactor.addSystemEventTrigger("during", "shutdown", pool.stop)
    return pool
