"""A server without a network in an event loop of asyncio, for actions that use asyncio."""

from __future__ import annotations

import asyncio
from asyncio import AbstractEventLoop, Future
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

from twisted.internet.defer import Deferred

from ..errors import StartError
from .client import ClientState, request
from .instance import Application, Instance
from .logged import ErrorWatch
from .loop_reactor import LoopReactor

PATIENCE: Final = 30.0
"""Seconds, by the machine's own clock, that a test waits for a response, a start and an end."""

PASS_SECONDS: Final = 0.001
"""How often a start and an end are looked after."""


class AsyncFakeClient(ClientState):
    """A client of an `AsyncFakeServer`; `AsyncFakeServer.connect` makes it.

    Attributes:
        received: All messages that it got, in order: the welcome first, responses, what was
            said in its rooms, what actions sent it.
        files: The content of all files that it got.
    """

    async def run(self, action: str, /, **params: object) -> dict[str, Any]:
        """Run an action, and return its response.

        Args:
            action: Its name.
            params: What it is called with: JSON values.

        Raises:
            AssertionError: No response has come in 30 seconds.
        """
        return await self._wait(self.start(action, **params), f"no response of {action}")

    def start(self, action: str, /, **params: object) -> Future[dict[str, Any]]:
        """Like `run`, but return a future of the response at once."""
        return self.send(request(action, params))

    async def ask(self, line: str | bytes) -> dict[str, Any]:
        """Send a line, such as ``paramAdd key=value``, and return the response to it.

        Raises:
            AssertionError: No response has come in 30 seconds.
        """
        return await self._wait(self.send(line), f"no response to {line!r}")

    def send(self, line: str | bytes) -> Future[dict[str, Any]]:
        """Like `ask`, but return a future of the response at once.

        Raises:
            ValueError: It is not one line.
        """
        return _future(self._send(line))

    async def message(self, **fields: object) -> dict[str, Any]:
        """Return the first message with these values, of those that came and those to come.

        Raises:
            AssertionError: None has come in 30 seconds.
        """

        async def found() -> dict[str, Any]:
            while True:
                for message in self.received:
                    if fields.items() <= message.items():
                        return message
                await asyncio.sleep(PASS_SECONDS)

        return await self._wait(asyncio.ensure_future(found()), f"no message with {fields}")

    async def _wait(self, future: Future[dict[str, Any]], what: str) -> dict[str, Any]:
        try:
            return await asyncio.wait_for(future, PATIENCE)
        except TimeoutError:
            last = self.received[-1:]
            raise AssertionError(f"{what} in {PATIENCE:g} s; the last message is {last}") from None


class AsyncFakeServer:
    """What ``async with FakeServer(…)`` gives: like that, with calls that are awaited.

    Actions and hooks may await asyncio, whose time is the machine's own. Everything on the server's
    clock, such as time limits and the cache, waits for ``server.clock.advance(60)``.

    Args:
        application: What it serves.
        watch: Notices what is logged as an error.

    Attributes:
        clock: The clock, which is also ``api.reactor``.
        errors: The errors that the server has logged. The block raises the first of those that
            are still there at its end.
        api: The ``api`` of actions.
    """

    def __init__(self, application: Application, watch: ErrorWatch) -> None:
        self._watch = watch
        self.errors = watch.errors
        self.clock = LoopReactor(asyncio.get_running_loop())
        watch.start()
        try:
            self._instance = Instance(application, self.clock)
        except BaseException:
            watch.stop()
            raise
        self.api = self._instance.api
        self._client: AsyncFakeClient | None = None

    async def begin(self) -> None:
        """Start; the clock goes on with the time until the hooks of `on_start` have ended.

        Raises:
            StartError: It cannot start.
        """
        self._instance.start()
        try:
            await self._pass_time(lambda: self._instance.is_decided)
        except BaseException:
            self._watch.stop()
            raise
        if self._instance.errors:
            self.errors.clear()
            await self.end()
            raise StartError(self._instance.errors[0])

    async def end(self, error: BaseException | None = None) -> None:
        """Stop at once, with the hooks of `on_stop`.

        Args:
            error: The exception of the test.

        Raises:
            LoggedError: The server has logged an error, and the test has raised nothing.
        """
        stopped = _future(self._instance.stop())
        self._instance.cut_short()
        try:
            await self._pass_time(stopped.done)
        finally:
            self._instance.give_up()
            self.clock.close()
            self._watch.stop(error)

    def connect(
        self, *, host: str = "127.0.0.1", attributes: Mapping[str, object] | None = None
    ) -> AsyncFakeClient:
        """Connect a client.

        Args:
            host: The address it comes from.
            attributes: Its ``connection.attributes`` from the start on, such as who it is.
        """
        return self._instance.admit(AsyncFakeClient, host, attributes)

    @property
    def client(self) -> AsyncFakeClient:
        """A client that is connected when it is first used, for tests that need but one."""
        if self._client is None:
            self._client = self.connect()
        return self._client

    async def run(self, action: str, /, **params: object) -> dict[str, Any]:
        """Run an action for `client`; see `AsyncFakeClient.run`."""
        return await self.client.run(action, **params)

    def start(self, action: str, /, **params: object) -> Future[dict[str, Any]]:
        """Start an action for `client`; see `AsyncFakeClient.start`."""
        return self.client.start(action, **params)

    async def stop(self) -> None:
        """Stop gracefully: clients hear of it, and actions have their time to end.

        The clock goes on with the time until no client is left.
        """
        await self._pass_time(_future(self._instance.stop()).done)

    async def _pass_time(self, is_over: Callable[[], bool]) -> None:
        """Have the clock go on with the loop's time until something is over."""
        loop = asyncio.get_running_loop()
        latest, end = loop.time(), loop.time() + PATIENCE
        while not is_over():
            await asyncio.sleep(PASS_SECONDS)
            now = loop.time()
            self.clock.advance(now - latest)
            latest = now
            assert now < end, f"the server has neither started nor stopped in {PATIENCE:g} s"


def _future(deferred: Deferred[Any]) -> Future[Any]:
    """A future of what a Deferred comes to; to cancel it leaves the Deferred alone."""
    loop: AbstractEventLoop = asyncio.get_running_loop()
    future: Future[Any] = loop.create_future()

    def fired(outcome: Any) -> None:
        if not future.done():
            future.set_result(outcome)

    deferred.addBoth(partial(fired))
    return future
