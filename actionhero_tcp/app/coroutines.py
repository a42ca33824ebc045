"""Coroutines of applications: they run at once, and may await Deferreds and asyncio alike.

Where an asyncio event loop runs, on the reactors `asyncio` and `uvloop`, a coroutine that has to
wait becomes an asyncio task, and Deferreds are handed to it as futures. Elsewhere it becomes a
Deferred, and what belongs to asyncio fails with an error that says what to start with.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Generator
from contextvars import copy_context
from typing import Any, Final

from twisted.internet.defer import CancelledError, Deferred

from ..net import current_task
from . import asyncio_tasks

CANCELLATIONS: Final = (CancelledError, asyncio.CancelledError)
"""What a coroutine gets that is cancelled: Twisted's error, or on an asyncio reactor asyncio's."""

NEEDS_ASYNCIO: Final = (
    "this awaits asyncio, which the reactor in use does not run; "
    "start with: twistd --reactor uvloop actionhero (or --reactor asyncio)"
)


class AsyncioNeededError(RuntimeError):
    """A coroutine awaited something of asyncio on a reactor that does not run asyncio."""

    def __init__(self) -> None:
        super().__init__(NEEDS_ASYNCIO)


def start(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """Run a coroutine up to the first thing it has to wait for.

    One that waits for nothing costs neither a Deferred nor a task. It runs in a separate context.

    Returns:
        What it returned, or a Deferred of that where it has to wait. To cancel the Deferred
        cancels the coroutine.

    Raises:
        BaseException: Whatever it raised without having had to wait.
    """
    loop = current_task.running_loop()
    if loop is not None:
        return asyncio_tasks.starter(loop).start(coroutine)
    context = copy_context()
    try:
        awaited = context.run(coroutine.send, None)
    except StopIteration as stop:
        return stop.value
    except RuntimeError as error:
        raise _explained(error) from error.__cause__
    return context.run(Deferred.fromCoroutine, _continued(coroutine, awaited))


def _continued(
    coroutine: Coroutine[Any, Any, Any], awaited: Any
) -> Generator[Deferred[Any], Any, Any]:
    """Run the rest of a coroutine that waits for a Deferred, where no asyncio loop runs."""
    try:
        while True:
            if not isinstance(awaited, Deferred):
                awaited = coroutine.throw(AsyncioNeededError())
                continue
            try:
                value = yield awaited
            except GeneratorExit:
                coroutine.close()
                raise
            except BaseException as error:
                awaited = coroutine.throw(error)
            else:
                awaited = coroutine.send(value)
    except StopIteration as stop:
        return stop.value
    except RuntimeError as error:
        raise _explained(error) from error.__cause__


def _explained(error: RuntimeError) -> RuntimeError:
    """Replace an error of asyncio, or of sniffio, which find no loop, by one that says why."""
    # `asyncio.get_event_loop` says the second, as a library may that makes its future by itself.
    no_loop = str(error).startswith(("no running event loop", "There is no current event loop"))
    if no_loop or type(error).__name__ == "AsyncLibraryNotFoundError":
        return AsyncioNeededError().with_traceback(error.__traceback__)
    return error
