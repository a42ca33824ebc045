"""The protocol of one client: bytes to lines, when to stop reading, timeouts, closing.

With `outbox` and `linger` the only module that touches a transport.
"""

from __future__ import annotations

from time import time
from typing import TYPE_CHECKING, Any, Final

from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IHalfCloseableProtocol, IHandshakeListener
from twisted.internet.protocol import connectionDone
from twisted.logger import Logger
from twisted.protocols.basic import LineReceiver
from twisted.python.failure import Failure
from zope.interface import implementer

from .. import close_reasons
from ..clock import Timer, stop
from ..connection.backlog import LINES_AT_ONCE, Backlog
from ..connection.closing import Closing
from ..connection.connection import Connection
from ..connection.fair_queue import COSTLY_SECONDS
from ..connection.heartbeat import Heartbeat
from ..connection.memory import (
    CONNECTION_BYTES,
    LARGE_READ_BYTES,
    TLS_BUFFER_BYTES,
    TLS_BYTES,
    Account,
)
from ..connection.outbox import Outbox
from ..connection.rate_limit import RateLimit
from ..net import transport as transports
from ..wire import json_lines
from ..wire.framing import LineSplitter
from .newcomer import Newcomer

if TYPE_CHECKING:
    from ..errors import FileCutError
    from .clients import Clients
    from .context import ServerContext
    from .handshake import Handshake, HandshakeFactory

GOODBYE: Final = {"status": "Server going down NOW", "context": "api"}
MAX_BUFFERED: Final = 128 * 1024
"""More bytes in the transport itself hold reading; an outbox leaves it half as many, and what is
beyond is one large answer, or what TLS itself has to say."""

IDLE_GOODBYE: Final = {"status": "Bye!", "reason": close_reasons.IDLE_TIMEOUT, "context": "api"}

_log = Logger()


@implementer(IHalfCloseableProtocol, IHandshakeListener)
class ActionHeroProtocol(LineReceiver):
    """One client.

    Its lines are split by a `LineSplitter`, not by `LineReceiver.dataReceived`.

    Args:
        context: What all connections share.
        clients: Is told when the client is there, may stay, and is gone.
        handshake: Makes the client's handshake.

    Attributes:
        connection: The client's state, from its welcome until it is gone.
        handshake: How the client came in.
    """

    delimiter = b"\n"

    # As attributes of the class these cost an idle connection no memory.
    connection: Connection | None = None
    handshake: Handshake
    _outbox: Outbox
    _backlog: Backlog | None = None
    _rate_limit: RateLimit | None = None
    _heartbeat: Heartbeat | None = None
    _newcomer: Newcomer | None = None
    _closing: Closing | None = None
    _heard = False
    _reason: str | None = None
    _peer_finished = False
    _cluster_hold = False
    _timer: Timer | None = None
    _write_timer: Timer | None = None
    _rate_timer: Timer | None = None
    _progress = 0
    # What the account is charged with: the line that is not complete, lines that wait, and
    # what waits in the transport.
    _account: Account
    _line_charge = 0
    _backlog_charge = 0
    _transport_charge = 0
    _counts_input = False
    _paused = False
    _memory_hold = False
    _transport_hold = False
    tag = 0.0

    def __init__(
        self, context: ServerContext, clients: Clients, handshake: HandshakeFactory
    ) -> None:
        self._context = context
        self._clients = clients
        self._make_handshake = handshake

    # Coming

    def connectionMade(self) -> None:
        """A client is there."""
        self._splitter = LineSplitter(self._context.live.limits.max_line_length)
        base = CONNECTION_BYTES
        if transports.is_secure(self.transport):
            base += TLS_BYTES
            self._counts_input = True
        self._account = self._context.memory.account(self, base)
        transports.count_buffered(self.transport, self._buffered)
        self._clients.opened(self)
        self.handshake = self._make_handshake(self, self.transport, self._context)
        self.handshake.open()

    def handshakeCompleted(self) -> None:
        """The TLS handshake is done."""
        if self.connection is None and self._reason is None:
            self.handshake.handshake_completed()

    def refuse(self, reason: str, line: bytes) -> None:
        """See `entry.entrance.EntranceOwner.refuse`."""
        if self._reason is None:
            self._reason = reason
            self._transport.write(line)
            self._close_transport()

    def drop(self, reason: str) -> None:
        """See `entry.entrance.EntranceOwner.drop`."""
        self._abort(reason)

    def arrive(self, remote_address: str, attributes: dict[str, Any]) -> Connection:
        """See `entry.entrance.EntranceOwner.arrive`."""
        context = self._context
        most = context.live.limits.max_outbox_bytes
        self._outbox = Outbox(context.write_batch, self, most, self._account)
        connection = Connection(self._outbox, self, remote_address, self._account)
        connection.attributes.update(attributes)
        return connection

    def welcome(self, connection: Connection) -> None:
        """See `entry.entrance.EntranceOwner.welcome`."""
        if self._reason is not None:
            return
        context, limits = self._context, self._context.live.limits
        self._outbox.open(self._transport)
        self.connection = connection
        if limits.request_rate:
            now = context.clock.seconds()
            self._rate_limit = RateLimit(limits.request_rate, limits.request_burst, now)
        if limits.ping_interval or limits.idle_timeout:
            self._heartbeat = Heartbeat(
                context.clock, self, limits.ping_interval, limits.idle_timeout
            )
        seconds = limits.announce_delay
        connection.announced = not seconds
        self._newcomer = Newcomer(connection, context.rooms, context.clock, seconds)
        # In no turn: where many come at once, their room hears of all of them in one write.
        self._clients.welcome(connection)

    # Reading

    def dataReceived(self, data: bytes) -> None:
        """Takes in some bytes, in which lines begin and end anywhere."""
        if self._reason is not None:
            return
        if self.connection is None:
            self.handshake.received(data)
            return
        self._heard = True
        self._context.stats.received_bytes += len(data)
        if self._counts_input and len(data) >= LARGE_READ_BYTES:
            self._counts_input = False
            self._account.charge(TLS_BUFFER_BYTES)
        splitter = self._splitter
        lines = splitter.feed(data)
        if splitter.size or self._line_charge:
            self._line_charge = self._account.change(self._line_charge, splitter.held)
        if self._newcomer is not None and not self._meet(self._newcomer, data, lines):
            return
        if lines:
            context = self._context
            queue, write_batch = context.queue, context.write_batch
            began = queue.seconds()
            with write_batch:
                write_batch.single = len(lines) == 1
                write_batch.client = self.connection.id
                self._take(lines)
            spent = queue.seconds() - began
            if spent >= COSTLY_SECONDS:
                queue.spent(self, spent)

    def _meet(self, newcomer: Newcomer, data: bytes, lines: list[bytes]) -> bool:
        """Has a newcomer look at what came; gives whether lines are to be served."""
        with self._context.write_batch:
            if newcomer.received(data, lines):
                self._newcomer = None
        return self._reason is None

    def _take(self, lines: list[bytes]) -> None:
        """Serves lines, or keeps them where earlier ones still wait."""
        connection, queue = self.connection, self._context.queue
        assert connection is not None
        if self._backlog is not None:
            self._backlog.extend(lines)
            self._charge_backlog()
        elif connection.halted:
            self._stall(Backlog(lines))
        elif queue.exhausted or (self.tag and queue.is_behind(self)):
            self._stall(Backlog(lines))
            if self._backlog is not None:
                queue.wait(self)
        elif len(lines) > LINES_AT_ONCE or self._rate_limit is not None:
            self._serve(Backlog(lines))
        else:
            rest = iter(lines)
            self._context.router.serve(connection, rest)
            if connection.halted:
                self._stall(Backlog(rest))

    def _serve(self, backlog: Backlog) -> None:
        """Serves lines for as long as the client may go on; the rest waits."""
        context, connection = self._context, self.connection
        assert connection is not None
        wait = backlog.serve(context.router.serve, connection, context.clock, self._rate_limit)
        if connection.halted:
            self._stall(backlog)
        elif backlog:
            self._stall(backlog)
            if wait:
                context.stats.limited["requestRate"] += 1
                self._rate_timer = context.clock.callLater(wait, self._resume)
            else:
                context.queue.wait(self)

    def serve_waiting(self) -> None:
        """See `connection.fair_queue.Waiting`."""
        queue = self._context.queue
        began = queue.seconds()
        self._resume()
        spent = queue.seconds() - began
        if spent >= COSTLY_SECONDS:
            queue.spent(self, spent)

    def _stall(self, backlog: Backlog) -> None:
        """Keeps lines for later, and reads no more until they are served."""
        if self._reason is not None and self._reason is not close_reasons.SERVER_STOPPED:
            return
        self._backlog = backlog
        if not self._backlog_charge:
            self._charge_backlog()
        self._pause()

    def _charge_backlog(self) -> None:
        """Charges the lines that wait; until all of them are served no less."""
        assert self._backlog is not None
        self._backlog_charge = self._account.change(self._backlog_charge, self._backlog.held)

    def _drop_backlog(self) -> None:
        self._backlog = None
        self._backlog_charge = self._account.change(self._backlog_charge, 0)

    def _pause(self) -> None:
        """Reads no more."""
        if not self._peer_finished:
            self._paused = True
            self._transport.pauseProducing()

    def _resume(self) -> None:
        """Serves lines that had to wait, and reads on when all of them are served."""
        backlog, connection = self._backlog, self.connection
        if connection is None or self._outbox.full or connection.waits_for is not None:
            return
        if self._memory_hold or self._transport_hold or self._cluster_hold:
            return
        if len(connection.pending) >= self._context.live.limits.max_pending_actions:
            return
        connection.halted = (
            self._reason is not None and self._reason is not close_reasons.SERVER_STOPPED
        )
        if backlog is not None:
            stop(self._rate_timer)
            self._backlog = None
            write_batch = self._context.write_batch
            with write_batch:
                # It may be within the batch of another one, or of what has come from Redis.
                before, write_batch.client = write_batch.client, connection.id
                self._serve(backlog)
                write_batch.client = before
            if self._backlog is not None or self._closing is not None:
                return
            self._drop_backlog()
        if self._peer_finished:
            if backlog is not None:
                self.close(close_reasons.CLIENT_CLOSED)
        elif self._reason is None and self._paused and not connection.halted:
            self._paused = False
            self._transport.resumeProducing()

    # What others tell

    def action_done(self) -> None:
        """See `connection.Owner.settled`."""
        self._resume()
        if self._reason is not None:
            # The action's answer is written at the end of this turn.
            self._context.write_batch.afterwards(self._finish_if_done)

    def hold_for_cluster(self) -> None:
        """See `connection.Owner.hold_for_cluster`."""
        self._cluster_hold = True
        self._hold()

    def release_for_cluster(self) -> None:
        """See `connection.Owner.release_for_cluster`."""
        self._cluster_hold = False
        self._context.write_batch.later(self._resume)

    def outbox_drained(self) -> None:
        """See `outbox.OutboxOwner.outbox_drained`."""
        self._resume()
        self._finish_if_done()

    def outbox_blocked(self) -> None:
        """See `outbox.OutboxOwner.outbox_blocked`."""
        if self._write_timer is None:
            self._progress = transports.progress(self.transport)
            seconds = self._context.live.limits.write_timeout
            self._write_timer = self._context.clock.callLater(seconds, self._check_progress)

    def outbox_filled(self) -> None:
        """See `outbox.OutboxOwner.outbox_filled`."""
        if self.connection is not None and not self.connection.halted:
            self.connection.halted = True
            self._context.stats.limited["maxOutboxBytes"] += 1

    def hold_for_memory(self) -> None:
        """See `connection.memory.AccountOwner`."""
        self._memory_hold = True
        self._hold()

    def release_for_memory(self) -> None:
        """See `connection.memory.AccountOwner`."""
        self._memory_hold = False
        self._context.write_batch.later(self._resume)

    def close_for_memory(self) -> None:
        """See `connection.memory.AccountOwner`."""
        self._abort(close_reasons.OUT_OF_MEMORY)

    def _buffered(self, size: int) -> None:
        """So many bytes wait in the transport, those that TLS itself writes among them."""
        self._transport_charge = self._account.change(self._transport_charge, size)
        if size > MAX_BUFFERED and not self._transport_hold:
            if self._closing is not None:
                # It is read from until it hangs up, and TLS may answer what it sends.
                self._abort(close_reasons.WRITE_TIMEOUT)
                return
            self._transport_hold = True
            self._context.stats.limited["maxOutboxBytes"] += 1
            self._hold()
        elif not size and self._transport_hold:
            self._transport_hold = False
            self._context.write_batch.later(self._resume)

    def _hold(self) -> None:
        """Reads no more, and has lines that are here already wait."""
        if self.connection is not None and self._closing is None:
            self.connection.halted = True
            self._pause()

    def outbox_overflowed(self) -> None:
        """See `outbox.OutboxOwner.outbox_overflowed`."""
        self._context.stats.limited["maxOutboxBytes"] += 1
        self._abort(close_reasons.SLOW_CONSUMER)

    def outbox_file_cut(self, error: FileCutError) -> None:
        """See `outbox.OutboxOwner.outbox_file_cut`."""
        if self.connection is not None:
            client = self.connection.id
            _log.error("file cut short for client {client}: {error}", client=client, error=error)
        self._abort(close_reasons.FILE_CUT)

    def ping(self) -> None:
        """See `heartbeat.HeartbeatOwner.ping`."""
        if self._reason is None and self.connection is not None and not self._outbox.blocked:
            now = int(time() * 1000)
            message = {"context": "api", "status": "keep-alive", "serverTime": now}
            with self._context.write_batch:
                self._outbox.say(json_lines.line(message))

    def was_active(self) -> bool:
        """See `heartbeat.HeartbeatOwner.was_active`."""
        heard, self._heard = self._heard, False
        connection = self.connection
        if heard or connection is None or self._backlog is not None:
            return True
        return bool(connection.pending) or not self._outbox.empty or self._outbox.blocked

    def idle(self) -> None:
        """See `heartbeat.HeartbeatOwner.idle`."""
        if self._reason is None and self.connection is not None:
            self._context.stats.limited["idleTimeout"] += 1
            self.connection.send(IDLE_GOODBYE)
            self.close(close_reasons.IDLE_TIMEOUT)

    def _check_progress(self) -> None:
        """Ends a connection that has taken nothing for the time of the write timeout."""
        self._write_timer = None
        if self.connection is None or not self._outbox.blocked:
            return
        if transports.progress(self.transport) == self._progress:
            self._context.stats.limited["writeTimeout"] += 1
            self._abort(close_reasons.WRITE_TIMEOUT)
        else:
            self.outbox_blocked()

    # Going

    def close(self, reason: str) -> None:
        """Closes once all that was asked for has been answered and sent.

        Args:
            reason: Why, for the log and the counters.
        """
        connection = self.connection
        if self._reason is not None or connection is None:
            return
        self._reason = reason
        self._splitter.forget()
        self._forget_newcomer()
        if reason is not close_reasons.SERVER_STOPPED:
            connection.halted = True
            self._drop_backlog()
            with self._context.write_batch:
                self._context.rooms.remove(connection)
        self._context.write_batch.afterwards(self._finish_if_done)

    def drain(self) -> None:
        """Says goodbye, answers what has been read, and closes."""
        if self.connection is None:
            self._abort(close_reasons.SERVER_STOPPED)
        elif self._reason in (None, close_reasons.CLIENT_CLOSED) and self._closing is None:
            self.connection.send(GOODBYE)
            self._transport.pauseProducing()
            self.close(close_reasons.SERVER_STOPPED)

    def give_up(self, error: str) -> None:
        """Ends the actions that still run with an error for their client."""
        if self.connection is not None:
            self._drop_backlog()
            for request in tuple(self.connection.pending):
                request.give_up(error)
            self._finish_if_done()

    def abort(self) -> None:
        """Drops the connection, with whatever was to be sent."""
        self._abort(close_reasons.SERVER_STOPPED)

    def readConnectionLost(self) -> None:
        """The client sends nothing more; it gets the answers to what it has asked."""
        self._peer_finished = True
        if self._closing is not None:
            self._transport.loseConnection()
        elif self.connection is None:
            self._abort(close_reasons.CLIENT_CLOSED)
        elif self._backlog is None:
            self.close(close_reasons.CLIENT_CLOSED)
            if self.connection.pending and self._timer is None:
                seconds = self._context.live.limits.close_timeout
                error = "the client has closed the connection"
                self._timer = self._context.clock.callLater(seconds, self.give_up, error)

    def writeConnectionLost(self) -> None:
        """Our end of the connection is closed; the client's end will follow."""

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """The connection is gone, however it went."""
        self._stop_timers()
        connection, self.connection = self.connection, None
        self._backlog = None
        self._account.close()
        if self._closing is not None:
            self._closing.stop()
        if connection is None:
            self._clients.lost(self, None, self._reason or self.handshake.lost(reason.value))
        else:
            self._outbox.close()
            done = reason.check(ConnectionDone) is not None
            why = self._reason or (
                close_reasons.CLIENT_CLOSED if done else close_reasons.CONNECTION_LOST
            )
            self._reason = why
            for request in tuple(connection.pending):
                request.cancel()
            self._clients.lost(self, connection, why)
        if hasattr(self, "_outbox"):
            del self._outbox
        # These know this protocol: without the circle all are freed at once.
        del self.handshake

    def _finish_if_done(self) -> None:
        """Closes our end when there is nothing left to answer or to send."""
        connection = self.connection
        if self._reason is None or self._closing is not None or connection is None:
            return
        if self._backlog is not None or connection.pending or not self._outbox.empty:
            return
        self._outbox.release()
        self._close_transport()

    def _close_transport(self) -> None:
        self._stop_timers()
        context = self._context
        seconds = context.live.limits.close_timeout
        self._closing = Closing(self.transport, context.clock, seconds, context.stats)
        self._closing.close(self._peer_finished)

    def _abort(self, reason: str) -> None:
        if self._reason is None:
            self._reason = reason
        if self.connection is not None:
            self._outbox.close()
        self._transport.abortConnection()

    def _forget_newcomer(self) -> None:
        if self._newcomer is not None:
            self._newcomer.stop()
            self._newcomer = None

    @property
    def _transport(self) -> Any:
        return self.transport

    def _stop_timers(self) -> None:
        self.handshake.stop()
        stop(self._timer)
        self._timer = None
        stop(self._write_timer)
        self._write_timer = None
        stop(self._rate_timer)
        self._forget_newcomer()
        if self._heartbeat is not None:
            self._heartbeat.stop()
            self._heartbeat = None
