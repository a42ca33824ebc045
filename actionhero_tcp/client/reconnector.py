"""The link of a `client.Client` to its server: a connection at a time, made anew when it is lost.

What is asked while there is none waits here; and here is the one timer for the time limits of all
calls.
"""

from __future__ import annotations

from collections.abc import Callable
from math import inf
from typing import Any

from twisted.application.internet import ClientService, backoffPolicy
from twisted.internet.defer import Deferred, maybeDeferred, succeed
from twisted.internet.protocol import Factory, Protocol

from ..clock import Clock, Timer, stop
from .connection import Connection, ReadyEndpoint
from .outcomes import CallError, LostError, NoAnswerError, TooMuchError
from .protocol import ClientProtocol
from .reply import Reply
from .requests import QUIT, Sticky
from .settings import FIRST_RETRY, LONGEST_RETRY, Limits

Ask = Callable[[ClientProtocol, bytes, Reply], None]
"""How a request goes out on a connection: `Conversation.ask`, or something else for files."""


class Reconnector:
    """The link.

    Args:
        endpoint: Where the server is; a Twisted client endpoint.
        reactor: The reactor.
        limits: What may wait at most.
        timeout: Seconds that a call may take.
        connect_timeout: Seconds that an attempt to connect may take.
        retry: See `client.Client`.
        heard: Told of each message that answers nothing.

    Attributes:
        sticky: What is set again on a new connection.
        came: Told of each connection, when all is set again and before anything else is sent.
        went: Told why a connection is lost.
    """

    def __init__(
        self,
        endpoint: Any,
        reactor: Any,
        limits: Limits,
        timeout: float,
        connect_timeout: float,
        retry: Callable[[int], float] | None,
        heard: Callable[[dict[str, Any]], object],
    ) -> None:
        self._clock: Clock = reactor
        self._now = reactor.seconds
        self._limits = limits
        self._timeout = timeout
        self._line: Connection | None = None
        self._waiting: list[tuple[bytes, Reply, Ask]] = []
        self._timer: Timer | None = None
        self._next_check = inf
        self._late = 0
        self._connecting: list[tuple[Deferred[None], float]] = []
        self._leaving: list[Deferred[None]] = []
        self.sticky = Sticky()
        self.came: Callable[[dict[str, Any]], object] = lambda welcome: None
        self.went: Callable[[LostError], object] = lambda error: None
        self._endpoint = ReadyEndpoint(
            endpoint,
            lambda: Connection(reactor, limits, heard),
            self.sticky,
            reactor,
            connect_timeout,
            self._ready,
            self._failed,
        )
        retry = retry or backoffPolicy(FIRST_RETRY, LONGEST_RETRY)
        ready: Any = self._endpoint
        nothing: Any = _Nothing()
        self._service = ClientService(ready, nothing, retry, reactor)

    @property
    def is_up(self) -> bool:
        """Whether there is a connection."""
        return self._line is not None

    @property
    def late(self) -> int:
        """How many answers have come too late."""
        return self._late + (self._line.conversation.late if self._line else 0)

    # Coming and going

    def connect(self, attempts: int | None, timeout: float | None) -> Deferred[None]:
        """See `client.Client.connect`."""
        if self._line is not None:
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
        if self._line is None:
            self._clock.callLater(0, self._stop)
        else:
            self._line.call(QUIT).addErrback(_nothing)
            drop = self._line.drop
            timer = self._clock.callLater(self._timeout, drop, "the server does not hang up")
            left.addCallback(lambda _: stop(timer))
        return left

    def _ready(self, line: Connection) -> None:
        self._line, line.lost = line, self._lost
        waiting, self._waiting = self._waiting, []
        for request, reply, ask in waiting:
            ask(line.conversation, request, reply)
        line.flush()
        connecting, self._connecting = self._connecting, []
        self.came(line.welcome)
        for connected, _ in connecting:
            if not connected.called:
                connected.callback(None)

    def _failed(self, error: LostError) -> None:
        """An attempt to connect has failed."""
        connecting, self._connecting = self._connecting, []
        for connected, attempts in connecting:
            if attempts > 1:
                self._connecting.append((connected, attempts - 1))
            elif not connected.called:
                connected.errback(error)

    def _lost(self, error: LostError) -> None:
        assert self._line is not None
        self._late += self._line.conversation.late
        self._line = None
        if self._leaving:
            self._clock.callLater(0, self._stop)
        self.went(error)

    def _stop(self) -> None:
        """Stops the service; never called by what it has called, for it does not bear that."""
        error = LostError("the client has disconnected")
        waiting, self._waiting = self._waiting, []
        for _, reply, _ in waiting:
            reply.fail(error)
        connecting, self._connecting = self._connecting, []
        for connected, _ in connecting:
            if not connected.called:
                connected.errback(error)
        self._schedule(inf)
        stopped: Deferred[Any] = maybeDeferred(self._service.stopService)
        leaving, self._leaving = self._leaving, []
        for left in leaving:
            stopped.chainDeferred(left)

    # Asking

    def ask(
        self, line: bytes, timeout: float | None = None, ask: Ask = ClientProtocol.ask
    ) -> Deferred[Any]:
        """Sends a request, now or when there is a connection.

        Args:
            line: The line.
            timeout: Seconds that it may take; None for those of all calls.
            ask: Sends it.

        Returns:
            A Deferred of the answer, which may fail with any `CallError`.
        """
        reply = Reply()
        if timeout is None:
            timeout = self._timeout
        reply.timeout = timeout
        reply.started = now = self._now()
        connection = self._line
        try:
            if connection is None:
                self._wait(line, reply, ask)
            else:
                ask(connection.conversation, line, reply)
                if not connection.corked:
                    connection.flush()
        except CallError as error:
            reply.fail(error)
        if now + timeout < self._next_check:
            self._schedule(now + timeout)
        return reply

    def _wait(self, line: bytes, reply: Reply, ask: Ask) -> None:
        """Keeps a request until there is a connection."""
        if not self._service.running:
            raise LostError("there is no connection; connect() makes one")
        if len(self._waiting) >= self._limits.max_pending:
            most = self._limits.max_pending
            raise TooMuchError(f"{most} calls wait for a connection already (max_pending)")
        self._waiting.append((line, reply, ask))

    # Time limits

    def _schedule(self, deadline: float) -> None:
        """Has the calls looked through at that time."""
        stop(self._timer)
        self._next_check = deadline
        if deadline < inf:
            self._timer = self._clock.callLater(max(0.0, deadline - self._now()), self._check)

    def _check(self) -> None:
        """Fails the calls that have waited long enough."""
        self._next_check = inf
        now = self._now()
        overdue = [reply for _, reply, _ in self._waiting if reply.started + reply.timeout <= now]
        self._waiting = [entry for entry in self._waiting if entry[1] not in overdue]
        ends = (reply.started + reply.timeout for _, reply, _ in self._waiting)
        deadline = min(ends, default=inf)
        for reply in overdue:
            reply.fail(self._no_connection(reply.timeout))
        if self._line is not None:
            deadline = min(deadline, self._line.conversation.expire(now))
        if deadline < self._next_check:
            self._schedule(deadline)

    def _took_too_long(self, _: object, seconds: float) -> None:
        raise self._no_connection(seconds)

    def _no_connection(self, seconds: float) -> NoAnswerError:
        why = self._endpoint.error or "the server has not been reached yet"
        return NoAnswerError(f"there was no connection within {seconds:g} seconds: {why}")


class _Nothing(Factory):
    """What `ClientService` takes for the protocol: the `Line` below it does all the work."""

    noisy = False
    protocol = Protocol


def _nothing(_: object) -> None:
    """Drops a result."""
