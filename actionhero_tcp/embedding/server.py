"""`Server`: a server in a program of your own, on asyncio or on Twisted."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from ..app import loader
from ..daemon.systemd import Notifier
from ..errors import StartError
from ..logs.forwarding import forward_logs
from ..server.listening import address_text
from ..server.platform import Platform
from . import event_loop, process
from .composition import Launch, build
from .event_loop import EventLoop, result_of
from .settings import DEFAULTS, Given, reader_of

if TYPE_CHECKING:
    from ..app.api import Api
    from .composition import Composition

_log = Logger()


class Server:
    """A server for a program that has an event loop already, or for a script.

    ``async with Server(actions=[…]) as server`` starts it and stops it gracefully; `start` and
    `stop` do the same one by one, and `run` serves until the process is told to stop. It runs
    on asyncio, uvloop included, and on Twisted. It can be started again after a stop, and a
    process can have several.

    Args:
        actions: Functions that are ``@action``; without these and ``hooks`` the actions folder of
            the configuration is loaded.
        hooks: Functions that are hooks.
        config: The path of a config file, what such a file holds, or a ``Config``; None for the
            defaults. Requests are logged only where it says so.

    Raises:
        StartError: A function or the configuration is not right; the text says what and where.
    """

    def __init__(
        self,
        *,
        actions: Iterable[Callable[..., Any]] | None = None,
        hooks: Iterable[Callable[..., Any]] | None = None,
        config: Given = None,
    ) -> None:
        self._own = None
        if isinstance(actions, str | os.PathLike):
            raise StartError(
                f"actions is a list of functions, not {str(actions)!r}; a folder is "
                'config={"general": {"actionsDirectory": …}}'
            )
        if actions is not None or hooks is not None:
            self._own = loader.marked(actions or (), hooks or ())
        self._given = config
        self._read = reader_of(config, self._own is None, DEFAULTS)
        self._read()
        self._loop: EventLoop | None = None
        self._parts: Composition | None = None
        self._stopped: Deferred[None] | None = None

    def __repr__(self) -> str:
        where = ", ".join(self.addresses) if self._parts is not None else "not started"
        return f"<Server {where}>"

    @property
    def api(self) -> Api:
        """The ``api`` of actions.

        Raises:
            RuntimeError: The server has not started.
        """
        return self._running().api

    @property
    def addresses(self) -> tuple[str, ...]:
        """Where it listens, such as ``127.0.0.1:5000``, in the order of the configuration.

        Raises:
            RuntimeError: The server has not started.
        """
        return tuple(address_text(port.getHost()) for port in self._running().service.ports)

    @property
    def port(self) -> int:
        """The first TCP port on which it listens; the system's choice where port 0 was asked for.

        Raises:
            RuntimeError: The server has not started, or listens on no TCP port.
        """
        for port in self._running().service.ports:
            number: int | None = getattr(port.getHost(), "port", None)
            if number is not None:
                return number
        raise RuntimeError("the server listens on no TCP port")

    async def start(self) -> None:
        """Start serving; the hooks of `on_start` have ended, and all ports are open, when it ends.

        Raises:
            StartError: The server cannot start; the text says why.
            RuntimeError: It has started already.
        """
        if self._parts is not None or self._loop is not None:
            raise RuntimeError("the server has started already")
        config = self._read()
        forward_logs()
        self._loop = event_loop.find()
        started: Deferred[None] = Deferred()
        try:
            self._begin(started, config)
            await result_of(started)
        except BaseException:
            await self._abandon()
            raise

    def _begin(self, started: Deferred[None], config: Any) -> None:
        assert self._loop is not None

        def fail(error: str) -> None:
            if not started.called:
                started.errback(StartError(error))

        def serves() -> None:
            if not started.called:
                started.callback(None)

        reactor = self._loop.reactor
        platform = Platform(
            reactor,
            Notifier(reactor),
            fail=fail,
            started=serves,
            when_running=self._loop.when_running,
        )
        self._stopped = None
        self._parts = parts = build(config, platform, Launch(read=self._read, own=self._own))
        parts.service.privilegedStartService()
        if not started.called:
            parts.service.startService()

    async def stop(self) -> None:
        """Stop gracefully: clients hear of it, and what runs has ``limits.drainTimeout`` to end.

        Whoever cancels this cuts it short: what still runs is cancelled, and connections end.
        """
        if self._parts is None:
            return
        try:
            await result_of(self._stopping(self._parts))
        except BaseException:
            await self._abandon()
            raise

    def reload(self) -> bool:
        """Read the config file and the certificates again.

        Returns:
            Whether all was right; the log says what was not, and nothing has changed then.

        Raises:
            RuntimeError: The server has not started.
        """
        return self._running().service.reload()

    def run(self) -> None:
        """Serve until SIGTERM or SIGINT, and stop gracefully then; a second one cuts that short.

        It runs the reactor of the program where one is imported, and otherwise asyncio: on uvloop
        where that is installed. SIGHUP reloads, SIGUSR1 opens the logs again.

        Raises:
            StartError: The server cannot start; the text says why.
            RuntimeError: An event loop runs already, or this is not the main thread: use `start`.
        """
        read = reader_of(self._given, self._own is None, {})
        process.run(Launch(read=read, own=self._own))

    async def __aenter__(self) -> Server:
        """Start."""
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop gracefully."""
        await self.stop()

    def _running(self) -> Composition:
        if self._parts is None:
            raise RuntimeError("the server has not started")
        return self._parts

    def _stopping(self, parts: Composition) -> Deferred[None]:
        """Have it stop, once."""
        if self._stopped is None:
            self._stopped = Deferred()
            parts.service.stopService().addBoth(self._ended, parts, self._stopped)
        return self._stopped

    async def _abandon(self) -> None:
        """Stop at once, after a start that has failed or a stop that was cancelled."""
        parts = self._parts
        if parts is None:
            self._release()
            return
        stopped = self._stopping(parts)
        if self._parts is not None:
            # Ports are closed, and clients know that it stops, in the next pass.
            parts.api.reactor.callLater(0, self._cut_short, parts)
        await result_of(stopped)

    def _cut_short(self, parts: Composition) -> None:
        if parts is self._parts:
            parts.service.cut_short()

    def _ended(self, outcome: Any, parts: Composition, stopped: Deferred[None]) -> None:
        if isinstance(outcome, Failure):
            _log.failure("the server did not stop well", failure=outcome)
        running = parts.api.threads.running
        if running:
            _log.warn("{count} blocking actions still run after the stop", count=running)
        self._parts = None
        self._release()
        stopped.callback(None)

    def _release(self) -> None:
        loop, self._loop = self._loop, None
        if loop is not None:
            loop.release()
