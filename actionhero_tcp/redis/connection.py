"""One connection to Redis: made anew whenever it is lost, and given up where Redis is silent."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any, Final, Protocol

from twisted.internet.defer import Deferred, fail
from twisted.internet.interfaces import IPushProducer
from twisted.internet.protocol import Factory
from twisted.python.failure import Failure
from zope.interface import implementer

from ..clock import Clock, Timer, stop
from ..net.transport import set_socket_options
from .address import RedisAddress
from .protocol import Command

PING_SECONDS: Final = 1.0
"""A connection that is up is asked so often whether Redis still answers."""

SILENCE_SECONDS: Final = 3.5
"""One that does not answer for so long is given up, and with it all calls on it: no call takes
longer than the two of these together."""

FIRST_RETRY_SECONDS: Final = 0.25
LONGEST_RETRY_SECONDS: Final = 2.0
"""Attempts come at growing intervals from the one to the other."""

MAX_IN_FLIGHT: Final = 50_000
"""As many commands may wait for their replies; what is asked beyond them fails at once."""

MAX_HELD_BYTES: Final = 32 * 1024 * 1024
"""So many bytes of commands are held while Redis takes nothing; what is asked beyond them fails
at once."""


class RedisAwayError(Exception):
    """Redis cannot be reached, does not answer, or refuses; the text says which."""


class ConnectionOwner(Protocol):
    """Who is told how a connection is: the `link.RedisLink`.

    Attributes:
        failures: How many of the commands that were told have failed.
    """

    failures: int

    @property
    def error(self) -> str:
        """Why Redis is away."""

    def changed(self) -> None:
        """The connection has come or gone."""

    def note(self, error: str) -> None:
        """Something is wrong."""


@implementer(IPushProducer)
class RedisConnection(Factory):
    """One connection, made anew whenever it is lost; the factory of txredisapi's protocols.

    Twisted's `ClientService` is not used: it logs every attempt, and is content with a
    connection on which Redis does not answer.

    Args:
        owner: Is told how it is.
        make: Makes a protocol for an address; see `redisprotocol.protocols`.
        address: Where Redis is.
        reactor: The reactor.
    """

    noisy = False
    isLazy = False

    def __init__(
        self,
        owner: ConnectionOwner,
        make: Callable[[RedisAddress], Any],
        address: RedisAddress,
        reactor: Any,
    ) -> None:
        self._owner = owner
        self._told = _Told(owner)
        self._make = make
        self._address = address
        self._clock: Clock = reactor
        self._endpoint = address.endpoint(reactor)
        self._attempt: Deferred[Any] | None = None
        self._protocol: Any = None
        self._transport: Any = None
        self._timer: Timer | None = None
        self._attempts = 0
        self._paused = False
        self._held = 0
        self._explained = False
        self._stopped = False

    @property
    def is_here(self) -> bool:
        """Whether it is connected, logged in, and Redis has answered on it."""
        return self._protocol is not None

    def start(self) -> None:
        """Connects."""
        attempt: Deferred[Any] = self._endpoint.connect(self)
        self._attempt = attempt
        attempt.addCallbacks(self._made, self._not_connected)

    def stop(self) -> None:
        """Closes it, and connects no more."""
        self._stopped = True
        stop(self._timer)
        if self._attempt is not None:
            # An attempt goes through the addresses of a host by a timer of its own.
            self._attempt.cancel()
        if self._transport is not None:
            self._transport.unregisterProducer()
            self._transport.loseConnection()

    def pauseProducing(self) -> None:
        """The transport holds as much as it should: what comes on top is counted."""
        self._paused = True

    def resumeProducing(self) -> None:
        """Redis has taken it all."""
        self._paused = False
        self._held = 0

    def stopProducing(self) -> None:
        """The connection is lost; `_lost` is told, too."""

    def drop(self) -> None:
        """Drops the connection; it is made anew."""
        if self._transport is not None:
            self._explained = True
            self._transport.abortConnection()

    def call(self, *command: str | bytes | int) -> Deferred[Any]:
        """See `RedisLink.call`."""
        protocol = self._protocol
        if protocol is None:
            return fail(RedisAwayError(f"Redis is away: {self._owner.error}"))
        if not self._takes(protocol):
            return fail(RedisAwayError("too much waits for Redis already"))
        reply: Deferred[Any] = protocol.replyQueue.get()
        reply.addCallback(protocol.handle_reply)
        self._write(protocol, protocol.pack(command))
        return reply.addErrback(_as_away)

    def tell(self, commands: Sequence[Command]) -> None:
        """See `RedisLink.tell`."""
        protocol, sent = self._protocol, commands[:0]
        if protocol is not None:
            sent = commands[: self._takes(protocol)]
            self._write(protocol, b"".join(map(protocol.pack, sent)))
            protocol.replyQueue.waiting += [self._told] * len(sent)
        self._owner.failures += len(commands) - len(sent)

    def _takes(self, protocol: Any) -> int:
        """How many commands may be sent at the moment."""
        if self._held >= MAX_HELD_BYTES:
            return 0
        return max(0, MAX_IN_FLIGHT - len(protocol.replyQueue.waiting))

    def _write(self, protocol: Any, data: bytes) -> None:
        if self._paused:
            self._held += len(data)
        protocol.transport.write(data)

    def buildProtocol(self, addr: object) -> Any:
        """A protocol for a connection that was just made."""
        self._explained = False
        protocol = self._make(self._address)
        protocol.factory = self
        protocol.whenConnected().addCallback(self._ask)
        protocol.whenDisconnected().addCallback(self._lost)
        self._watch(protocol)
        return protocol

    def stopTrying(self) -> None:
        """txredisapi asks for this where it cannot log in; we try for ever."""

    def connectionError(self, why: object) -> None:
        """txredisapi tells why it could not log in."""
        self._note(str(why))

    def _note(self, error: str) -> None:
        self._explained = True
        self._owner.note(error)

    def _watch(self, protocol: Any) -> None:
        """Gives the connection up if Redis does not answer in time, be it to the log-in."""
        stop(self._timer)
        self._timer = self._clock.callLater(SILENCE_SECONDS, self._silent, protocol)

    def _made(self, protocol: Any) -> None:
        """Takes over a connection that has yet to log in."""
        if protocol.connected:
            self._transport = protocol.transport
            set_socket_options(protocol.transport)
            protocol.transport.registerProducer(self, True)

    def _ask(self, protocol: Any) -> None:
        """Asks whether Redis is there: it may be connected, and hang or load its data."""
        if self._stopped:
            return
        self._watch(protocol)
        asked = protocol.execute_command("PING")
        asked.addCallback(self._answered, protocol)
        asked.addErrback(self._refused, protocol)

    def _answered(self, _: object, protocol: Any) -> None:
        stop(self._timer)
        if self._stopped:
            return
        self._attempts = 0
        self._timer = self._clock.callLater(PING_SECONDS, self._ask, protocol)
        if self._protocol is not protocol:
            self._protocol = protocol
            self._owner.changed()

    def _silent(self, protocol: Any) -> None:
        self._note(f"it has not answered for {SILENCE_SECONDS:g} s")
        protocol.transport.abortConnection()

    def _refused(self, failure: Failure, protocol: Any) -> None:
        if protocol.connected:
            self._note(failure.getErrorMessage())
            protocol.transport.abortConnection()

    def _lost(self, protocol: Any) -> None:
        self._transport = None
        self.resumeProducing()
        if not self._stopped:
            if not self._explained:
                self._note(f"the connection was lost: {protocol.lost_because}")
            if self._protocol is not None:
                self._protocol = None
                self._owner.changed()
        self._protocol = None
        self._retry()

    def _not_connected(self, failure: Failure) -> None:
        if not self._stopped:
            self._owner.note(failure.getErrorMessage())
            self._retry()

    def _retry(self) -> None:
        stop(self._timer)
        if not self._stopped:
            self._timer = self._clock.callLater(_retry_seconds(self._attempts), self.start)
            self._attempts += 1


class _Told:
    """Takes the replies to what was told, in place of a Deferred for each, which costs 5 µs."""

    __slots__ = ("_owner",)

    def __init__(self, owner: ConnectionOwner) -> None:
        self._owner = owner

    def callback(self, reply: object) -> None:
        """Counts what has failed."""
        if isinstance(reply, Exception):
            self._owner.failures += 1


def _as_away(failure: Failure) -> Failure:
    return Failure(RedisAwayError(failure.getErrorMessage()))


def _retry_seconds(attempts: int) -> float:
    """How long to wait before the next attempt, with some chance in it, for nodes are many."""
    seconds = min(LONGEST_RETRY_SECONDS, FIRST_RETRY_SECONDS * 1.5 ** min(attempts, 20))
    return seconds * random.uniform(0.8, 1.0)  # noqa: S311
