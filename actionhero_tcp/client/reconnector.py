"""The link of a `client.Client`: Twisted's `ClientService` connects, and connects again."""

from __future__ import annotations

from math import inf
from typing import Any

from twisted.application.internet import ClientService, backoffPolicy
from twisted.internet.defer import Deferred, maybeDeferred, succeed
from twisted.internet.protocol import Factory, Protocol

from ..clock import Clock, Timer, stop
from .connection import Connection, ReadyEndpoint
from .link import Link, LinkOptions, Owner
from .outcomes import CallError, ConnectionLost
from .reply import Reply
from .requests import QUIT
from .settings import FIRST_RETRY, LONGEST_RETRY


class Reconnector(Link[Connection]):
    """The link.

    Args:
        owner: Told of connections and messages.
        endpoint: Where the server is; a Twisted client endpoint.
        reactor: The reactor.
        options: How it behaves.
    """

    def __init__(self, owner: Owner, endpoint: Any, reactor: Any, options: LinkOptions) -> None:
        super().__init__(owner, options)
        self._clock: Clock = reactor
        self._seconds = reactor.seconds
        self._timer: Timer | None = None
        self._connecting: list[tuple[Deferred[None], float]] = []
        self._leaving: list[Deferred[None]] = []
        self._endpoint = ReadyEndpoint(
            endpoint,
            self._new_connection,
            self.sticky,
            reactor,
            options.connect_timeout,
            self._ready,
            self._failed,
        )
        retry = options.retry or backoffPolicy(FIRST_RETRY, LONGEST_RETRY)
        ready: Any = self._endpoint
        nothing: Any = _Nothing()
        self._service = ClientService(ready, nothing, retry, reactor)

    # Coming and going

    def _new_connection(self) -> Connection:
        options = self._options
        offers_header = options.dialect.offers_header
        on_message = self._owner.message_received
        return Connection(self._clock, options.limits, on_message, offers_header)

    @property
    def is_running(self) -> bool:
        """See `Link.is_running`."""
        return bool(self._service.running) and not self._leaving

    def connect(self, attempts: int | None, timeout: float | None) -> Deferred[None]:
        """See `client.Client.connect`."""
        if self._connection is not None:
            return succeed(None)
        connected: Deferred[None] = Deferred()
        self._connecting.append((connected, inf if attempts is None else attempts))
        if timeout is not None:
            connected.addTimeout(timeout, self._clock, self._took_too_long)  # type: ignore[arg-type]
        if not self._service.running:
            self._service.startService()
        return connected

    def disconnect(self) -> Deferred[None]:
        """See `client.Client.disconnect`."""
        left: Deferred[None] = Deferred()
        self._leaving.append(left)
        if len(self._leaving) > 1:
            return left
        if self._connection is None:
            self._clock.callLater(0, self._stop)
        else:
            self._connection.call(QUIT).addErrback(_nothing)
            drop = self._connection.drop
            timer = self._clock.callLater(self._timeout, drop, "the server does not hang up")
            left.addCallback(lambda _: stop(timer))
        return left

    def _ready(self, connection: Connection) -> None:
        self._connection = connection
        connection.when_lost(self._lost)
        # The calls of `on_connect` come first.
        self._owner.connection_ready(connection.welcome)
        self._send_waiting(connection)
        connecting, self._connecting = self._connecting, []
        for connected, _ in connecting:
            if not connected.called:
                connected.callback(None)

    def _failed(self, error: ConnectionLost) -> None:
        """Count a failed attempt to connect."""
        self._last_error = str(error)
        connecting, self._connecting = self._connecting, []
        for connected, attempts in connecting:
            if attempts > 1:
                self._connecting.append((connected, attempts - 1))
            elif not connected.called:
                connected.errback(error)

    def _lost(self, error: ConnectionLost) -> None:
        assert self._connection is not None
        self._late += self._connection.protocol.late
        self._connection = None
        if self._leaving:
            self._clock.callLater(0, self._stop)
        self._owner.connection_lost(error)

    def _stop(self) -> None:
        """Stop the service; it must not be called from its callbacks."""
        error = ConnectionLost("the client has disconnected")
        connecting, self._connecting = self._connecting, []
        self._fail_waiting(error)
        for connected, _ in connecting:
            if not connected.called:
                connected.errback(error)
        stopped: Deferred[Any] = maybeDeferred(self._service.stopService)
        leaving, self._leaving = self._leaving, []
        for left in leaving:
            stopped.chainDeferred(left)

    # Calls

    def ask(self, line: bytes, timeout: float | None = None) -> Deferred[Any]:
        """Send a request, now or when there is a connection.

        Args:
            line: The line.
            timeout: Seconds that it may take; None for that of all calls.

        Returns:
            A Deferred of the answer, which may fail with any `CallError`.
        """
        reply = Reply()
        if timeout is None:
            timeout = self._timeout
        reply.timeout = timeout
        reply.started = now = self._seconds()
        connection = self._connection
        try:
            if connection is None:
                self._wait(reply, lambda protocol: protocol.ask(line, reply))
            else:
                connection.protocol.ask(line, reply)
                if not connection.corked:
                    connection.flush()
        except CallError as error:
            reply.fail(error)
        if now + timeout < self._next_check:
            self._schedule(now + timeout)
        return reply

    # Time limits

    def _now(self) -> float:
        return float(self._seconds())

    def _set_timer(self, when: float) -> None:
        stop(self._timer)
        if when < inf:
            delay = max(0.0, when - self._seconds())
            self._timer = self._clock.callLater(delay, lambda: self._check(self._seconds()))

    def _took_too_long(self, _: object, seconds: float) -> None:
        raise self._no_connection(seconds)


class _Nothing(Factory):
    """What `ClientService` takes for the protocol: the `Connection` below it does all the work."""

    noisy = False
    protocol = Protocol


def _nothing(_: object) -> None:
    """Drop a result."""
