"""A server without a network."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any
from unittest import TestCase

from twisted.internet.defer import Deferred

from ..app.api import Api
from ..errors import StartError
from .aio import AsyncFakeServer
from .client import FakeClient
from .instance import Application, Functions, Instance
from .logged import ErrorWatch, LoggedError, report_errors
from .reactor import FakeReactor
from .settings import folder_of


class FakeServer:
    """A server for a test: without a network, on a clock that the test moves.

    All but the network and the time is what ``twistd actionhero`` has, with its wiring.
    It is alone: without Redis, whatever its config file says.

    In a class of trial it is ``FakeServer(self, …)``: it starts at once, and ends with its test.
    In any other test it is ``with FakeServer(…) as server``; and for actions that use asyncio
    ``async with FakeServer(…) as server``, which gives an `AsyncFakeServer`. Hooks of `on_start`
    have ended when it is there; the clock has moved on for as long as they had to wait.

    Args:
        test: The test, of trial; None for the other forms. Relative paths count from the folder
            of its file, or from the current one.
        config: The config file; None for the defaults.
        hooks: Functions that are hooks.
        folder: Where relative paths count from, in place of the above.
        options: Options of ``twistd actionhero``, with ``_`` in place of ``-``, such as
            ``actions="../actions"`` or ``action_timeout=5``; they win over the config file.
            ``actions`` may be a list of functions that are actions: then no folder is loaded.

    Attributes:
        clock: The clock, which is also ``api.reactor``: ``server.clock.advance(60)``.

    Raises:
        StartError: An action, a hook or the configuration is not right.
        TypeError, ValueError: An option is not right.
    """

    def __init__(
        self,
        test: TestCase | None = None,
        config: str | os.PathLike[str] | None = None,
        /,
        *,
        hooks: Functions | None = None,
        folder: str | os.PathLike[str] | None = None,
        **options: object,
    ) -> None:
        if folder is None:
            folder = Path.cwd() if test is None else folder_of(test)
        self.clock = FakeReactor()
        self._application = Application(Path(folder), config, hooks, options)
        self._instance: Instance | None = None
        self._client: FakeClient | None = None
        self._waiting: AsyncFakeServer | None = None
        self._watch = ErrorWatch()
        if test is not None:
            report_errors(test)
            test.addCleanup(self._end)
            self._begin()

    @property
    def api(self) -> Api:
        """The ``api`` of actions."""
        return self._running().api

    @property
    def errors(self) -> list[LoggedError]:
        """The errors that the server has logged in a ``with`` block.

        The block raises the first of those that are still there at its end.
        """
        return self._watch.errors

    def __enter__(self) -> FakeServer:
        """Start.

        Raises:
            StartError: It cannot start.
        """
        self._watch.start()
        try:
            self._begin()
        except BaseException:
            self._watch.stop()
            self._end()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop at once.

        Raises:
            LoggedError: The server has logged an error.
        """
        self._end()
        self._watch.stop(error)

    async def __aenter__(self) -> AsyncFakeServer:
        """Start in the running event loop.

        Raises:
            StartError: It cannot start.
        """
        self._waiting = AsyncFakeServer(self._application, self._watch)
        await self._waiting.begin()
        return self._waiting

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop at once.

        Raises:
            LoggedError: The server has logged an error.
        """
        assert self._waiting is not None
        await self._waiting.end(error)

    def connect(
        self, *, host: str = "127.0.0.1", attributes: Mapping[str, object] | None = None
    ) -> FakeClient:
        """Connects a client.

        Args:
            host: The address it comes from.
            attributes: Its ``connection.attributes`` from the start on, such as who it is.
        """
        return self._running().admit(FakeClient, host, attributes)

    @property
    def client(self) -> FakeClient:
        """A client that is connected when it is first used, for tests that need but one."""
        if self._client is None:
            self._client = self.connect()
        return self._client

    def run(self, action: str, /, **params: object) -> dict[str, Any]:
        """Runs an action for `client`; see `FakeClient.run`."""
        return self.client.run(action, **params)

    def start(self, action: str, /, **params: object) -> Deferred[dict[str, Any]]:
        """Starts an action for `client`; see `FakeClient.start`."""
        return self.client.start(action, **params)

    def stop(self) -> Deferred[None]:
        """Shuts down gracefully: clients hear of it, and actions have their time to end.

        Returns:
            A Deferred that fires when no client is left; the clock has to move for it.
        """
        stopped = self._running().stop()
        self.clock.settle()
        return stopped

    def _running(self) -> Instance:
        if self._instance is None:
            raise RuntimeError("the server has not started: use it in a with block")
        return self._instance

    def _begin(self) -> None:
        """Starts, and moves the clock until the server serves, or says why it cannot.

        There is a time limit among what the clock has to come to.
        """
        self._instance = instance = Instance(self._application, self.clock)
        instance.start()
        self.clock.settle()
        while not instance.is_decided:
            self.clock.advance(self.clock.calls[0].getTime() - self.clock.seconds())
        if instance.errors:
            raise StartError(instance.errors[0])

    def _end(self) -> None:
        """Stops at once."""
        instance = self._instance
        if instance is None:
            return
        instance.stop()
        self.clock.settle()
        instance.cut_short()
        self.clock.settle()
        # Only now: what hooks of the stop have in threads has ended.
        instance.give_up()
        self.clock.settle()
