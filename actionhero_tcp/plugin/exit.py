"""How the process ends: with an error where it cannot start, and without threads that hang."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

from twisted.logger import Logger

from ..daemon.signals import end_process_after
from ..errors import StartError
from ..net.exit_signal import exit_signal
from .options import PROGRAM

if TYPE_CHECKING:
    from ..app.thread_pool import FairThreadPool

_log = Logger()


def end_process(
    reactor: Any, error: str, leave: Callable[[str], object] = lambda error: None
) -> None:
    """Ends a daemon that cannot start, with status 1, whether or not its reactor runs yet.

    Raises:
        StartError: The reactor does not run yet. It passes through twistd, which tells the
            process that waits for a daemon to start and removes the PID file; then it is
            shown without its traceback.
    """
    _log.critical("{error}", error=error)
    if not reactor.running:
        sys.excepthook = _show_error
        raise StartError(error)
    print(f"{PROGRAM}: {error}", file=sys.__stderr__)
    reactor.addSystemEventTrigger("after", "shutdown", _exit_with_failure, partial(leave, error))
    reactor.stop()


def _exit_with_failure(leave: Callable[[], object]) -> None:
    """Ends the process at once; a thread that somebody has left running does not keep it."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
    leave()
    os._exit(1)


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


def _show_error(kind: type[BaseException], error: BaseException, trace: Any) -> None:
    print(f"{PROGRAM}: {error}", file=sys.__stderr__)
