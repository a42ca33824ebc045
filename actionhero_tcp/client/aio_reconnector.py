"""The link of an `aio.Client`: one task connects, and connects again."""

from __future__ import annotations

import asyncio
import random
from contextlib import suppress
from math import inf
from typing import Any

from .address import Address
from .aio_connection import Connection, Reply, connected
from .link import Link, LinkOptions, Owner
from .outcomes import CallError, ConnectionLost
from .requests import QUIT
from .settings import FIRST_RETRY, LONGEST_RETRY


def backoff(failed: int) -> float:
    """Return the seconds before the next attempt, by the number of failed ones, with jitter."""
    grown = FIRST_RETRY * 1.5 ** min(max(failed - 1, 0), 20)
    return min(LONGEST_RETRY, grown) * random.uniform(0.75, 1.0)  # noqa: S311


class Reconnector(Link[Connection]):
    """The link.

    Args:
        owner: Told of connections and messages.
        address: Where the server is.
        options: How it behaves.
    """

    def __init__(self, owner: Owner, address: Address, options: LinkOptions) -> None:
        super().__init__(owner, options)
        self._address = address
        self._retry = options.retry or backoff
        self._task: asyncio.Task[None] | None = None
        self._leaving = False
        self._connecting: list[tuple[asyncio.Future[None], float]] = []
        self._timer: asyncio.TimerHandle | None = None

    @property
    def is_running(self) -> bool:
        """See `Link.is_running`."""
        return self._task is not None and not self._leaving

    # Connecting

    async def connect(self, attempts: int | None, timeout: float | None) -> None:
        """See `aio.Client.connect`."""
        if self._connection is not None:
            return
        loop = asyncio.get_running_loop()
        if self._task is None:
            self._leaving = False
            self._task = loop.create_task(self._run(), name="actionhero-tcp client")
        ready: asyncio.Future[None] = loop.create_future()
        self._connecting.append((ready, inf if attempts is None else attempts))
        try:
            async with asyncio.timeout(timeout):
                await ready
        except TimeoutError as error:
            if isinstance(error, CallError):
                raise
            raise self._no_connection(timeout or 0.0) from None
        finally:
            self._connecting = [each for each in self._connecting if each[0] is not ready]

    async def disconnect(self) -> None:
        """See `aio.Client.disconnect`."""
        task, connection, self._leaving = self._task, self._connection, True
        if connection is not None:
            quitting = connection.call(QUIT)
            quitting.add_done_callback(_ignore)
            with suppress(TimeoutError):
                async with asyncio.timeout(self._timeout):
                    await asyncio.shield(connection.closed)
            connection.drop("the server does not hang up")
            await connection.closed
        if task is not None:
            task.cancel()
            await asyncio.wait([task])

    async def _run(self) -> None:
        """Connect, and connect again after each loss, until the client disconnects."""
        failed = 0
        try:
            while not self._leaving:
                try:
                    connection = await self._attempt()
                except ConnectionLost as error:
                    failed += 1
                    self._attempt_failed(error)
                    await asyncio.sleep(self._retry(failed))
                    continue
                failed = 0
                try:
                    self._ready(connection)
                    loss = await asyncio.shield(connection.closed)
                finally:
                    connection.drop("the client has disconnected")
                self._lost(loss)
        finally:
            self._stopped()

    async def _attempt(self) -> Connection:
        loop = asyncio.get_running_loop()

        def make() -> Connection:
            offers_header = self.dialect.offers_header
            return Connection(loop, self.limits, self._owner.message_received, offers_header)

        return await connected(self._address, make, self.sticky, self._options.connect_timeout)

    def _ready(self, connection: Connection) -> None:
        if connection.closed.done():
            # Lost between its last answer and this task.
            return
        self._connection = connection
        # The calls of `on_connect` come first.
        self._owner.connection_ready(connection.greeted.result())
        self._send_waiting(connection)
        connecting, self._connecting = self._connecting, []
        for ready, _ in connecting:
            if not ready.done():
                ready.set_result(None)

    def _attempt_failed(self, error: ConnectionLost) -> None:
        self._last_error = str(error)
        connecting, self._connecting = self._connecting, []
        for ready, attempts in connecting:
            if attempts > 1:
                self._connecting.append((ready, attempts - 1))
            elif not ready.done():
                ready.set_exception(error)

    def _lost(self, error: ConnectionLost) -> None:
        if self._connection is not None:
            self._late += self._connection.protocol.late
            self._connection = None
            self._owner.connection_lost(error)

    def _stopped(self) -> None:
        """Fail everything that waits for a connection."""
        error = ConnectionLost("the client has disconnected")
        self._task = None
        self._lost(error)
        self._fail_waiting(error)
        for ready, _ in self._connecting:
            if not ready.done():
                ready.set_exception(error)

    # Calls

    def ask(self, line: bytes, timeout: float | None = None) -> asyncio.Future[Any]:
        """Send a request, now or when there is a connection.

        Args:
            line: The line.
            timeout: Seconds that it may take; None for that of all calls.

        Returns:
            A future of the answer, which may fail with any `CallError`.
        """
        reply = Reply(loop=asyncio.get_running_loop())
        self.start(reply, timeout)
        self.submit(reply, lambda protocol: None if reply.done() else protocol.ask(line, reply))
        return reply

    def _usable(self) -> Connection | None:
        connection = self._connection
        return None if connection is None or connection.closed.done() else connection

    # Time limits

    def _now(self) -> float:
        return asyncio.get_running_loop().time()

    def _set_timer(self, when: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if when < inf:
            self._timer = asyncio.get_running_loop().call_at(when, self._overdue, when)

    def _overdue(self, when: float) -> None:
        # The loop calls its timers up to one tick of the clock early.
        self._check(max(self._now(), when))


def _ignore(reply: asyncio.Future[Any]) -> None:
    """Take note of a failure that nobody waits for."""
    if not reply.cancelled():
        reply.exception()
