"""The protocol of one client: bytes to lines, when to stop reading, timeouts, closing.

With `outbox` and `linger` the only module that touches a transport.
"""

from __future__ import annotations

from time import time
from typing import TYPE_CHECKING, Any, Final

from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IHalfCloseableProtocol, IHandshakeListener
from twisted.internet.protocol import connectionDone
from twisted.protocols.basic import LineReceiver
from twisted.python.failure import Failure
from zope.interface import implementer

from .. import close_reasons
from ..clock import Timer, stop
from ..connection.backlog import LINES_AT_ONCE, Backlog
from ..connection.closing import Closing
from ..connection.connection import Connection
from ..connection.heartbeat import Heartbeat
from ..connection.outbox import Outbox
from ..connection.rate_limit import RateLimit
from ..net import transport as transports
from ..wire import json_lines
from ..wire.framing import LineSplitter

if TYPE_CHECKING:
    from .clients import Clients
    from .context import ServerContext
    from .handshake import Handshake, HandshakeFactory

GOODBYE: Final = {"status": "Server going down NOW", "context": "api"}
IDLE_GOODBYE: Final = {"status": "Bye!", "reason": close_reasons.IDLE_TIMEOUT, "context": "api"}


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
    _closing: Closing | None = None
    _heard = False
    _reason: str | None = None
    _peer_finished = False
    _timer: Timer | None = None
    _write_timer: Timer | None = None
    _rate_timer: Timer | None = None
    _progress = 0

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
        self._outbox = Outbox(context.write_batch, self, context.live.limits.max_outbox_bytes)
        connection = Connection(self._outbox, self, remote_address)
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
        lines = self._splitter.feed(data)
        if lines:
            write_batch = self._context.write_batch
            with write_batch:
                write_batch.single = len(lines) == 1
                self._take(lines)

    def _take(self, lines: list[bytes]) -> None:
        """Serves lines, or keeps them where earlier ones still wait."""
        connection = self.connection
        assert connection is not None
        if self._backlog is not None:
            self._backlog.extend(lines)
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
                context.write_batch.later(self._resume)

    def _stall(self, backlog: Backlog) -> None:
        """Keeps lines for later, and reads no more until they are served."""
        if self._reason is not None and self._reason is not close_reasons.SERVER_STOPPED:
            return
        self._backlog = backlog
        if not self._peer_finished:
            self._transport.pauseProducing()

    def _resume(self) -> None:
        """Serves lines that had to wait, and reads on when all of them are served."""
        backlog, connection = self._backlog, self.connection
        if connection is None or self._outbox.full or connection.waits_for is not None:
            return
        if len(connection.pending) >= self._context.live.limits.max_pending_actions:
            return
        connection.halted = (
            self._reason is not None and self._reason is not close_reasons.SERVER_STOPPED
        )
        if backlog is None:
            return
        stop(self._rate_timer)
        self._backlog = None
        with self._context.write_batch:
            self._serve(backlog)
        if self._backlog is not None or self._closing is not None:
            return
        if self._peer_finished:
            self.close(close_reasons.CLIENT_CLOSED)
        elif self._reason is None:
            self._transport.resumeProducing()

    # What others tell

    def action_done(self) -> None:
        """See `connection.Owner.settled`."""
        self._resume()
        if self._reason is not None:
            # The action's answer is written at the end of this turn.
            self._context.write_batch.afterwards(self._finish_if_done)

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

    def outbox_overflowed(self) -> None:
        """See `outbox.OutboxOwner.outbox_overflowed`."""
        self._context.stats.limited["maxOutboxBytes"] += 1
        self._abort(close_reasons.SLOW_CONSUMER)

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
        if reason is not close_reasons.SERVER_STOPPED:
            connection.halted = True
            self._backlog = None
            with self._context.write_batch:
                self._context.rooms.leave_all(connection)
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
            self._backlog = None
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
        if self._closing is not None:
            self._closing.stop()
        if connection is None:
            self._clients.lost(self, None, self._reason or self.handshake.lost_reason)
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
        if self._heartbeat is not None:
            self._heartbeat.stop()
            self._heartbeat = None
