"""A client for Twisted: one link to a server, which reconnects by itself."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from . import addresses
from .dialects import named
from .link import LinkOptions
from .outcomes import Answer
from .reconnecting import ReconnectingClient, Signal
from .reconnector import Reconnector
from .reply import Reply
from .roles import Call
from .settings import CONNECT_TIMEOUT, TIMEOUT, TLS, Limits

_log = Logger()


class Client(ReconnectingClient[Deferred[Answer], Deferred[Any], Reconnector]):
    """A client for Twisted.

    It connects when `connect` is called, and again whenever the connection is lost, until
    `disconnect` is. Each time it first sets its sticky params and its rooms again. Calls queue
    until the client reconnects, within their time limit. Calls without an answer when the
    connection is lost fail with a `ConnectionLost`: the server may have run them.

    Every call returns a Deferred, which can be awaited. It fails with an `AnswerError` where the
    server answers with an error, and with another `CallError` where no answer comes. A client
    belongs to the reactor's thread; others use ``reactor.callFromThread``.

    Takes many parameters: each is an option of the client, and is given by its keyword.

    Args:
        where: The server's host; or with no port a Twisted client endpoint, or the description
            of one, such as ``unix:/run/actionhero.sock``.
        port: The server's port.
        tls: Whether to speak TLS, or how.
        timeout: Seconds that a call may take, from the call to its answer.
        connect_timeout: Seconds that an attempt to connect may take, up to the server's welcome.
        retry: Seconds to wait before the next attempt, by the number of those that have failed;
            Twisted's `backoffPolicy` makes such functions.
        limits: The limits of the client.
        dialect: The dialect of the server's port: 2012 or 29.
        reactor: The reactor; by default Twisted's.

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
        where: Any,
        port: int | None = None,
        *,
        tls: TLS | bool = False,
        timeout: float = TIMEOUT,
        connect_timeout: float = CONNECT_TIMEOUT,
        retry: Callable[[int], float] | None = None,
        limits: Limits | None = None,
        dialect: str | int = 2012,
        reactor: Any = None,
    ) -> None:
        if reactor is None:
            from twisted.internet import reactor
        endpoint = addresses.endpoint(where, port, tls, reactor)
        limits, spoken = limits or Limits(), named(dialect)
        options = LinkOptions(limits, timeout, connect_timeout, retry, spoken)
        super().__init__(lambda owner: Reconnector(owner, endpoint, reactor, options))
        self._call = self._link.ask

    # The connection

    def connect(self, attempts: int | None = None, timeout: float | None = None) -> Deferred[None]:
        """Connect, and stay connected.

        Args:
            attempts: After so many attempts in a row the call fails; by default it waits on.
            timeout: Seconds after which it fails; by default it waits on. Either way the client
                itself goes on trying, until `disconnect`.

        Returns:
            A Deferred that fires when there is a connection, and all is set again.
        """
        return self._link.connect(attempts, timeout)

    def disconnect(self) -> Deferred[None]:
        """Say goodbye, wait for the answers to all calls, and connect no more.

        Returns:
            A Deferred that fires when the connection is closed. Calls without an answer after
            the time limit of a call fail.
        """
        return self._link.disconnect()

    # See `reconnecting.ReconnectingClient`

    def _log_failure(self) -> None:
        _log.failure("a callback of the client has failed")

    def _new_signal(self) -> Signal:
        return _Signal()

    def _new_fetched(self) -> tuple[Call, Deferred[Any]]:
        reply = Reply()
        return reply, reply

    def _at_end(self, fetched: Deferred[Any], do: Callable[[], object]) -> None:
        fetched.addBoth(_after, do)

    def _then(
        self, given: Deferred[Answer], do: Callable[..., object], *arguments: object
    ) -> Deferred[Answer]:
        return given.addCallback(_after, partial(do, *arguments))


class _Signal:
    """Wakes a coroutine; see `reconnecting.Signal`."""

    def __init__(self) -> None:
        self._deferred: Deferred[None] = Deferred()

    def set(self) -> None:
        if not self._deferred.called:
            self._deferred.callback(None)

    async def wait(self) -> None:
        await self._deferred
        self._deferred = Deferred()


def _after(result: Any, do: Callable[[], object]) -> Any:
    do()
    return result
