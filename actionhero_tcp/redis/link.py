"""The connections to one Redis, which come back by themselves and never keep anybody waiting.

- *control* carries the heartbeat and the questions whether Redis is there, apart from all bulk;
- *commands* carries what rooms tell;
- *cache* carries the calls of the cache, whose values are large;
- *subscriber* hears what is published.

Redis is *reachable* while all of them are ready; otherwise every call fails at once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Protocol

from twisted.internet.defer import Deferred, FirstError
from twisted.python.failure import Failure

from .address import RedisAddress
from .connection import RedisConnection
from .endpoint import TlsFiles, connector
from .protocol import Batch, Call, Command, RedisProtocol, Unsubscription, client_library
from .reachability import Reachability
from .rights import Rights


class Link(Protocol):
    """The line to Redis: a `RedisLink`, or to a Redis Cluster a `sharded_link.ShardedLink`.

    Attributes:
        failures: How many of the commands that were sent without waiting have failed.
    """

    failures: int

    @property
    def is_reachable(self) -> bool:
        """Whether Redis answers, and lets this node do what it has to."""

    @property
    def is_idle(self) -> bool:
        """Whether nothing of it is left: no connection, no attempt, no timer."""

    @property
    def error(self) -> str:
        """Why Redis is unreachable; empty while it is reachable."""

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

    def start(self) -> None:
        """Starts to connect."""

    def stop(self) -> None:
        """Closes all connections, and connects no more."""

    def reached(self) -> Deferred[None]:
        """Waits until it is known whether Redis is reachable; see `Reachability.reached`."""

    def report(self, error: str) -> None:
        """Keeps and logs an error; see `Reachability.report`."""

    def call(self, *command: str | bytes | int) -> Deferred[Any]:
        """Sends a command after those that were sent before.

        Returns:
            A Deferred of the reply, strings as bytes. It fails with a `RedisError` where Redis
            refuses or becomes unreachable, and at once where it is.
        """

    def control(self, *command: str | bytes | int) -> Deferred[Any]:
        """Like `call`, but past all that waits there."""

    def call_cache(self, command: Command, on_done: Callable[[], object]) -> Deferred[Any]:
        """Like `call`, beside all that rooms tell.

        Args:
            command: The command.
            on_done: Called once Redis has answered, or never will; also where the Deferred was
                cancelled long before.
        """

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

    def subscribe(self, channel: str) -> Deferred[Any]:
        """Subscribes; the Deferred fires once nothing that is published will be missed."""

    def unsubscribe(self, channel: str) -> None:
        """Ends a subscription."""

    def catch_up(self) -> Deferred[Any]:
        """Waits until the subscriber has read all that was published before.

        Returns:
            A Deferred that fails where Redis becomes unreachable.
        """


class RedisLink:
    """The connections to one Redis; see `Link`.

    Args:
        address: Where Redis is.
        reactor: The reactor.
        rights: Checks what the user may do; None for no check.
        write_batch: Spans the handling of what comes in one chunk.
        tls: The files for TLS.

    Attributes:
        failures: See `Link.failures`.
        control_connection: The connection *control*.
        commands_connection: The connection *commands*.
        cache_connection: The connection *cache*.

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
        self._rights = rights
        self._shard = "S" if address.is_cluster else ""
        self._reachability = Reachability(address, reactor)
        self._on_message: Callable[[bytes, bytes], object] = lambda channel, message: None
        self._on_unsubscribed: Callable[[], object] = lambda: None
        self._ready = 0
        self.failures = 0
        batch = write_batch or nullcontext()
        endpoint = connector(address, tls or TlsFiles(), reactor)

        def connect(make: Callable[[RedisConnection], RedisProtocol]) -> RedisConnection:
            return RedisConnection(self, address, endpoint, make, reactor)

        self.control_connection = connect(lambda owner: RedisProtocol(owner, batch))
        self.commands_connection = connect(lambda owner: RedisProtocol(owner, batch))
        self._subscriber = connect(
            lambda owner: RedisProtocol(
                owner,
                batch,
                lambda channel, message: self._on_message(channel, message),
                lambda: self._on_unsubscribed(),
            )
        )
        self.cache_connection = connect(lambda owner: RedisProtocol(owner, batch))
        self._connections = (
            self.control_connection,
            self.commands_connection,
            self.cache_connection,
            self._subscriber,
        )

    @property
    def is_reachable(self) -> bool:
        """See `Link.is_reachable`."""
        return self._reachability.is_reachable

    @property
    def is_idle(self) -> bool:
        """See `Link.is_idle`."""
        return all(each.is_idle for each in self._connections)

    @property
    def error(self) -> str:
        """See `Link.error`."""
        return self._reachability.error

    def report_to(
        self,
        on_connected: Callable[[], object],
        on_disconnected: Callable[[], object],
        on_message: Callable[[bytes, bytes], object],
    ) -> None:
        """See `Link.report_to`."""
        self._reachability.report_to(on_connected, on_disconnected)
        self._on_message = on_message

    def when_unsubscribed(self, call: Callable[[], object]) -> None:
        """Have a function called when Redis itself has ended a subscription."""
        self._on_unsubscribed = call

    def start(self) -> None:
        """See `Link.start`."""
        for each in self._connections:
            each.start()

    def stop(self) -> None:
        """See `Link.stop`."""
        for each in self._connections:
            each.stop()

    def drop(self) -> None:
        """Drops all connections; they come back by themselves, subscribed to nothing."""
        for each in self._connections:
            each.drop()

    def reached(self) -> Deferred[None]:
        """See `Link.reached`."""
        return self._reachability.reached()

    def call(self, *command: str | bytes | int) -> Deferred[Any]:
        """See `Link.call`."""
        return self.commands_connection.call(*command)

    def control(self, *command: str | bytes | int) -> Deferred[Any]:
        """See `Link.control`."""
        return self.control_connection.call(*command)

    def call_cache(self, command: Command, on_done: Callable[[], object]) -> Deferred[Any]:
        """See `Link.call_cache`."""
        return self.cache_connection.make_call(command, Call(on_done))

    def send(
        self, commands: Sequence[Command], on_done: Callable[[int], object] = lambda errors: None
    ) -> None:
        """See `Link.send`."""

        def done(errors: Mapping[int, str] | None) -> None:
            failed = len(commands) if errors is None else len(errors)
            self.failures += failed
            on_done(failed)

        self.send_batch(commands, done)

    def send_batch(
        self, commands: Sequence[Command], on_done: Callable[[Mapping[int, str] | None], object]
    ) -> None:
        """Sends commands in one piece.

        Args:
            commands: At least one.
            on_done: See `Batch`.
        """

        def done(errors: Mapping[int, str] | None) -> None:
            if errors:
                self._check_rights_again(errors)
            on_done(errors)

        batch = Batch(len(commands), done)
        if not self.commands_connection.send(commands, [batch]):
            on_done(None)

    def subscribe(self, channel: str) -> Deferred[Any]:
        """See `Link.subscribe`."""
        return self._subscriber.call(f"{self._shard}SUBSCRIBE", channel)

    def unsubscribe(self, channel: str) -> None:
        """See `Link.unsubscribe`."""
        self._unsubscribe(channel).addErrback(lambda _: None)

    def catch_up(self) -> Deferred[Any]:
        """See `Link.catch_up`."""
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
            self.drop()
            self._set_reachable(False)

    def report(self, error: str) -> None:
        """See `connection.ConnectionOwner`, and `Reachability.report`."""
        self._reachability.report(error)

    def _unsubscribe(self, channel: str) -> Deferred[Any]:
        command = (f"{self._shard}UNSUBSCRIBE", channel)
        return self._subscriber.make_call(command, Unsubscription(channel))

    def _check_rights(self) -> None:
        if self._rights is None:
            self._set_reachable(True)
            return
        control = self.control_connection.call
        checked = self._rights.check(control, self.subscribe, self._unsubscribe)
        checked.addCallbacks(self._rights_checked, self._rights_not_checked)

    def _rights_checked(self, missing: str) -> None:
        if missing:
            self.control_connection.drop(missing)
        elif self._ready == len(self._connections):
            self._set_reachable(True)

    def _rights_not_checked(self, failure: Failure) -> None:
        """Redis answers otherwise; where a connection was lost meanwhile, that is reported."""
        failure.trap(FirstError)
        first: Any = failure.value
        error: str = first.subFailure.getErrorMessage()
        if error.startswith("MOVED") and not self._shard:
            error = "it is part of a cluster: write redis+cluster:// in redis.url"
        self.control_connection.drop(error)

    def _check_rights_again(self, errors: Mapping[int, str]) -> None:
        """Reconnects where a right is missing that was there before: the check names it."""
        if self._rights is None:
            return
        refused = [text for text in errors.values() if text.startswith("NOPERM")]
        if refused:
            self.control_connection.drop(refused[0])

    def _set_reachable(self, reachable: bool) -> None:
        if reachable:
            for each in self._connections:
                each.reset_backoff()
        self._reachability.set(reachable)
