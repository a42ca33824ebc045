"""The connections to Redis, which come back by themselves and never keep anybody waiting.

- *control* carries the heartbeat and the questions whether Redis is there, apart from all bulk;
- *commands* carries what rooms tell;
- *cache* carries the calls of the cache, whose values are large;
- *subscriber* hears what is published.

Redis is *reachable* while all of them are ready; otherwise every call fails at once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Final

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from ..clock import Clock, stop
from ..errors import printable
from .address import RedisAddress
from .connection import RedisConnection
from .endpoint import TlsFiles, connector
from .protocol import Batch, Call, Command, RedisProtocol, client_library
from .rights import Rights

REACH_SECONDS: Final = 5.0
"""The longest time that startup waits for Redis, where something needs it."""

SAME_ERROR_SECONDS: Final = 60.0
"""An error that stays the same is logged once in so many seconds."""

MAX_ERRORS: Final = 8
"""So many different errors are logged until Redis is reachable, each of them now and then."""

_log = Logger()


class RedisLink:
    """The connections.

    Args:
        address: Where Redis is.
        reactor: The reactor.
        rights: Checks what the user may do; None for no check.
        write_batch: Spans the handling of what comes in one chunk.
        tls: The files for TLS.

    Attributes:
        failures: How many of the commands that were sent without waiting have failed.

    Raises:
        StartError: The client library is not installed, or a file for TLS is not right.
    """

    def __init__(
        self,
        address: RedisAddress,
        reactor: Any,
        rights: Rights | None = None,
        write_batch: AbstractContextManager[object] | None = None,
        tls: TlsFiles | None = None,
    ) -> None:
        client_library()
        self._address = address
        self._rights = rights
        self._on_connected: Callable[[], object] = lambda: None
        self._on_disconnected: Callable[[], object] = lambda: None
        self._on_message: Callable[[bytes, bytes], object] = lambda channel, message: None
        self._reachable = False
        self._ready = 0
        self.failures = 0
        self._error = ""
        self._logged: dict[str, float] = {}
        self._waiting: Deferred[None] | None = None
        self._clock: Clock = reactor
        batch = write_batch or nullcontext()
        endpoint = connector(address, tls or TlsFiles(), reactor)

        def connect(make: Callable[[RedisConnection], RedisProtocol]) -> RedisConnection:
            return RedisConnection(self, address, endpoint, make, reactor)

        self._control = connect(lambda owner: RedisProtocol(owner, batch))
        self._commands = connect(lambda owner: RedisProtocol(owner, batch))
        self._subscriber = connect(
            lambda owner: RedisProtocol(
                owner, batch, lambda channel, message: self._on_message(channel, message)
            )
        )
        self._cache = connect(lambda owner: RedisProtocol(owner, batch))
        self._connections = (self._control, self._commands, self._cache, self._subscriber)

    @property
    def is_reachable(self) -> bool:
        """Whether Redis answers, and lets this node do what it has to."""
        return self._reachable

    @property
    def is_idle(self) -> bool:
        """Whether nothing of it is left: no connection, no attempt, no timer."""
        return all(each.is_idle for each in self._connections)

    @property
    def error(self) -> str:
        """Why Redis is unreachable; empty while it is reachable."""
        return "" if self._reachable else self._error or "it has not been reached yet"

    def report_to(
        self,
        on_connected: Callable[[], object],
        on_disconnected: Callable[[], object],
        on_message: Callable[[bytes, bytes], object],
    ) -> None:
        """Sets who hears what happens.

        Args:
            on_connected: Called when Redis becomes reachable; nothing is subscribed to then.
            on_disconnected: Called when it becomes unreachable.
            on_message: Called with the channel and the message of what was published.
        """
        self._on_connected, self._on_disconnected = on_connected, on_disconnected
        self._on_message = on_message

    def start(self) -> None:
        """Starts to connect."""
        for each in self._connections:
            each.start()

    def stop(self) -> None:
        """Closes all connections, and connects no more."""
        for each in self._connections:
            each.stop()

    def reached(self) -> Deferred[None]:
        """Waits until it is known for the first time whether Redis is reachable.

        Returns:
            A Deferred that fires then, or after `REACH_SECONDS`. Only one waits at a time.
        """
        waiting: Deferred[None] = Deferred()
        if self._reachable or self._error:
            waiting.callback(None)
            return waiting
        self._waiting = waiting
        timer = self._clock.callLater(REACH_SECONDS, self._is_known)
        return waiting.addCallback(lambda _: stop(timer))

    def call(self, *command: str | bytes | int) -> Deferred[Any]:
        """Sends a command after those that were sent before.

        Returns:
            A Deferred of the reply, strings as bytes. It fails with a `RedisError` where Redis
            refuses or becomes unreachable, and at once where it is.
        """
        return self._commands.call(*command)

    def control(self, *command: str | bytes | int) -> Deferred[Any]:
        """Like `call`, but past all that waits there."""
        return self._control.call(*command)

    def call_cache(self, command: Command, on_done: Callable[[], object]) -> Deferred[Any]:
        """Like `call`, beside all that rooms tell.

        Args:
            command: The command.
            on_done: Called once Redis has answered, or never will; also where the Deferred was
                cancelled long before.
        """
        return self._cache.make_call(command, Call(on_done))

    def send(
        self, commands: Sequence[Command], on_done: Callable[[int], object] = lambda errors: None
    ) -> None:
        """Sends commands in one piece, without waiting for replies.

        Where one of them cannot be sent, or fails, `failures` grows.

        Args:
            commands: At least one.
            on_done: Called once Redis has executed them all, or never will; with how many of
                them have failed.
        """

        def done(errors: Sequence[str] | None) -> None:
            failed = len(commands) if errors is None else len(errors)
            self.failures += failed
            if errors:
                self._check_rights_again(errors)
            on_done(failed)

        batch = Batch(len(commands), done)
        if not self._commands.send(commands, [batch]):
            done(None)

    def subscribe(self, channel: str) -> Deferred[Any]:
        """Subscribes; the Deferred fires once nothing that is published will be missed."""
        return self._subscriber.call("SUBSCRIBE", channel)

    def unsubscribe(self, channel: str) -> None:
        """Ends a subscription."""
        self._subscriber.call("UNSUBSCRIBE", channel).addErrback(lambda _: None)

    def catch_up(self) -> Deferred[Any]:
        """Waits until the subscriber has read all that was published before.

        Returns:
            A Deferred that fails where Redis becomes unreachable.
        """
        return self._subscriber.call("PING")

    # Called by the connections

    def connection_changed(self) -> None:
        """See `connection.ConnectionOwner`."""
        ready = sum(each.is_ready for each in self._connections)
        before, self._ready = self._ready, ready
        if ready == len(self._connections):
            self._check_rights()
        elif ready < before:
            # The others must not act on an event that one of them has missed.
            for each in self._connections:
                each.drop()
            self._set_reachable(False)

    def report(self, error: str) -> None:
        """See `connection.ConnectionOwner`: logs an error when it is new, and now and then."""
        now = self._clock.seconds()
        known = error in self._logged or len(self._logged) >= MAX_ERRORS
        if not known or now - self._logged.get(error, now) >= SAME_ERROR_SECONDS:
            self._logged[error] = now
            _log.warn(
                "Redis unreachable ({address}): {error}; running standalone",
                address=self._address,
                error=printable(error),
            )
        self._error = error
        self._is_known()

    def _check_rights(self) -> None:
        if self._rights is None:
            self._set_reachable(True)
            return
        checked = self._rights.check(self._control.call, self._subscriber.call)
        checked.addCallback(self._rights_checked)
        # The connection was lost meanwhile: that is reported.
        checked.addErrback(lambda _: None)

    def _rights_checked(self, missing: str) -> None:
        if missing:
            self._control.drop(missing)
        elif self._ready == len(self._connections):
            self._set_reachable(True)

    def _check_rights_again(self, errors: Sequence[str]) -> None:
        """Reconnects where a right is missing that was there before: the check names it."""
        if self._rights is not None and any(error.startswith("NOPERM") for error in errors):
            self._control.drop(errors[0])

    def _set_reachable(self, reachable: bool) -> None:
        if reachable == self._reachable:
            return
        self._reachable = reachable
        if reachable:
            self._error = ""
            self._logged.clear()
            for each in self._connections:
                each.reset_backoff()
            _log.info("Redis connected ({address})", address=self._address)
            self._on_connected()
            self._is_known()
        else:
            self._on_disconnected()

    def _is_known(self) -> None:
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            waiting.callback(None)
