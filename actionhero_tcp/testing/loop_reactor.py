"""A reactor without a network in an event loop of asyncio, on a clock that its test moves."""

from __future__ import annotations

from asyncio import AbstractEventLoop
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from threading import Thread
from typing import Any

from twisted.internet.interfaces import IDelayedCall

from .reactor import FakeReactor


class LoopReactor(FakeReactor):
    """A `FakeReactor` whose due calls come in the next pass of an event loop.

    Its timers use a clock that only `advance` moves. Its threads are real ones, and
    hand their outcomes to the loop.

    Args:
        loop: The event loop, which runs.
    """

    def __init__(self, loop: AbstractEventLoop) -> None:
        super().__init__()
        self._loop = loop
        self._is_open = True

    def callLater(
        self, delay: float, callable: Callable[..., object], *args: object, **kw: object
    ) -> IDelayedCall:
        """See Twisted's ``IReactorTime``; calls that are due come by themselves."""
        call = super().callLater(delay, callable, *args, **kw)
        if delay <= 0 and self._is_open:
            self._loop.call_soon(self.call_due)
        return call

    def callFromThread(self, call: Callable[..., object], *args: Any, **kwargs: Any) -> None:
        """See Twisted's ``IReactorFromThreads``; nothing happens where the loop is closed."""
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(partial(call, *args, **kwargs))

    def callInThreadWithCallback(
        self,
        done: Callable[[bool, Any], object],
        call: Callable[..., object],
        *args: Any,
        **kwargs: Any,
    ) -> None:
        """See Twisted's ``ThreadPool``."""
        Thread(target=self._run, args=(done, partial(call, *args, **kwargs)), daemon=True).start()

    def settle(self) -> None:
        """Have all happen that is due now; what threads do comes by itself."""
        self.call_due()

    def close(self) -> None:
        """Have no more calls come by themselves."""
        self.call_due()
        self._is_open = False

    def _thread_ended(self) -> None:
        """Nobody counts the threads."""
