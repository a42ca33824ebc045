"""One connection to Redis: it reconnects whenever it is lost, and is dropped if Redis is silent."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any, Final, Protocol

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.protocol import Factory
from twisted.python.failure import Failure

from ..clock import Clock, Timer, stop
from ..errors import shorten
from ..net.lowest_transport import set_socket_options
from .address import RedisAddress
from .protocol import Call, Command, Pending, RedisProtocol

CHECK_SECONDS: Final = 1.1
"""The time between two looks at whether Redis still answers on a connection."""

SILENT_CHECKS: Final = 3
"""After so many looks without a byte from Redis, while something waits for its reply, the
connection is dropped. Looks are counted, not seconds: a process that was stopped itself looks
once, and then reads what has come meanwhile."""

FIRST_RETRY_SECONDS: Final = 0.25
LONGEST_RETRY_SECONDS: Final = 2.0
"""Attempts come at growing intervals from the one to the other."""

CLOSE_SECONDS: Final = 2.0
"""The longest time for sending what is left when a connection is closed."""

MAX_ERROR_CHARACTERS: Final = 300
"""How much of an error from outside is kept."""


class ConnectionOwner(Protocol):
    """Who a connection reports to: the `link.RedisLink`."""

    @property
    def error(self) -> str:
        """Why Redis is unreachable."""

    def connection_changed(self) -> None:
        """The connection is ready, or is so no more."""

    def report(self, error: str) -> None:
        """Something is wrong with it."""


class RedisConnection(Factory):
    """One connection, and its reconnecting.

    Twisted's `ClientService` is not used: it logs each attempt, and is content with a
    connection on which Redis does not answer.

    Args:
        owner: Hears how it is.
        address: How to log in.
        endpoint: Connects; see `endpoint.connector`.
        make: Makes a protocol, which reports to its argument.
        clock: Tells when to look and to try again.
    """

    noisy = False

    def __init__(
        self,
        owner: ConnectionOwner,
        address: RedisAddress,
        endpoint: Any,
        make: Callable[[RedisConnection], RedisProtocol],
        clock: Clock,
    ) -> None:
        self._owner = owner
        self._address = address
        self._endpoint = endpoint
        self._make = make
        self._clock = clock
        self._attempt: Deferred[Any] | None = None
        self._connected: RedisProtocol | None = None
        self._ready: RedisProtocol | None = None
        self._timer: Timer | None = None
        self._attempts = 0
        self._silent = 0
        self._received = 0
        self._silenced = False
        self._stopped = False

    @property
    def is_ready(self) -> bool:
        """Whether it is connected, logged in, and Redis has answered on it."""
        return self._ready is not None

    @property
    def is_idle(self) -> bool:
        """Whether nothing of it is left: no connection, no attempt, no timer."""
        timer = self._timer
        return not (self._connected or self._attempt or (timer is not None and timer.active()))

    def start(self) -> None:
        """Connects."""
        self._attempt = self._endpoint.connect(self)
        self._attempt.addCallbacks(self._attempt_succeeded, self._attempt_failed)

    def stop(self) -> None:
        """Closes the connection after what was sent, and connects no more."""
        self._stopped = True
        stop(self._timer)
        if self._attempt is not None:
            self._attempt.cancel()
        if self._connected is not None:
            # A Redis that takes nothing would keep it open for ever.
            self._timer = self._clock.callLater(CLOSE_SECONDS, self._connected.abort, "stopped")
            self._connected.transport.loseConnection()

    def reset_backoff(self) -> None:
        """All is well: the next time it is lost, it is tried again soon."""
        self._attempts = 0

    def drop(self, reason: str = "") -> None:
        """Drops the connection; it reconnects.

        Args:
            reason: What is wrong with it; empty where nothing is, and another one is the cause.
        """
        if self._connected is not None:
            self._silenced = not reason
            self._connected.abort(reason or "dropped")

    def call(self, *command: str | bytes | int) -> Deferred[Any]:
        """Sends a command.

        Returns:
            A Deferred of the reply, strings as bytes. It fails with a `RedisError` where Redis
            refuses or the connection is lost, and at once where it is not ready.
        """
        return self.make_call(command, Call())

    def make_call(self, command: Command, call: Call) -> Deferred[Any]:
        """Sends a command; see `call`."""
        if not self.send([command], [call]):
            call.fail(f"Redis is unreachable: {self._owner.error}")
        return call.reply

    def send(self, commands: Sequence[Command], pending: Sequence[Pending]) -> bool:
        """Sends commands in one piece.

        Args:
            commands: The commands.
            pending: Takes their replies.

        Returns:
            Whether the connection is ready; where it is not, nothing is sent.
        """
        if self._ready is None:
            return False
        self._ready.send(commands, pending)
        return True

    # Called by endpoints and protocols

    def buildProtocol(self, addr: object) -> RedisProtocol:
        """A protocol for a connection that was just made."""
        return self._make(self)

    def connection_made(self, protocol: RedisProtocol) -> None:
        """See `protocol.ProtocolOwner`: logs in, and asks whether Redis is there."""
        self._connected = protocol
        self._silenced = False
        set_socket_options(protocol.transport)
        self._silent = self._received = 0
        for command in self._address.login:
            protocol.call(*command).addErrback(self._refused, protocol)
        # It may be connected and hang, or load its data.
        protocol.call("PING").addCallbacks(
            self._answered, self._refused, callbackArgs=(protocol,), errbackArgs=(protocol,)
        )
        self._check_later()

    def connection_lost(self, protocol: RedisProtocol, reason: str) -> None:
        """See `protocol.ProtocolOwner`."""
        was_ready = self._ready is not None
        self._connected = self._ready = None
        stop(self._timer)
        if self._stopped:
            return
        if not self._silenced:
            self._report(reason)
        if was_ready:
            self._owner.connection_changed()
        self._retry_later()

    def _answered(self, reply: object, protocol: RedisProtocol) -> None:
        if reply != b"PONG":
            protocol.abort("the service at this address is not Redis: it does not know PING")
        elif protocol is self._connected and not self._stopped:
            self._ready = protocol
            self._owner.connection_changed()

    def _refused(self, failure: Failure, protocol: RedisProtocol) -> None:
        # The first error is the cause; a lost connection is reported there.
        protocol.abort(failure.getErrorMessage())

    def _attempt_succeeded(self, _: object) -> None:
        self._attempt = None

    def _attempt_failed(self, failure: Failure) -> None:
        self._attempt = None
        if not self._stopped and not failure.check(CancelledError):
            self._report(failure.getErrorMessage())
            self._retry_later()

    def _report(self, error: str) -> None:
        self._owner.report(shorten(self._address.redacted(error), MAX_ERROR_CHARACTERS))

    def _retry_later(self) -> None:
        if self._stopped:
            # By whoever heard that it was lost.
            return
        stop(self._timer)
        self._timer = self._clock.callLater(_retry_seconds(self._attempts), self.start)
        self._attempts += 1

    # Whether Redis answers

    def _check_later(self) -> None:
        self._timer = self._clock.callLater(CHECK_SECONDS, self._check)

    def _check(self) -> None:
        protocol = self._connected
        if protocol is None:
            return
        if protocol.received != self._received or not protocol.pending:
            self._received, self._silent = protocol.received, 0
        else:
            self._silent += 1
        self._check_later()
        if self._silent >= SILENT_CHECKS:
            self.drop(f"it has not answered for {self._silent * CHECK_SECONDS:.1f} s")
        elif not protocol.pending:
            protocol.call("PING").addErrback(lambda _: None)


def _retry_seconds(attempts: int) -> float:
    """How long to wait before the next attempt, with some chance in it, for nodes are many."""
    seconds = min(LONGEST_RETRY_SECONDS, FIRST_RETRY_SECONDS * 1.5 ** min(attempts, 20))
    return seconds * random.uniform(0.8, 1.0)  # noqa: S311
