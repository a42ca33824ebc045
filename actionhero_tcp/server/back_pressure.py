"""Holds reading from a client while too much waits for it, or for what it has sent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Protocol

from twisted.logger import Logger

from .. import close_reasons
from ..connection.memory import CONNECTION_BYTES, TLS_BUFFER_BYTES, TLS_BYTES
from ..connection.state import ReadHold
from ..connection.write_timeout import WriteTimeout
from ..net import lowest_transport
from ..net import transport as transports

if TYPE_CHECKING:
    from ..connection.connected_client import ConnectedClient
    from ..connection.outbox import Outbox
    from ..errors import FileCutError
    from .context import ServerContext
    from .line_reader import LineReader

MAX_BUFFERED: Final = 128 * 1024
"""More bytes in the transport itself hold reading; an outbox leaves it half as many, and what is
beyond is one large answer, or what TLS itself has to say."""


_log = Logger()


class BackPressureOwner(Protocol):
    """Closes the connection: the protocol, or a stand-in in tests."""

    @property
    def is_lingering(self) -> bool:
        """Whether our end is closed."""
        ...

    def overflowed(self, reason: str) -> None:
        """The client cannot be waited for: the connection is to be dropped."""

    def drained(self) -> None:
        """All that has waited is with the transport."""


class BackPressure:
    """Keeps the account of one client's memory, and its holds that come of what waits.

    Args:
        owner: Is told when the client cannot be waited for.
        transport: The client's transport.
        context: The context of all connections.

    Attributes:
        account: The memory that the client makes the process hold.
    """

    __slots__ = (
        "_connection",
        "_context",
        "_early_holds",
        "_is_secure",
        "_large_read_charged",
        "_outbox",
        "_owner",
        "_reader",
        "_transport",
        "_transport_charge",
        "_write_timeout",
        "account",
    )

    def __init__(self, owner: BackPressureOwner, transport: Any, context: ServerContext) -> None:
        self._owner = owner
        self._transport = transport
        self._context = context
        self._connection: ConnectedClient | None = None
        self._outbox: Outbox | None = None
        self._reader: LineReader | None = None
        self._early_holds = ReadHold.NONE
        self._transport_charge = 0
        self._write_timeout: WriteTimeout | None = None
        self._is_secure = transports.is_secure(transport)
        self._large_read_charged = False
        base = CONNECTION_BYTES + TLS_BYTES * self._is_secure
        self.account = context.memory.account(self, base)
        lowest_transport.count_buffered(transport, self._buffered)

    def open(self, connection: ConnectedClient, outbox: Outbox, reader: LineReader) -> None:
        """Begins to hold reading; what is on hold already stays so."""
        self._connection, self._outbox, self._reader = connection, outbox, reader
        if self._early_holds:
            self._hold(self._early_holds)

    def large_read(self) -> None:
        """Charges what TLS keeps, once it has read `LARGE_READ_BYTES` at once."""
        if self._is_secure and not self._large_read_charged:
            self._large_read_charged = True
            self.account.charge(TLS_BUFFER_BYTES)

    def resume(self) -> None:
        """Has lines that had to wait served, unless there is still a reason to wait."""
        connection, outbox, reader = self._connection, self._outbox, self._reader
        if connection is not None and outbox is not None and reader is not None:
            if not outbox.full:
                connection.release(ReadHold.OUTBOX)
            reader.resume()

    def stop(self) -> None:
        """Stops the timer of the write timeout."""
        if self._write_timeout is not None:
            self._write_timeout.stop()

    def close(self) -> None:
        """The connection is gone, and with it all that was held for it."""
        self.stop()
        self.account.close()
        self._connection = self._outbox = self._reader = None

    def _hold(self, hold: ReadHold) -> None:
        """Reads no more, and has lines that are here already wait."""
        if self._connection is None or self._reader is None:
            self._early_holds |= hold
        elif not self._owner.is_lingering:
            self._connection.hold(hold)
            self._reader.pause()

    def _release(self, hold: ReadHold) -> None:
        self._early_holds &= ~hold
        if self._connection is not None:
            self._connection.release(hold)
            self._context.write_batch.later(self.resume)

    # The outbox

    def outbox_blocked(self) -> None:
        """See `outbox.OutboxOwner.outbox_blocked`."""
        if self._write_timeout is None:
            clock = self._context.clock
            self._write_timeout = WriteTimeout(self._transport, clock, self._write_timed_out)
        self._write_timeout.start(self._context.live.limits.write_timeout)

    def outbox_filled(self) -> None:
        """See `outbox.OutboxOwner.outbox_filled`."""
        connection = self._connection
        if connection is not None:
            if not connection.holds:
                self._context.stats.limited["maxOutboxBytes"] += 1
            connection.hold(ReadHold.OUTBOX)

    def outbox_drained(self) -> None:
        """See `outbox.OutboxOwner.outbox_drained`."""
        self.resume()
        self._owner.drained()

    def outbox_overflowed(self) -> None:
        """See `outbox.OutboxOwner.outbox_overflowed`."""
        self._context.stats.limited["maxOutboxBytes"] += 1
        self._owner.overflowed(close_reasons.SLOW_CONSUMER)

    def outbox_file_cut(self, error: FileCutError) -> None:
        """See `outbox.OutboxOwner.outbox_file_cut`."""
        if self._connection is not None:
            client = self._connection.id
            _log.error("file cut short for client {client}: {error}", client=client, error=error)
        self._owner.overflowed(close_reasons.FILE_CUT)

    def _write_timed_out(self) -> None:
        if self._outbox is not None and self._outbox.blocked:
            self._context.stats.limited["writeTimeout"] += 1
            self._owner.overflowed(close_reasons.WRITE_TIMEOUT)

    # The transport

    def _buffered(self, size: int) -> None:
        """So many bytes wait in the transport, those that TLS itself writes among them."""
        self._transport_charge = self.account.change(self._transport_charge, size)
        connection = self._connection
        holds = self._early_holds if connection is None else connection.holds
        if size > MAX_BUFFERED and not holds & ReadHold.TRANSPORT:
            if self._owner.is_lingering:
                # It is read from until it hangs up, and TLS may answer what it sends.
                self._owner.overflowed(close_reasons.WRITE_TIMEOUT)
            else:
                self._context.stats.limited["maxOutboxBytes"] += 1
                self._hold(ReadHold.TRANSPORT)
        elif not size and holds & ReadHold.TRANSPORT:
            self._release(ReadHold.TRANSPORT)

    # The memory budget

    def hold_for_memory(self) -> None:
        """See `connection.memory.AccountOwner`."""
        self._hold(ReadHold.MEMORY)

    def release_for_memory(self) -> None:
        """See `connection.memory.AccountOwner`."""
        self._release(ReadHold.MEMORY)

    def close_for_memory(self) -> None:
        """See `connection.memory.AccountOwner`."""
        self._owner.overflowed(close_reasons.OUT_OF_MEMORY)

    # Redis

    def hold_for_cluster(self) -> None:
        """See `connected_client.Owner.hold_for_cluster`."""
        self._hold(ReadHold.CLUSTER)

    def release_for_cluster(self) -> None:
        """See `connected_client.Owner.release_for_cluster`."""
        self._release(ReadHold.CLUSTER)
