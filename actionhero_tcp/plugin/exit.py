"""How the process ends that cannot start: with an error."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

from twisted.logger import Logger

from ..errors import StartError
from .options import PROGRAM

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


def _show_error(kind: type[BaseException], error: BaseException, trace: Any) -> None:
    print(f"{PROGRAM}: {error}", file=sys.__stderr__)
