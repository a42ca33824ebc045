"""What waits to go to one client: it joins it, bounds it, and holds it while a file goes out.

A file whose action has to wait has a `ResponseSlot` from the moment it was asked for.

While one chunk of input is handled, replies and what others say collect in the outboxes;
at the end of the batch (see `write_batch`) each outbox that got something is written once.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Any, Final, Protocol

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IPushProducer
from zope.interface import implementer

from ..errors import FileCutError
from ..net.transport import WriteAtOnce
from .estimate import LINE_BYTES

if TYPE_CHECKING:
    from .files import FileReader
    from .memory import Account
    from .write_batch import WriteBatch

HIGH_WATER: Final = 64 * 1024
"""Bytes that wait here before a client is no longer read from; as in Twisted's transports."""


class Writer(Protocol):
    """The part of a transport that an outbox uses.

    One that has to tell a file's content from lines has ``write_content`` too.
    """

    def write(self, data: bytes) -> None:
        """Sends bytes, now or later."""

    def registerProducer(self, producer: Outbox, streaming: bool) -> None:
        """Tells the producer to pause while the transport is full."""

    def unregisterProducer(self) -> None:
        """Tells the producer nothing more."""


class OutboxOwner(Protocol):
    """The owner of an outbox, which learns its state: the protocol, or a stand-in in tests."""

    def outbox_blocked(self) -> None:
        """The transport takes nothing more for now."""

    def outbox_filled(self) -> None:
        """So much waits that the client should not be read from; see `Outbox.full`."""

    def outbox_drained(self) -> None:
        """The transport has taken the queue."""

    def outbox_overflowed(self) -> None:
        """More of what others say waits than may."""

    def outbox_file_cut(self, error: FileCutError) -> None:
        """A file cannot be sent to its end; the outbox has closed."""


class _NotAtOnce:
    """Stands for a transport that does not send at once."""

    send_now = None


_NOT_AT_ONCE: Final = _NotAtOnce()


class ResponseSlot:
    """Holds the place of a response that is not there yet; what is sent after it waits.

    Args:
        outbox: The outbox.

    Attributes:
        is_free: Whether nothing has taken it.
    """

    __slots__ = ("_outbox", "is_free")

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox
        self.is_free = True

    def take(self, part: bytes | FileReader, header: bytes = b"") -> None:
        """Puts a response there, or a file's content behind its header; or nothing, by no bytes."""
        self.is_free = False
        self._outbox.put(self, part, header)


@implementer(IPushProducer)
class Outbox:
    """The queue of bytes for one client.

    Answers to the client's own requests are never dropped; while too many of them
    wait (`full`) the protocol reads no more requests. Events, which are messages that answer no
    request, are bounded: past ``max_event_bytes`` the owner is told, and closes the connection.

    Args:
        write_batch: The write batch that all outboxes share.
        owner: Who is told when this outbox blocks, drains or overflows.
        max_event_bytes: Bytes of events that may wait while the transport takes nothing.
        account: Is charged with what waits past the end of a batch.
    """

    __slots__ = (
        "_account",
        "_blocked",
        "_charged",
        "_event_bytes",
        "_files",
        "_max_event_bytes",
        "_overflowed",
        "_own",
        "_owner",
        "_parts",
        "_plain",
        "_scheduled",
        "_waiting",
        "_write_batch",
        "_writer",
    )

    def __init__(
        self, write_batch: WriteBatch, owner: OutboxOwner, max_event_bytes: int, account: Account
    ) -> None:
        self._write_batch = write_batch
        self._account = account
        self._charged = 0
        self._owner = owner
        self._max_event_bytes = max_event_bytes
        self._writer: Writer | None = None
        self._plain: WriteAtOnce | _NotAtOnce = _NOT_AT_ONCE
        self._parts: list[bytes | FileReader | ResponseSlot] = []
        self._own = 0
        self._event_bytes = 0
        self._files = 0
        self._scheduled = False
        self._blocked = False
        self._overflowed = False
        self._waiting: list[Deferred[None]] | None = None

    def open(self, writer: Writer) -> None:
        """Starts to write to a transport."""
        self._writer = writer
        # Not what a wrapper such as TLS would give of the transport below it.
        if isinstance(writer, WriteAtOnce):
            self._plain = writer
        writer.registerProducer(self, True)

    def _write_through_outbox(self) -> None:
        """Has `send_event_at_once` leave all to this outbox."""
        self._plain = _NOT_AT_ONCE

    def close(self) -> None:
        """Forgets what waits and the transport with it, unless it was let go before."""
        self._writer = None
        self._plain = _NOT_AT_ONCE
        for part in self._parts:
            if not isinstance(part, bytes | ResponseSlot):
                part.close()
        self._parts.clear()
        self._own = self._event_bytes = self._files = 0
        self._charge()

    def release(self) -> None:
        """Takes leave of the transport, so that it can close once it has sent what it holds."""
        if self._writer is not None:
            self._writer.unregisterProducer()
        self.close()

    @property
    def full(self) -> bool:
        """Whether so much waits that the client should not be read from."""
        return self._own + self._event_bytes > HIGH_WATER or self._files > 1

    @property
    def blocked(self) -> bool:
        """Whether the transport takes nothing for now."""
        return self._blocked

    @property
    def queued_bytes(self) -> int:
        """Bytes of messages that wait here, files aside."""
        return self._own + self._event_bytes

    @property
    def empty(self) -> bool:
        """Whether the transport has got everything."""
        return not self._parts

    def send(self, data: bytes) -> None:
        """Sends what the client asked for."""
        if not self._parts:
            if self._writer is None:
                return
            self._write_batch.touch(self)
        self._parts.append(data)
        self._own += len(data)
        if self._blocked or self._files:
            self._charge()
        if self._own > HIGH_WATER:
            self._relieve()

    def send_event(self, data: bytes) -> None:
        """Send a message that answers no request; tell the owner if too much of them waits."""
        if not self._parts:
            if self._writer is None:
                return
            self._write_batch.touch(self)
        self._parts.append(data)
        self._event_bytes += len(data)
        if self._blocked or self._files:
            self._charge()
        if self._event_bytes > HIGH_WATER or self._event_bytes > self._max_event_bytes:
            self._relieve()
            if self._event_bytes > self._max_event_bytes and not self._overflowed:
                self._overflowed = True
                self._write_batch.afterwards(self._owner.outbox_overflowed)

    def send_file(self, reader: FileReader) -> None:
        """Sends a file's content; what is sent from now on follows its last byte."""
        if self._writer is None:
            reader.close()
            return
        self._add_file(reader)

    def hold(self) -> ResponseSlot:
        """Hold back what is sent from now on, until the slot that it returns is taken and sent."""
        slot = ResponseSlot(self)
        if self._writer is not None:
            self._add_file(slot)
        return slot

    def put(self, slot: ResponseSlot, part: bytes | FileReader, header: bytes = b"") -> None:
        """Put something into a slot; see `ResponseSlot.take`."""
        if slot not in self._parts:
            # The client is gone.
            if not isinstance(part, bytes):
                part.close()
            return
        index = self._parts.index(slot)
        self._parts[index : index + 1] = [header, part] if header else [part]
        self._own += len(header)
        if isinstance(part, bytes):
            self._own += len(part)
            self._files -= 1
        if not self._scheduled:
            self._scheduled = True
            self._write_batch.later(self._continue)

    def wait(self) -> Deferred[None] | None:
        """See `connection.Outlet.wait`."""
        if self._writer is None or not (self._blocked or self.full):
            return None
        waiting: Deferred[None] = Deferred()
        if self._waiting is None:
            self._waiting = []
        self._waiting.append(waiting)
        return waiting

    def _add_file(self, part: FileReader | ResponseSlot) -> None:
        if not self._parts:
            self._write_batch.touch(self)
        self._parts.append(part)
        self._files += 1
        if self._files > 1:
            self._owner.outbox_filled()

    def _relieve(self) -> None:
        self.flush()
        if self.full:
            self._owner.outbox_filled()

    def flush(self) -> None:
        """Hands the transport what waits, as far as it takes it."""
        parts, writer = self._parts, self._writer
        if self._blocked or self._scheduled or not parts or writer is None:
            self._charge()
            return
        if self._files:
            self._flush_with_files(writer)
            self._charge()
            return
        data = b"".join(parts)  # type: ignore[arg-type]
        parts.clear()
        self._own = self._event_bytes = 0
        if self._charged:
            self._charge()
        self._write_batch.sent_bytes += len(data)
        writer.write(data)

    def _charge(self) -> None:
        """Charges the account with what waits here."""
        now = self._own + self._event_bytes + len(self._parts) * LINE_BYTES
        self._charged = self._account.change(self._charged, now)

    def _flush_with_files(self, writer: Writer) -> None:
        """One chunk of the file, or its header; the rest in the reactor's next pass.

        So a large file that its client reads fast shares the reactor with the others.
        """
        part = self._parts[0]
        if isinstance(part, ResponseSlot):
            return
        write = writer.write
        if isinstance(part, bytes):
            first_file = next(i for i, p in enumerate(self._parts) if not isinstance(p, bytes))
            chunk = b"".join(self._parts[:first_file])  # type: ignore[arg-type]
            del self._parts[:first_file]
            self._forget_bytes(len(chunk))
        else:
            try:
                chunk = part.read()
            except FileCutError as error:
                # What is missing cannot be told apart from what follows.
                self.close()
                self._owner.outbox_file_cut(error)
                return
            write = getattr(writer, "write_content", writer.write)
            if not chunk:
                part.close()
                del self._parts[0]
                self._files -= 1
        if chunk:
            self._write_batch.sent_bytes += len(chunk)
            write(chunk)
        if self._parts and not self._blocked and not isinstance(self._parts[0], ResponseSlot):
            self._scheduled = True
            self._write_batch.later(self._continue)

    def _forget_bytes(self, size: int) -> None:
        """So many bytes of messages are written, of which nobody knows whose they were."""
        left = self._own + self._event_bytes - size
        self._event_bytes = min(self._event_bytes, left)
        self._own = left - self._event_bytes

    def _continue(self) -> None:
        self._scheduled = False
        self.flush()
        self._tell_if_drained()

    def _tell_if_drained(self) -> None:
        if not self._parts and not self._blocked and self._writer is not None:
            waiting, self._waiting = self._waiting, None
            self._owner.outbox_drained()
            for each in waiting or ():
                each.callback(None)

    def pauseProducing(self) -> None:
        """The transport is full: nothing more until it is empty."""
        if not self._blocked:
            self._blocked = True
            self._owner.outbox_blocked()

    def resumeProducing(self) -> None:
        """The transport is empty: it gets what has waited."""
        self._blocked = False
        self.flush()
        self._tell_if_drained()

    def stopProducing(self) -> None:
        """The transport is gone."""
        self.close()


def send_event_at_once(outboxes: Collection[Any], data: bytes) -> None:
    """Send the same event to many clients, at once where nothing waits before it.

    Args:
        outboxes: Each an `Outbox`.
        data: The bytes for each.
    """
    size = len(data)
    for outbox in outboxes:
        send = outbox._plain.send_now
        if send is None or outbox._parts:
            outbox.send_event(data)
            continue
        try:
            sent = send(data)
        except OSError:
            # Writing meets it as well.
            sent = 0
        if sent < size:
            outbox._plain.write(data[sent:])
