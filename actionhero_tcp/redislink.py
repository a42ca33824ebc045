"""The line to Redis: two connections, which come back by themselves and never keep anybody waiting.

One connection carries commands, the other hears what is published. Only when both are there is
Redis *here*; otherwise it is *away*, and every call fails at once.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Final
from urllib.parse import quote, unquote, urlsplit

from twisted.internet.defer import Deferred, fail
from twisted.internet.endpoints import HostnameEndpoint, UNIXClientEndpoint, wrapClientTLS
from twisted.internet.interfaces import IPushProducer
from twisted.internet.protocol import Factory
from twisted.internet.ssl import optionsForClientTLS
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from .clock import Clock, Timer, stop
from .errors import StartError, printable
from .transport import set_socket_options

PING_SECONDS: Final = 1.0
"""A connection that is up is asked so often whether Redis still answers."""

SILENCE_SECONDS: Final = 3.5
"""One that does not answer for so long is given up, and with it all calls on it: no call takes
longer than the two of these together."""

CONNECT_SECONDS: Final = 4.0
"""An attempt to connect may take so long."""

FIRST_RETRY_SECONDS: Final = 0.25
LONGEST_RETRY_SECONDS: Final = 2.0
"""Attempts come at growing intervals from the one to the other."""

MAX_IN_FLIGHT: Final = 50_000
"""As many commands may wait for their replies; what is asked beyond them fails at once."""

MAX_HELD_BYTES: Final = 32 * 1024 * 1024
"""So many bytes of commands are held while Redis takes nothing; what is asked beyond them fails
at once."""

SAME_ERROR_SECONDS: Final = 60.0
"""An error that stays the same is logged once in so many seconds."""

Command = tuple[str | bytes | int, ...]

_log = Logger()


class RedisAwayError(Exception):
    """Redis cannot be reached, does not answer, or refuses; the text says which."""


class RedisAddress:
    """Where Redis is.

    Args:
        url: ``redis://[:password@]host[:port][/db]``, ``rediss://…`` for TLS, or
            ``unix:[password@]/path[?db=N]``.

    Raises:
        StartError: It is none of these; the text does not repeat the password.
    """

    def __init__(self, url: str) -> None:
        try:
            parts = urlsplit(url)
            self.port = parts.port or 6379
        except ValueError as error:
            raise StartError(f"redis.url is not a URL: {error}") from None
        self.scheme, self.host, self.path = parts.scheme, parts.hostname or "", ""
        self.username = unquote(parts.username) if parts.username else None
        self.password = unquote(parts.password) if parts.password else None
        database = parts.path.strip("/")
        if self.scheme == "unix":
            secret, at, path = parts.path.rpartition("@")
            self.password = unquote(secret) if at else None
            self.path = path
            database = parts.query.removeprefix("db=")
        if self.scheme not in ("redis", "rediss", "unix") or not (self.host or self.path):
            raise StartError(
                "redis.url must be redis://[:password@]host:port/db, rediss://… or unix:/path?db=N"
            )
        if database and not database.isdecimal():
            raise StartError("redis.url: the database must be a number, as in redis://host:6379/0")
        self.database = int(database) if database else 0

    @classmethod
    def of(cls, host: str, port: int, password: str, database: int) -> RedisAddress:
        """The address that is given by its parts."""
        place = f"[{host}]" if ":" in host else host
        return cls(f"redis://:{quote(password, safe='')}@{place}:{port}/{database}")

    def __str__(self) -> str:
        """The address, without the password."""
        place = self.path or f"//{self.host}:{self.port}/{self.database}"
        return printable(f"{self.scheme}:{place}")

    def endpoint(self, reactor: Any) -> Any:
        """A client endpoint that leads there."""
        if self.path:
            return UNIXClientEndpoint(reactor, self.path, CONNECT_SECONDS)
        endpoint = HostnameEndpoint(reactor, self.host, self.port, CONNECT_SECONDS)
        if self.scheme == "rediss":
            secure: Any = wrapClientTLS(optionsForClientTLS(self.host), endpoint)  # type: ignore[arg-type]
            return secure
        return endpoint


class RedisLink:
    """The two connections.

    Args:
        address: Where Redis is.
        reactor: The reactor.
        turn: Spans the handling of what comes in one chunk.

    Attributes:
        failures: How many of the commands that were told have failed.

    Raises:
        StartError: The client library is not installed.
    """

    def __init__(
        self,
        address: RedisAddress,
        reactor: Any,
        turn: AbstractContextManager[object] | None = None,
    ) -> None:
        self._address = address
        self._came: Callable[[], object] = lambda: None
        self._went: Callable[[], object] = lambda: None
        self._heard: Callable[[bytes, bytes], object] = lambda channel, message: None
        self._here = False
        self.failures = 0
        self._error = ""
        self._logged_at = float("-inf")
        self._clock: Clock = reactor
        commands, subscriber = _protocols(
            turn or nullcontext(), lambda *published: self._heard(*published)
        )
        self._commands = _Connection(self, commands, address, reactor)
        self._subscriber = _Connection(self, subscriber, address, reactor)

    @property
    def is_here(self) -> bool:
        """Whether Redis answers."""
        return self._here

    @property
    def error(self) -> str:
        """Why Redis is away; empty while it is here."""
        return "" if self._here else self._error or "it has not been reached yet"

    def tell_of(
        self,
        came: Callable[[], object],
        went: Callable[[], object],
        heard: Callable[[bytes, bytes], object],
    ) -> None:
        """Sets who is told of what happens.

        Args:
            came: Called when Redis is here, also when it is here again; nothing is subscribed
                then.
            went: Called when it is away.
            heard: Called with the channel and the message of what was published.
        """
        self._came, self._went, self._heard = came, went, heard

    def start(self) -> None:
        """Starts to connect."""
        self._commands.start()
        self._subscriber.start()

    def stop(self) -> None:
        """Closes both connections, and connects no more."""
        self._commands.stop()
        self._subscriber.stop()

    def call(self, *command: str | bytes | int) -> Deferred[Any]:
        """Sends a command.

        Returns:
            A Deferred of the reply, strings as bytes. It fails with a `RedisAwayError` where
            there is none within the time limit, at once where Redis is away, and where Redis
            answers with an error.
        """
        return self._commands.call(*command)

    def tell(self, commands: Sequence[Command]) -> None:
        """Sends commands in one go, without waiting for replies.

        Where one of them cannot be sent, or fails, `failures` grows.
        """
        self._commands.tell(commands)

    def subscribe(self, channel: str) -> Deferred[Any]:
        """Subscribes; the Deferred fires when what is published from now on will be heard.

        One at a time: of several channels in one command txredisapi takes the further
        replies for those of other commands.
        """
        return self._subscriber.call("SUBSCRIBE", channel)

    def unsubscribe(self, channel: str) -> None:
        """Ends a subscription."""
        self._subscriber.tell([("UNSUBSCRIBE", channel)])

    def changed(self) -> None:
        """One of the connections has come or gone."""
        here = self._commands.is_here and self._subscriber.is_here
        if here == self._here:
            return
        self._here = here
        if here:
            self._error = ""
            _log.info("Redis is here ({address})", address=self._address)
            self._came()
        else:
            # What one of them has missed the other must not act on.
            self._commands.drop()
            self._subscriber.drop()
            self._went()

    def note(self, error: str) -> None:
        """Something is wrong: it is logged when it is new, and now and then."""
        now = self._clock.seconds()
        if error != self._error or now - self._logged_at >= SAME_ERROR_SECONDS:
            self._logged_at = now
            _log.warn(
                "Redis is away ({address}): {error}; this node goes on alone",
                address=self._address,
                error=printable(error),
            )
        self._error = error


@implementer(IPushProducer)
class _Connection(Factory):
    """One connection, made anew whenever it is lost; the factory of txredisapi's protocols.

    Twisted's `ClientService` is not used: it logs every attempt, and is content with a
    connection on which Redis does not answer.
    """

    noisy = False
    isLazy = False

    def __init__(
        self,
        link: RedisLink,
        make: Callable[[RedisAddress], Any],
        address: RedisAddress,
        reactor: Any,
    ) -> None:
        self._link = link
        self._told = _Told(link)
        self._make = make
        self._address = address
        self._clock: Clock = reactor
        self._endpoint = address.endpoint(reactor)
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
        self._endpoint.connect(self).addErrback(self._not_connected)

    def stop(self) -> None:
        """Closes it, and connects no more."""
        self._stopped = True
        stop(self._timer)
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
            return fail(RedisAwayError(f"Redis is away: {self._link.error}"))
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
        self._link.failures += len(commands) - len(sent)

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
        protocol.whenConnected().addCallback(self._connected)
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
        self._link.note(error)

    def _watch(self, protocol: Any) -> None:
        """Gives the connection up if Redis does not answer in time, be it to the log-in."""
        stop(self._timer)
        self._timer = self._clock.callLater(SILENCE_SECONDS, self._silent, protocol)

    def _connected(self, protocol: Any) -> None:
        self._transport = protocol.transport
        set_socket_options(protocol.transport)
        protocol.transport.registerProducer(self, True)
        self._ask(protocol)

    def _ask(self, protocol: Any) -> None:
        """Asks whether Redis is there: it may be connected, and hang or load its data."""
        if self._stopped:
            self.stop()
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
            self._link.changed()

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
                self._link.changed()
        self._protocol = None
        self._retry()

    def _not_connected(self, failure: Failure) -> None:
        self._link.note(failure.getErrorMessage())
        self._retry()

    def _retry(self) -> None:
        stop(self._timer)
        if not self._stopped:
            self._timer = self._clock.callLater(_retry_seconds(self._attempts), self.start)
            self._attempts += 1


class _Told:
    """Takes the replies to what was told, in place of a Deferred for each, which costs 5 µs."""

    __slots__ = ("_link",)

    def __init__(self, link: RedisLink) -> None:
        self._link = link

    def callback(self, reply: object) -> None:
        """Counts what has failed."""
        if isinstance(reply, Exception):
            self._link.failures += 1


def _as_away(failure: Failure) -> Failure:
    return Failure(RedisAwayError(failure.getErrorMessage()))


def _retry_seconds(attempts: int) -> float:
    """How long to wait before the next attempt, with some chance in it, for nodes are many."""
    seconds = min(LONGEST_RETRY_SECONDS, FIRST_RETRY_SECONDS * 1.5 ** min(attempts, 20))
    return seconds * random.uniform(0.8, 1.0)  # noqa: S311


def _need_client() -> None:
    """Checks that the client library is there.

    Raises:
        StartError: It is not.
    """
    try:
        import hiredis  # noqa: F401
        import txredisapi  # noqa: F401
    except ImportError:
        raise StartError(
            "redis is asked for, but its client is not installed: "
            "pip install 'actionhero-tcp[redis]'"
        ) from None


def _protocols(
    turn: AbstractContextManager[object],
    heard: Callable[[bytes, bytes], object],
) -> tuple[Callable[[RedisAddress], Any], Callable[[RedisAddress], Any]]:
    """The protocols of txredisapi, which is imported only where Redis is asked for."""
    _need_client()
    import hiredis
    import txredisapi

    class Commands(txredisapi.RedisProtocol):  # type: ignore[misc]
        """Sends commands; replies come as they are: strings as bytes, and "007" not as 7."""

        lost_because = ""

        def connectionLost(self, why: Failure) -> None:
            """Keeps the reason, which txredisapi does not hand on."""
            self.lost_because = why.getErrorMessage()
            super().connectionLost(why)

        @staticmethod
        def pack(command: Command) -> bytes:
            """A command as it is sent."""
            try:
                packed: bytes = hiredis.pack_command(command)  # type: ignore[arg-type]
            except UnicodeEncodeError:
                # A lone surrogate, which an action may have put into the name of a room.
                words: Any = tuple(map(_encoded, command))
                packed = hiredis.pack_command(words)
            return packed

        def _build_command(self, *command: str | bytes | int, **_: object) -> bytes:
            return self.pack(command)

        def dataReceived(self, data: bytes, unpause: bool = False) -> None:
            """Handles all replies of a chunk in one turn."""
            reader = self._reader
            reader.feed(data)
            with turn:
                while (reply := reader.gets()) is not False:
                    self.replyReceived(reply)

    class Subscriber(Commands, txredisapi.SubscriberProtocol):  # type: ignore[misc]
        """Hears what is published."""

        def replyReceived(self, reply: Any) -> None:
            """Takes out what was published; the rest are replies to commands."""
            if type(reply) is list and reply[0] == b"message":
                heard(reply[1], reply[2])
            else:
                super().replyReceived(reply)

    def make(kind: Any, address: RedisAddress) -> Any:
        return kind(
            charset=None,
            convertNumbers=False,
            username=address.username,
            password=address.password,
            dbid=address.database or None,
        )

    return lambda address: make(Commands, address), lambda address: make(Subscriber, address)


def _encoded(word: str | bytes | int) -> bytes | int:
    return word.encode("utf-8", "surrogatepass") if isinstance(word, str) else word
