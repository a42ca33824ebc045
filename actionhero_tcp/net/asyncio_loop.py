"""Twisted's asyncio reactor: its event loop, its events without a log context, its errors.

The reactor calls each socket that is ready through `log.callWithLogger`, which builds a log
context that only the legacy log reads. Nothing in this server logs that way; see `epoll_loop`.

asyncio lets SystemExit and KeyboardInterrupt of a task or a callback end the loop. Twisted logs
them as it logs every other error of a callback, and serves on; so does the loop here.
"""

from __future__ import annotations

import signal
from asyncio import AbstractEventLoop
from collections.abc import Callable
from typing import Any, Final

from twisted.internet import asyncioreactor
from twisted.internet.process import reapAllProcesses
from twisted.logger import Logger
from twisted.python.failure import Failure

_WITH_CONTEXT: Final = "callWithLogger"
_RUN: Final = "run_forever"

_log = Logger()


def loop_of(reactor: Any) -> AbstractEventLoop | None:
    """Return the event loop of a reactor; None where it runs on none, or hides it."""
    if not isinstance(reactor, asyncioreactor.AsyncioSelectorReactor):
        return None
    return getattr(reactor, "_asyncioEventloop", None)


def prepare(reactor: Any) -> bool:
    """Prepare an asyncio reactor to serve.

    Events are called directly, errors are logged, and child processes that end are noticed. A
    SystemExit or KeyboardInterrupt that a task or a callback raises is such an error.

    Args:
        reactor: The reactor, before it reads from anything.

    Returns:
        Whether events are called directly now; reactors of other kinds, or of a Twisted whose
        inside is another, are left as they are.
    """
    loop = loop_of(reactor)
    if loop is None:
        return False
    loop.set_exception_handler(_log_error)
    _outlive_exits(reactor, loop)
    reactor.callWhenRunning(reactor.callLater, 0, _watch_children, reactor)
    return call_directly()


def call_directly() -> bool:
    """Have asyncio reactors call what handles an event without a log context.

    Returns:
        Whether they do; those of a Twisted whose inside is another are left as they are.
    """
    if not hasattr(asyncioreactor, _WITH_CONTEXT):
        return False
    setattr(asyncioreactor, _WITH_CONTEXT, _call)
    return True


def _outlive_exits(reactor: Any, loop: AbstractEventLoop) -> None:
    """Have the loop go on after a SystemExit or KeyboardInterrupt, until the reactor stops.

    The signals of the process call handlers of the daemon; none of them raises.
    """
    run_forever = loop.run_forever

    def run() -> None:
        while True:
            try:
                return run_forever()
            except (SystemExit, KeyboardInterrupt) as error:
                what = "a task or callback tried to end the process; the server goes on"
                _log_error(loop, {"message": what, "exception": error})
            # One that came in the pass in which the reactor has stopped.
            if not reactor.running:
                return None

    setattr(loop, _RUN, run)


def _watch_children(reactor: Any) -> None:
    """Notice children that end.

    Twisted hears of signals by the process's wakeup descriptor. uvloop has replaced that by one
    of its loop, which knows nothing of Twisted's children.
    """
    signal.signal(signal.SIGCHLD, lambda *_: reactor.callFromThread(reapAllProcesses))
    reapAllProcesses()


def _call(_: object, function: Callable[..., object], *arguments: object) -> None:
    """Call what handles an event; the reactor's own handler raises nothing."""
    function(*arguments)


def _log_error(loop: AbstractEventLoop, context: dict[str, Any]) -> None:
    """Log what the loop, or a task that nobody awaits, has raised."""
    error = context.get("exception")
    message = context.get("message", "an error in the event loop")
    if error is None:
        _log.error("{what}", what=message)
    else:
        failure = Failure(error, type(error), error.__traceback__)
        _log.failure("{what}", failure, what=message)
