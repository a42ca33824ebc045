"""Ends a Twisted thread pool without waiting for its threads."""

from __future__ import annotations

from typing import Any

from twisted.python.threadpool import ThreadPool


def end_when_idle(pool: ThreadPool) -> None:
    """Have each thread of a pool end once it has nothing to do, and start no more.

    ``ThreadPool.stop`` waits for the threads, and so it does here in a Twisted whose inside is
    another.
    """
    team: Any = getattr(pool, "_team", None)
    if team is None:
        pool.stop()
        return
    pool.joined, pool.started = True, False
    team.quit()
