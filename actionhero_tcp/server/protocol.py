"""The protocol of one client: its life from state to state, and the transport below it.

`connection.state` has the states and their order. A `LineReader` reads the client's lines, an
`Outbox` queues the output, `BackPressure` stops the one while the other is full, and
`Closing` ends the connection when all is sent.
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
from ..connection import state as states
from ..connection.closing import Closing
from ..connection.connected_client import ConnectedClient
from ..connection.heartbeat import Heartbeat
from ..connection.memory import LARGE_READ_BYTES
from ..connection.one_line import OneLineOutbox
from ..connection.outbox import Outbox
from ..connection.state import ReadHold, State
from ..wire import json_lines
from .back_pressure import BackPressure
from .line_reader import LineReader

if TYPE_CHECKING:
    from ..connection.connected_client import Membership
    from ..connection.memory import Account
    from .clients import Clients
    from .context import ServerContext
    from .handshake import Handshake, HandshakeFactory


@implementer(IHalfCloseableProtocol, IHandshakeListener)
class ActionHeroProtocol(LineReceiver):
    """One client.

    A `LineReceiver` with its own `dataReceived`: the base class takes one line at a time off its
    buffer, which `wire.framing.LineSplitter` avoids. Raw mode has no meaning here.

    Args:
        context: The context of all connections.
        clients: Is told when the client is there, may stay, and is gone.
        handshake: Makes the client's handshake.

    Attributes:
        state: Where in its life the connection is.
        connection: The client's state, from its welcome until it is gone.
        handshake: How the client came in.
    """

    delimiter = b"\n"
    # As attributes of the class these cost an idle connection no memory.
    state = State.ENTERING
    connection: ConnectedClient | None = None
    handshake: Handshake
    _back_pressure: BackPressure
    _outbox: Outbox
    _reader: LineReader
    _heartbeat: Heartbeat | None = None
    _closing: Closing | None = None
    _give_up_timer: Timer | None = None
    _reason: str | None = None
    _heard = False
    _peer_finished = False

    def __init__(
        self, context: ServerContext, clients: Clients, handshake: HandshakeFactory
    ) -> None:
        self._context = context
        self._clients = clients
        self._make_handshake = handshake

    def _enter(self, state: State, reason: str | None = None) -> None:
        """Enters a state. The first reason that is given is the one that is logged."""
        states.check(self.state, state)
        self.state = state
        self._reason = self._reason or reason
        _ENTRY_ACTIONS[state](self)

    # ENTERING

    def connectionMade(self) -> None:
        """A client is there."""
        self._back_pressure = BackPressure(self, self.transport, self._context)
        self._clients.opened(self)
        self.handshake = self._make_handshake(self, self.transport, self._context)
        self.handshake.open()

    def handshakeCompleted(self) -> None:
        """The TLS handshake is done."""
        if self.state is State.ENTERING:
            self.handshake.handshake_completed()

    def refuse(self, reason: str, line: bytes) -> None:
        """See `handshake.HandshakeOwner.refuse`."""
        if self.state is State.ENTERING:
            self._transport.write(line)
            self._enter(State.LINGERING, reason)

    def drop(self, reason: str) -> None:
        """See `handshake.HandshakeOwner.drop`."""
        self._abort(reason)

    def arrive(self, remote_address: str, attributes: dict[str, Any]) -> ConnectedClient:
        """See `handshake.HandshakeOwner.arrive`."""
        context, pressure = self._context, self._back_pressure
        most = context.live.limits.max_outbox_bytes
        profile = context.dialect.profile
        shared = context.write_batch, pressure, most, pressure.account
        if profile.one_line_at_a_time:
            self._outbox = OneLineOutbox(*shared, context.clock)
        else:
            self._outbox = Outbox(*shared)
        connection = ConnectedClient(self._outbox, self, remote_address, pressure.account, profile)
        connection.attributes.update(attributes)
        return connection

    def welcome(self, connection: ConnectedClient) -> None:
        """See `handshake.HandshakeOwner.welcome`."""
        if self.state is State.ENTERING:
            self.connection = connection
            self._enter(State.OPEN)

    # OPEN

    def _open(self) -> None:
        context, connection, limits = self._context, self.connection, self._context.live.limits
        assert connection is not None
        pressure = self._back_pressure
        self._outbox.open(self._transport)
        self._reader = LineReader(self, connection, context, pressure.account)
        pressure.open(connection, self._outbox, self._reader)
        if limits.ping_interval or limits.idle_timeout:
            self._heartbeat = Heartbeat(
                context.clock, self, limits.ping_interval, limits.idle_timeout
            )
        # In no write batch: where many come at once, their room hears of all in one write.
        self._clients.welcome(connection, context.dialect)

    def dataReceived(self, data: bytes) -> None:
        """Takes in some bytes, in which lines begin and end anywhere."""
        if self.state is _OPEN:
            self._heard = True
            size = len(data)
            self._context.stats.received_bytes += size
            if size >= LARGE_READ_BYTES:
                self._back_pressure.large_read()
            self._reader.feed(data)
        elif self.state is State.ENTERING:
            self.handshake.received(data)

    def lineReceived(self, line: bytes) -> None:
        """Takes in one line without its end, with the same effect as its bytes."""
        self.dataReceived(line + self.delimiter)

    def pause_reading(self) -> None:
        """See `line_reader.ReaderOwner.pause_reading`."""
        self._transport.pauseProducing()

    def resume_reading(self) -> None:
        """See `line_reader.ReaderOwner.resume_reading`."""
        self._transport.resumeProducing()

    def action_done(self) -> None:
        """See `connected_client.Owner.action_done`."""
        self._back_pressure.resume()
        if self.state is not State.OPEN:
            # The action's answer is written at the end of this write batch.
            self._context.write_batch.afterwards(self.drained)

    @property
    def account(self) -> Account:
        """The memory that the client makes the process hold."""
        return self._back_pressure.account

    @property
    def rooms(self) -> Membership:
        """See `connected_client.Owner.rooms`."""
        return self._context.api.rooms

    def hold_for_cluster(self) -> None:
        """See `connected_client.Owner.hold_for_cluster`."""
        self._back_pressure.hold_for_cluster()

    def release_for_cluster(self) -> None:
        """See `connected_client.Owner.release_for_cluster`."""
        self._back_pressure.release_for_cluster()

    def ping(self) -> None:
        """See `heartbeat.HeartbeatOwner.ping`."""
        if self.state is State.OPEN and not self._outbox.blocked:
            now = int(time() * 1000)
            message = {"context": "api", "status": "keep-alive", "serverTime": now}
            with self._context.write_batch:
                self._outbox.send_event(json_lines.line(message))

    def was_active(self) -> bool:
        """See `heartbeat.HeartbeatOwner.was_active`."""
        heard, self._heard = self._heard, False
        connection, outbox = self.connection, self._outbox
        if heard or connection is None or self._reader.has_backlog:
            return True
        return bool(connection.pending) or not outbox.empty or outbox.blocked

    def idle(self) -> None:
        """See `heartbeat.HeartbeatOwner.idle`."""
        if self.state is State.OPEN and self.connection is not None:
            self._context.stats.limited["idleTimeout"] += 1
            self._outbox.send_event(self.connection.profile.idle_goodbye)
            self.close(close_reasons.IDLE_TIMEOUT)

    # DRAINING and CLOSING

    def drain(self) -> None:
        """Says goodbye, answers what has been read, and closes."""
        if self.connection is None:
            self._abort(close_reasons.SERVER_STOPPED)
        elif self.state in (State.OPEN, State.DRAINING):
            self._outbox.send_event(self.connection.profile.goodbye)
            self._transport.pauseProducing()
            if self.state is State.OPEN:
                self._enter(State.DRAINING, close_reasons.SERVER_STOPPED)

    def close(self, reason: str) -> None:
        """See `connected_client.Owner.close`."""
        if self.state is State.OPEN:
            self._enter(State.CLOSING, reason)

    def readConnectionLost(self) -> None:
        """The client sends nothing more; it gets the answers to what it has asked."""
        self._peer_finished = True
        if self.state is State.LINGERING:
            self._transport.loseConnection()
        elif self.connection is None:
            self._abort(close_reasons.CLIENT_CLOSED)
        else:
            self._reader.end()
            if not self._reader.has_backlog:
                self.input_served()

    def input_served(self) -> None:
        """See `line_reader.ReaderOwner.input_served`."""
        connection = self.connection
        if connection is None:
            return
        if self.state is State.OPEN:
            with self._context.write_batch:
                self._context.rooms.remove(connection)
            self._enter(State.DRAINING, close_reasons.CLIENT_CLOSED)
        elif self.state is State.DRAINING:
            self._context.write_batch.afterwards(self.drained)
        if self._peer_finished and connection.pending and self._give_up_timer is None:
            seconds = self._context.live.limits.close_timeout
            error = "the client has closed the connection"
            self._give_up_timer = self._context.clock.callLater(seconds, self.give_up, error)

    def _drain(self) -> None:
        self._reader.end()
        self._context.write_batch.afterwards(self.drained)

    def _close(self) -> None:
        connection = self.connection
        assert connection is not None
        connection.hold(ReadHold.CLOSING)
        self._reader.close()
        with self._context.write_batch:
            self._context.rooms.remove(connection)
        self._context.write_batch.afterwards(self.drained)

    def give_up(self, error: str) -> None:
        """Ends the actions that still run with an error for their client."""
        if self.connection is not None:
            self._reader.close()
            for request in tuple(self.connection.pending):
                request.give_up(error)
            self.drained()

    def drained(self) -> None:
        """Closes our end when there is nothing left to answer or to send."""
        connection = self.connection
        if connection is None or self.state not in (State.DRAINING, State.CLOSING):
            return
        if not self._reader.has_backlog and not connection.pending and self._outbox.empty:
            farewell, connection.farewell = connection.farewell, b""
            if farewell:
                with self._context.write_batch:
                    self._outbox.send(farewell)
                    self._context.write_batch.afterwards(self.drained)
                return
            self._outbox.release()
            self._enter(State.LINGERING)

    # LINGERING and CLOSED

    @property
    def is_lingering(self) -> bool:
        """See `back_pressure.BackPressureOwner.is_lingering`."""
        return self.state is State.LINGERING

    def _linger(self) -> None:
        self._stop_timers()
        context = self._context
        seconds = context.live.limits.close_timeout
        self._closing = Closing(self.transport, context.clock, seconds, context.stats)
        self._closing.close(self._peer_finished)

    def overflowed(self, reason: str) -> None:
        """See `back_pressure.BackPressureOwner.overflowed`."""
        self._abort(reason)

    def abort(self) -> None:
        """Drops the connection, with whatever was to be sent."""
        self._abort(close_reasons.SERVER_STOPPED)

    def _abort(self, reason: str) -> None:
        if self.state is not State.CLOSED:
            try:
                self._enter(State.CLOSED, reason)
            finally:
                self._transport.abortConnection()

    def writeConnectionLost(self) -> None:
        """Our end of the connection is closed; the client's end will follow."""

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """The connection is gone, however it went."""
        connection = self.connection
        try:
            if self.state is not State.CLOSED:
                self._enter(State.CLOSED, self._lost_reason(reason))
            self.connection = None
            if connection is not None:
                for request in tuple(connection.pending):
                    request.cancel()
            self._back_pressure.close()
        finally:
            # A stop waits until no client is left.
            assert self._reason is not None
            self._clients.lost(self, connection, self._reason)
        # These know this protocol: without the circle all are freed at once.
        for name in ("_outbox", "_reader", "_back_pressure", "handshake"):
            vars(self).pop(name, None)

    def _lost_reason(self, reason: Failure) -> str:
        if self.connection is None:
            return self.handshake.lost(reason.value)
        done = reason.check(ConnectionDone) is not None
        return close_reasons.CLIENT_CLOSED if done else close_reasons.CONNECTION_LOST

    def _end(self) -> None:
        self._stop_timers()
        if self._closing is not None:
            self._closing.stop()
        if self.connection is not None:
            self.connection.hold(ReadHold.CLOSING)
            self._outbox.close()

    def _stop_timers(self) -> None:
        self.handshake.stop()
        stop(self._give_up_timer)
        self._back_pressure.stop()
        if self.connection is not None:
            self._reader.close()
        if self._heartbeat is not None:
            self._heartbeat.stop()
            self._heartbeat = None

    @property
    def _transport(self) -> Any:
        return self.transport


_OPEN: Final = State.OPEN
_ENTRY_ACTIONS: Final = {
    State.OPEN: ActionHeroProtocol._open,
    State.DRAINING: ActionHeroProtocol._drain,
    State.CLOSING: ActionHeroProtocol._close,
    State.LINGERING: ActionHeroProtocol._linger,
    State.CLOSED: ActionHeroProtocol._end,
}
"""What is done in each state as soon as it is entered."""
