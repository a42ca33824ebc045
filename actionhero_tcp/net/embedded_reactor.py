"""Twisted's reactor in an asyncio event loop that the program runs itself."""

from __future__ import annotations

import sys
from asyncio import AbstractEventLoop
from contextlib import suppress
from typing import Any, Final

import twisted.internet
from twisted.internet.asyncioreactor import AsyncioSelectorReactor
from twisted.internet.base import ReactorBase
from twisted.internet.main import CONNECTION_DONE, installReactor
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.python.failure import Failure

from .asyncio_loop import call_directly
from .monotonic import use_monotonic_time

_MODULE: Final = "twisted.internet.reactor"

_reactors: dict[AbstractEventLoop, EmbeddedReactor] = {}
"""The reactor of each loop that has one."""


class EmbeddedReactor(AsyncioSelectorReactor):
    """A reactor that neither starts nor stops its event loop, and leaves signals alone.

    Args:
        loop: The event loop, which runs.

    Attributes:
        users: The number of servers that use it; it ends with the last one.
    """

    def __init__(self, loop: AbstractEventLoop) -> None:
        super().__init__(loop)
        self.users = 0
        use_monotonic_time(self)
        self.startRunning(installSignalHandlers=False)

    def stop(self) -> None:
        """Refuse: the event loop belongs to the program.

        Raises:
            RuntimeError: Always.
        """
        raise RuntimeError("the program runs this event loop: stop the server, not the reactor")

    def crash(self) -> None:
        """End the reactor, but not its event loop; called by `end`."""
        ReactorBase.crash(self)

    def callFromThread(  # type: ignore[override]
        self, callable: Any, *args: Any, **kwargs: Any
    ) -> None:
        """Call a function in the loop's thread; nothing happens where the loop is closed."""
        with suppress(RuntimeError):
            super().callFromThread(callable, *args, **kwargs)  # type: ignore[no-untyped-call]

    # Twisted's own give TLS no clock, which then takes that of ``twisted.internet.reactor``. That
    # may be a reactor that does not run, and writes that TLS puts together would wait for it.

    def listenSSL(
        self,
        port: int,
        factory: Any,
        contextFactory: Any,
        backlog: int = 50,
        interface: str = "",
    ) -> Any:
        """Listen with TLS that keeps the time of this reactor."""
        clock: Any = self
        tls = TLSMemoryBIOFactory(contextFactory, False, factory, clock)
        return self.listenTCP(port, tls, backlog, interface)  # type: ignore[no-untyped-call]

    def connectSSL(
        self,
        host: str,
        port: int,
        factory: Any,
        contextFactory: Any,
        timeout: float = 30,
        bindAddress: Any = None,
    ) -> Any:
        """Connect with TLS that keeps the time of this reactor."""
        clock: Any = self
        tls = TLSMemoryBIOFactory(contextFactory, True, factory, clock)
        return self.connectTCP(host, port, tls, timeout, bindAddress)

    def end(self) -> None:
        """Close what the reactor has open, call what waits for its end, and free its threads."""
        self.fireSystemEvent("shutdown")
        timers: Any = self.getDelayedCalls()
        for timer in timers:
            timer.cancel()
        handle: Any = getattr(self, "_timerHandle", None)
        if handle is not None:
            handle.cancel()
        if self.waker is not None:
            self.removeReader(self.waker)  # type: ignore[no-untyped-call]
            self.waker.connectionLost(Failure(CONNECTION_DONE))


def installed() -> Any:
    """Return the reactor that ``twisted.internet.reactor`` is; None where there is none yet."""
    return sys.modules.get(_MODULE)


def acquire(loop: AbstractEventLoop) -> EmbeddedReactor:
    """Return the reactor of a running event loop, and make it where the loop has none.

    It becomes ``twisted.internet.reactor`` where the program has none, or one of another loop
    that has ended.

    Args:
        loop: The event loop.
    """
    for other in [other for other in _reactors if other.is_closed()]:
        _uninstall(_reactors.pop(other))
    reactor = _reactors.get(loop)
    if reactor is None:
        call_directly()
        reactor = _reactors[loop] = EmbeddedReactor(loop)
        if installed() is None:
            installReactor(reactor)
    reactor.users += 1
    return reactor


def release(reactor: EmbeddedReactor) -> None:
    """Give a reactor back; it ends when nobody uses it any more.

    Args:
        reactor: The result of `acquire`.
    """
    reactor.users -= 1
    if reactor.users:
        return
    for loop in [loop for loop, known in _reactors.items() if known is reactor]:
        del _reactors[loop]
    _uninstall(reactor)
    reactor.end()


def _uninstall(reactor: EmbeddedReactor) -> None:
    if installed() is reactor:
        del sys.modules[_MODULE]
        del twisted.internet.reactor
