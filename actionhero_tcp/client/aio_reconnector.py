"""The reconnecting link of an `aio.Client`: one task that connects, and connects again.

Calls without a connection wait here; and here is the one timer for the time limits of all calls.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from contextlib import suppress
from math import inf
from typing import Any, Protocol

from .aio_connection import Address, Connection, Reply, connected
from .outcomes import CallError, LostError, NoAnswerError, TooMuchError
from .protocol import ClientProtocol
from .requests import QUIT, Sticky
from .settings import FIRST_RETRY, LONGEST_RETRY, Limits

Ask = Callable[[ClientProtocol, bytes, Reply], None]
"""How a request goes out on a connection: `ClientProtocol.ask`, or another method for files."""


def backoff(failed: int) -> float:
    """Return the seconds before the next attempt, by the number of failed ones, with jitter."""
    grown = FIRST_RETRY * 1.5 ** min(max(failed - 1, 0), 20)
    return min(LONGEST_RETRY, grown) * random.uniform(0.75, 1.0)  # noqa: S311


class Owner(Protocol):
    """Whoever has the link."""

    def connection_ready(self, welcome: dict[str, Any], /) -> None:
        """Take note of a connection on which all is set again; nothing else is sent before."""
        ...

    def connection_lost(self, error: LostError, /) -> None:
        """Take note of the loss of a connection."""
        ...

    def message_received(self, message: dict[str, Any], /) -> None:
        """Handle a message that answers nothing."""
        ...


class Reconnector:
    """The link.

    Args:
        owner: Told of connections and messages.
        address: Where the server is.
        limits: What may wait at most.
        timeout: Seconds that a call may take.
        connect_timeout: Seconds that an attempt to connect may take.
        retry: See `aio.Client`.

    Attributes:
        sticky: What is set again on a new connection.
    """

    def __init__(
        self,
        owner: Owner,
        address: Address,
        limits: Limits,
        timeout: float,
        connect_timeout: float,
        retry: Callable[[int], float],
    ) -> None:
        self._owner = owner
        self._address = address
        self._limits = limits
        self._timeout = timeout
        self._connect_timeout = connect_timeout
        self._retry = retry
        self._connection: Connection | None = None
        self._task: asyncio.Task[None] | None = None
        self._leaving = False
        self._waiting: list[tuple[bytes, Reply, Ask]] = []
        self._connecting: list[tuple[asyncio.Future[None], float]] = []
        self._timer: asyncio.TimerHandle | None = None
        self._next_check = inf
        self._late = 0
        self._last_error = ""
        self.sticky = Sticky()

    @property
    def is_up(self) -> bool:
        """Whether there is a connection."""
        return self._connection is not None

    @property
    def late(self) -> int:
        """How many answers came too late."""
        return self._late + (self._connection.conversation.late if self._connection else 0)

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
                except LostError as error:
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
            return Connection(loop, self._limits, self._owner.message_received)

        return await connected(self._address, make, self.sticky, self._connect_timeout)

    def _ready(self, connection: Connection) -> None:
        if connection.closed.done():
            # Lost between its last answer and this task.
            return
        self._connection = connection
        # What `on_connect` asks comes first.
        self._owner.connection_ready(connection.greeted.result())
        waiting, self._waiting = self._waiting, []
        for request, reply, ask in waiting:
            self._send(connection, request, reply, ask)
        connecting, self._connecting = self._connecting, []
        for ready, _ in connecting:
            if not ready.done():
                ready.set_result(None)

    def _attempt_failed(self, error: LostError) -> None:
        self._last_error = str(error)
        connecting, self._connecting = self._connecting, []
        for ready, attempts in connecting:
            if attempts > 1:
                self._connecting.append((ready, attempts - 1))
            elif not ready.done():
                ready.set_exception(error)

    def _lost(self, error: LostError) -> None:
        if self._connection is not None:
            self._late += self._connection.conversation.late
            self._connection = None
            self._owner.connection_lost(error)

    def _stopped(self) -> None:
        """Fail everything that waits for a connection."""
        error = LostError("the client has disconnected")
        self._task = None
        self._lost(error)
        waiting, self._waiting = self._waiting, []
        for _, reply, _ in waiting:
            reply.fail(error)
        for ready, _ in self._connecting:
            if not ready.done():
                ready.set_exception(error)
        self._schedule(inf)

    # Asking

    def ask(
        self, line: bytes, timeout: float | None = None, ask: Ask = ClientProtocol.ask
    ) -> asyncio.Future[Any]:
        """Send a request, now or when there is a connection.

        Args:
            line: The line.
            timeout: Seconds that it may take; None for the client's own limit.
            ask: Sends it.

        Returns:
            A future of the answer, which may fail with any `CallError`.
        """
        loop = asyncio.get_running_loop()
        reply = Reply(loop=loop)
        reply.timeout = timeout = self._timeout if timeout is None else timeout
        reply.started = now = loop.time()
        if self._connection is not None and not self._connection.closed.done():
            self._send(self._connection, line, reply, ask)
        elif self._task is None:
            reply.fail(LostError("there is no connection; connect() makes one"))
        elif len(self._waiting) >= self._limits.max_pending:
            most = self._limits.max_pending
            reply.fail(TooMuchError(f"{most} calls wait for a connection already (max_pending)"))
        else:
            self._waiting.append((line, reply, ask))
        if now + timeout < self._next_check:
            self._schedule(now + timeout)
        return reply

    def _send(self, connection: Connection, line: bytes, reply: Reply, ask: Ask) -> None:
        try:
            if not reply.done():
                ask(connection.conversation, line, reply)
                connection.flush()
        except CallError as error:
            reply.fail(error)

    # Time limits

    def _schedule(self, deadline: float) -> None:
        """Check the calls at that time of the loop."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._next_check = deadline
        if deadline < inf:
            self._timer = asyncio.get_running_loop().call_at(deadline, self._check)

    def _check(self) -> None:
        """Fail the calls that have waited long enough."""
        self._next_check = inf
        # The loop calls its timers up to one tick of the clock early.
        now = max(asyncio.get_running_loop().time(), self._timer.when() if self._timer else 0.0)
        waiting, self._waiting = self._waiting, []
        deadline = inf
        for entry in waiting:
            reply = entry[1]
            if reply.started + reply.timeout <= now:
                reply.fail(self._no_connection(reply.timeout))
            elif not reply.done():
                self._waiting.append(entry)
                deadline = min(deadline, reply.started + reply.timeout)
        if self._connection is not None:
            deadline = min(deadline, self._connection.conversation.expire(now))
        if deadline < self._next_check:
            self._schedule(deadline)

    def _no_connection(self, seconds: float) -> NoAnswerError:
        why = self._last_error or "the server has not been reached yet"
        return NoAnswerError(f"there was no connection within {seconds:g} seconds: {why}")


def _ignore(reply: asyncio.Future[Any]) -> None:
    """Take note of a failure that nobody waits for."""
    if not reply.cancelled():
        reply.exception()
