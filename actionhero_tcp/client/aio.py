"""A client for asyncio: the same calls as `client.Client`, with no Twisted in the process."""

from __future__ import annotations

import asyncio
import logging
from asyncio import Future
from collections.abc import Callable
from functools import partial
from typing import Any

from .address import address
from .aio_connection import Reply
from .aio_reconnector import Reconnector
from .dialects import named
from .link import LinkOptions
from .outcomes import Answer
from .reconnecting import ReconnectingClient, Signal
from .roles import Call
from .settings import CONNECT_TIMEOUT, TIMEOUT, TLS, Limits

_log = logging.getLogger(__name__)


class Client(ReconnectingClient["Future[Answer]", "Future[Any]", Reconnector]):
    """A client for asyncio.

    It connects when `connect` is called, and again whenever the connection is lost, until
    `disconnect` is. Each time it first sets its sticky params and its room again. Calls queue
    until the client reconnects, within their time limit. Calls without an answer when the
    connection is lost fail with a `ConnectionLost`: the server may have run them.

    Every call sends its request and returns a future. It fails with an `AnswerError` where the
    server answers with an error, and with another `CallError` where no answer comes. A client
    belongs to one event loop and one thread.

    Takes many parameters: each is an option of the client, and is given by its keyword.

    Args:
        where: The server's host; or with no port ``unix:`` and the path of its socket.
        port: The server's port.
        tls: Whether to speak TLS, or how.
        timeout: Seconds that a call may take, from the call to its answer.
        connect_timeout: Seconds that an attempt to connect may take, up to the server's welcome.
        retry: Seconds to wait before the next attempt, by the number of failed attempts.
        limits: The limits of the client.
        dialect: The dialect of the server's port: 2012 or 29.

    Attributes:
        on_say: Called with each message of another client in the room.
        on_message: Called with every other message that is no answer: what the application
            sends, and the server's goodbye.
        on_connect: Called with the client after each connect, when all is set again.
        on_loss: Called with a `ConnectionLost` whenever the connection is lost.
        params: The sticky params, as they are set again.
        welcome: The server's first message on the last connection.

    Raises:
        ValueError: The place, the TLS or the dialect cannot be used; the text says why.
    """

    def __init__(
        self,
        where: str,
        port: int | None = None,
        *,
        tls: TLS | bool = False,
        timeout: float = TIMEOUT,
        connect_timeout: float = CONNECT_TIMEOUT,
        retry: Callable[[int], float] | None = None,
        limits: Limits | None = None,
        dialect: str | int = 2012,
    ) -> None:
        place = address(where, port, tls)
        limits, spoken = limits or Limits(), named(dialect)
        options = LinkOptions(limits, timeout, connect_timeout, retry, spoken)
        super().__init__(lambda owner: Reconnector(owner, place, options))
        self._call = self._link.ask

    # The connection

    async def connect(self, attempts: int | None = None, timeout: float | None = None) -> None:
        """Connect, and stay connected until `disconnect`.

        Args:
            attempts: The number of failed attempts after which the call fails; None for no limit.
            timeout: Seconds after which the call fails; None for no limit. The client itself
                goes on trying either way.

        Raises:
            ConnectionLost: The attempts have failed.
            CallTimeout: It has taken too long.
        """
        await self._link.connect(attempts, timeout)

    async def disconnect(self) -> None:
        """Say goodbye, wait for the answers to all calls, and close the connection.

        Calls without an answer after the time limit of a call fail.
        """
        await self._link.disconnect()

    # See `reconnecting.ReconnectingClient`

    def _log_failure(self) -> None:
        _log.exception("a callback of the client has failed")

    def _new_signal(self) -> Signal:
        return _Signal()

    def _new_fetched(self) -> tuple[Call, Future[Any]]:
        reply = Reply(loop=asyncio.get_running_loop())
        return reply, reply

    def _at_end(self, fetched: Future[Any], do: Callable[[], object]) -> None:
        fetched.add_done_callback(lambda _: do())

    def _then(
        self, given: Future[Answer], do: Callable[..., object], *arguments: object
    ) -> Future[Answer]:
        given.add_done_callback(partial(_after, partial(do, *arguments)))
        return given


class _Signal(asyncio.Event):
    """Wakes a coroutine; see `reconnecting.Signal`."""

    async def wait(self) -> None:  # type: ignore[override]
        await super().wait()
        self.clear()


def _after(do: Callable[[], object], given: Future[Answer]) -> None:
    """Do something after a successful call; this runs before any task that awaits it goes on."""
    if not given.cancelled() and given.exception() is None:
        do()
