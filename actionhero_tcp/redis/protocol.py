"""The protocol of Redis, RESP: commands go out in one piece, replies come in their order.

hiredis packs and reads; calls that wait for a reply are in a queue.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Final
from typing import Protocol as Interface

from twisted.internet.defer import Deferred
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure

from ..errors import StartError
from ..net.transport import writer_at_once

Command = tuple[str | bytes | int, ...]
OnMessage = Callable[[bytes, bytes], object]

OnUnsubscribed = Callable[[], object]

PUSHED: Final = (b"message", b"smessage")
"""What replies begin with that are no replies: something was published."""

UNSUBSCRIBED: Final = b"sunsubscribe"
"""The beginning of a reply that is also pushed: a Redis Cluster ends the subscriptions to channels
whose slot moves to another of its nodes."""


class RedisError(Exception):
    """Redis cannot be reached, does not answer, or refuses; the text says which."""


class Pending(Interface):
    """The calls that wait for replies.

    Attributes:
        awaited: How many replies are still to come.
    """

    awaited: int

    def take(self, reply: Any) -> None:
        """Takes the next reply, a `hiredis.ReplyError` where Redis refuses; it is counted off."""

    def fail(self, error: str) -> None:
        """No reply will come."""


class Call:
    """One command, whose reply somebody waits for.

    Args:
        on_done: Called once Redis has answered, or never will; also where nobody waits any
            longer, since the Deferred was cancelled.

    Attributes:
        awaited: See `Pending`.
        reply: Fires with the reply; fails with a `RedisError`.
    """

    __slots__ = ("_on_done", "awaited", "reply")

    def __init__(self, on_done: Callable[[], object] | None = None) -> None:
        self._on_done = on_done
        self.awaited = 1
        self.reply: Deferred[Any] = Deferred()

    def take(self, reply: Any) -> None:
        """See `Pending.take`."""
        if self._on_done is not None:
            self._on_done()
        if isinstance(reply, Exception):
            self.reply.errback(Failure(RedisError(str(reply))))
        else:
            self.reply.callback(reply)

    def fail(self, error: str) -> None:
        """See `Pending.fail`."""
        if self._on_done is not None:
            self._on_done()
        self.reply.errback(Failure(RedisError(error)))


class Unsubscription(Call):
    """The end of the subscription to one channel.

    Args:
        channel: The channel.
    """

    __slots__ = ("channel",)

    def __init__(self, channel: str) -> None:
        super().__init__()
        self.channel = channel.encode("utf-8", "surrogatepass")


class Batch:
    """Commands that were sent in one piece, and whose replies nobody reads.

    One object for all of them: a Deferred for each would cost 5 µs.

    Args:
        count: How many, at least 1.
        on_done: Called once all replies are there, with the texts of those that are errors by
            their positions, or with None where they will not come.

    Attributes:
        awaited: See `Pending`.
    """

    __slots__ = ("_count", "_errors", "_on_done", "awaited")

    def __init__(self, count: int, on_done: Callable[[Mapping[int, str] | None], object]) -> None:
        self.awaited = self._count = count
        self._on_done = on_done
        self._errors: dict[int, str] = {}

    def take(self, reply: Any) -> None:
        """See `Pending.take`."""
        if isinstance(reply, Exception):
            self._errors[self._count - self.awaited - 1] = str(reply)
        if not self.awaited:
            self._on_done(self._errors)

    def fail(self, error: str) -> None:
        """See `Pending.fail`."""
        self._on_done(None)


class ProtocolOwner(Interface):
    """Who made the connection: the `connection.RedisConnection`."""

    def connection_made(self, protocol: RedisProtocol) -> None:
        """The connection is made; nothing was sent yet."""

    def connection_lost(self, protocol: RedisProtocol, reason: str) -> None:
        """The connection is lost; what was pending has failed."""


class RedisProtocol(Protocol):
    """One connection.

    Args:
        owner: Its maker.
        write_batch: Spans the handling of what comes in one chunk.
        on_message: Called with the channel and the message of what was published; None on a
            connection that subscribes to nothing.
        on_unsubscribed: Called when Redis itself has ended a subscription.

    Attributes:
        pending: The calls that wait for replies, in the order of the commands.
        received: How many chunks have come: whoever looks twice sees whether Redis is silent.

    Raises:
        StartError: hiredis is not installed.
    """

    transport: Any
    _write: Callable[[bytes], object]

    def __init__(
        self,
        owner: ProtocolOwner,
        write_batch: AbstractContextManager[object],
        on_message: OnMessage | None = None,
        on_unsubscribed: OnUnsubscribed = lambda: None,
    ) -> None:
        hiredis = client_library()
        self._owner = owner
        self._write_batch = write_batch
        self._on_message = on_message
        self._on_unsubscribed = on_unsubscribed
        self._reader = hiredis.Reader()
        self._pack = hiredis.pack_command
        self._protocol_error = hiredis.ProtocolError
        self._broken = ""
        self.pending: deque[Pending] = deque()
        self.received = 0

    def send(self, commands: Sequence[Command], pending: Sequence[Pending]) -> int:
        """Sends commands in one piece.

        Args:
            commands: The commands.
            pending: Takes their replies, in this order.

        Returns:
            How many bytes they are.
        """
        data = b"".join([self.packed(command) for command in commands])
        self.pending.extend(pending)
        self._write(data)
        return len(data)

    def call(self, *command: str | bytes | int) -> Deferred[Any]:
        """Sends one command; see `Call.reply`."""
        call = Call()
        self.send([command], [call])
        return call.reply

    def packed(self, command: Command) -> bytes:
        """A command as it is sent."""
        try:
            packed: bytes = self._pack(command)
        except UnicodeEncodeError:
            # A lone surrogate, which an action may have put into the name of a room.
            packed = self._pack(tuple(map(_encoded, command)))
        return packed

    def abort(self, reason: str) -> None:
        """Drops the connection."""
        self._broken = self._broken or reason
        self.transport.abortConnection()

    def connectionMade(self) -> None:
        """The connection is made."""
        self._write = writer_at_once(self.transport)
        self._owner.connection_made(self)

    def dataReceived(self, data: bytes) -> None:
        """Handles all replies of a chunk in one write batch."""
        if self._broken:
            return
        self.received += 1
        reader = self._reader
        try:
            reader.feed(data)
            with self._write_batch:
                while (reply := reader.gets()) is not False:
                    self._take(reply)
        except self._protocol_error:
            self.abort("the service at this address is not Redis")

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """The connection is lost: nothing more will come."""
        text = self._broken or f"the connection was lost: {reason.getErrorMessage()}"
        self._broken = text
        with self._write_batch:
            # A receiver of a failure may send the next command here, which fails as well.
            while self.pending:
                self.pending.popleft().fail(text)
        self._owner.connection_lost(self, text)

    def _take(self, reply: Any) -> None:
        if self._on_message is not None and isinstance(reply, list):
            if reply[0] in PUSHED:
                self._on_message(reply[1], reply[2])
                return
            if reply[0] == UNSUBSCRIBED and not self._has_asked_to_end(reply[1]):
                self._on_unsubscribed()
                return
        if not self.pending:
            raise self._protocol_error("a reply that nobody has asked for")
        first = self.pending[0]
        first.awaited -= 1
        if not first.awaited:
            self.pending.popleft()
        first.take(reply)

    def _has_asked_to_end(self, channel: bytes) -> bool:
        first = self.pending[0] if self.pending else None
        return isinstance(first, Unsubscription) and first.channel == channel


def client_library() -> Any:
    """The hiredis module, which is imported only where Redis is asked for.

    Raises:
        StartError: It is not installed.
    """
    try:
        import hiredis
    except ImportError:
        raise StartError(
            "redis is asked for, but its client is not installed: "
            "pip install 'actionhero-tcp[redis]'"
        ) from None
    return hiredis


def _encoded(word: str | bytes | int) -> bytes | int:
    return word.encode("utf-8", "surrogatepass") if isinstance(word, str) else word
