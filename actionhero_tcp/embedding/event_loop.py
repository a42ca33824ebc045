"""The event loop that an embedded server finds: asyncio's, or Twisted's reactor."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from twisted.internet.defer import CancelledError, Deferred
from twisted.python.failure import Failure

from ..net import current_task, embedded_reactor
from ..net.asyncio_loop import loop_of
from ..net.embedded_reactor import EmbeddedReactor

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class EventLoop:
    """Where a server runs.

    Attributes:
        reactor: Twisted's reactor there.
        release: Called when the server has stopped.
        when_running: Calls a function once the loop runs; None for the reactor's own way.
    """

    reactor: Any
    release: Callable[[], object]
    when_running: Callable[[Callable[[], object]], object] | None = None


def find() -> EventLoop:
    """Find the event loop of whoever calls this.

    In a running asyncio loop that is a reactor in that loop, which is made where there is none.
    Elsewhere it is the reactor of the program, which is Twisted's own then.
    """
    loop = current_task.running_loop()
    installed = embedded_reactor.installed()
    is_embedded = isinstance(installed, EmbeddedReactor)
    if loop is not None and (is_embedded or loop_of(installed) is not loop):
        embedded = embedded_reactor.acquire(loop)
        return EventLoop(embedded, partial(embedded_reactor.release, embedded), lambda call: call())
    from twisted.internet import reactor

    # A reactor of asyncio runs its loop one pass after it says that it runs.
    at_once = loop is not None or loop_of(reactor) is None
    return EventLoop(reactor, lambda: None, (lambda call: call()) if at_once else None)


async def result_of(deferred: Deferred[Result]) -> Result:
    """Wait for a Deferred, in a task of asyncio or in a coroutine that Twisted runs.

    The waiting coroutine may be cancelled; the Deferred is not.
    """
    loop = current_task.running_loop()
    if loop is None or asyncio.current_task(loop) is None:
        waiting: Deferred[Result] = Deferred()

        def ended(outcome: Any) -> None:
            if not waiting.called:
                waiting.callback(outcome)

        deferred.addBoth(ended)
        return await waiting
    future: asyncio.Future[Result] = loop.create_future()

    def fired(outcome: Any) -> None:
        if future.done():
            return
        if isinstance(outcome, Failure):
            future.set_exception(outcome.value or CancelledError())
        else:
            future.set_result(outcome)

    deferred.addBoth(fired)
    return await future
