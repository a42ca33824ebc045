"""The protocol of one client: bytes to lines, when to stop reading, timeouts, closing.

With `outbox` the only module that touches a transport.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, Final

from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IHalfCloseableProtocol, IHandshakeListener
from twisted.internet.protocol import connectionDone
from twisted.protocols.basic import LineReceiver
from twisted.protocols.tls import TLSMemoryBIOProtocol
from twisted.python.failure import Failure
from zope.interface import implementer

from . import transport as transports
from .clock import Timer, stop
from .connection import Connection
from .errors import printable
from .framing import LineSplitter
from .outbox import Outbox

if TYPE_CHECKING:
    from .factory import ActionHeroFactory

LINES_PER_TURN: Final = 256
"""As many lines of one client are served before the others get their turn."""

GOODBYE: Final = {"status": "Server going down NOW", "context": "api"}

CLIENT_CLOSED: Final = "client closed"
CONNECTION_LOST: Final = "connection lost"
HANDSHAKE_FAILED: Final = "TLS handshake failed"
HANDSHAKE_TIMEOUT: Final = "TLS handshake timeout"
SERVER_STOPPED: Final = "server stopped"
SLOW_CONSUMER: Final = "slow consumer"
WRITE_TIMEOUT: Final = "write timeout"


@implementer(IHalfCloseableProtocol, IHandshakeListener)
class ActionHeroProtocol(LineReceiver):
    """One client.

    Its lines are split by a `LineSplitter`, not by `LineReceiver.dataReceived`.

    Attributes:
        connection: The client's state, from its welcome until it is gone.
    """

    delimiter = b"\n"
    factory: ActionHeroFactory

    # As attributes of the class these cost an idle connection no memory.
    connection: Connection | None = None
    _outbox: Outbox
    _backlog: deque[bytes] | None = None
    _reason: str | None = None
    _finished = False
    _peer_finished = False
    _timer: Timer | None = None
    _write_timer: Timer | None = None
    _progress = 0

    # Coming

    def connectionMade(self) -> None:
        """A client is there; under TLS it is welcomed only when its handshake is done."""
        self._splitter = LineSplitter(self.factory.limits.max_line_length)
        self.factory.opened(self)
        transports.set_socket_options(self.transport)
        if isinstance(self.transport, TLSMemoryBIOProtocol):
            seconds = self.factory.limits.tls_handshake_timeout
            self._timer = self.factory.clock.callLater(seconds, self._abort, HANDSHAKE_TIMEOUT)
        else:
            self._welcome()

    def handshakeCompleted(self) -> None:
        """The TLS handshake is done."""
        self._stop_timer()
        if self.connection is None and self._reason is None:
            self._welcome()

    def _welcome(self) -> None:
        factory = self.factory
        transport: Any = self.transport
        self._outbox = Outbox(factory.turn, self, factory.limits.max_outbox_bytes)
        self._outbox.open(transport)
        self.connection = Connection(self._outbox, self, _address(transport.getPeer()))
        # In no turn: where many come at once, their room hears of all of them in one write.
        factory.welcome(self.connection)

    # Reading

    def dataReceived(self, data: bytes) -> None:
        """Takes in some bytes, in which lines begin and end anywhere."""
        if self._reason is not None or self.connection is None:
            return
        lines = self._splitter.feed(data)
        if lines:
            with self.factory.turn:
                self._take(lines)

    def _take(self, lines: list[bytes]) -> None:
        """Serves lines, or keeps them where earlier ones still wait."""
        if self._backlog is not None:
            self._backlog.extend(lines)
        elif len(lines) <= LINES_PER_TURN:
            self._serve(lines, None)
        else:
            lines = [line for line in lines if line]
            self._serve(lines[:LINES_PER_TURN], deque(lines[LINES_PER_TURN:]))

    def _serve(self, lines: list[bytes], later: deque[bytes] | None) -> None:
        """Serves lines until the client has to wait; what is left is kept with the later ones."""
        connection = self.connection
        assert connection is not None
        rest = iter(lines)
        self.factory.router.serve(connection, rest)
        if connection.halted:
            if self._reason is None or self._reason is SERVER_STOPPED:
                backlog = deque() if later is None else later
                # At the front: to copy a long backlog for each line would cost its square.
                backlog.extendleft(reversed(list(rest)))
                self._stall(backlog)
        elif later:
            self._stall(later)
            self.factory.turn.later(self._resume)

    def _stall(self, backlog: deque[bytes]) -> None:
        """Keeps lines for later, and reads no more until they are served."""
        self._backlog = backlog
        if not self._peer_finished:
            self._transport.pauseProducing()

    def _resume(self) -> None:
        """Serves lines that had to wait, and reads on when all of them are served."""
        backlog, connection = self._backlog, self.connection
        if connection is None or self._outbox.full:
            return
        if len(connection.pending) >= self.factory.limits.max_pending_actions:
            return
        connection.halted = self._reason is not None and self._reason is not SERVER_STOPPED
        if backlog is None:
            return
        self._backlog = None
        lines = [backlog.popleft() for _ in range(min(LINES_PER_TURN, len(backlog)))]
        with self.factory.turn:
            self._serve(lines, backlog)
        if self._backlog is not None or self._finished:
            return
        if self._peer_finished:
            self.close(CLIENT_CLOSED)
        elif self._reason is None:
            self._transport.resumeProducing()

    # What others tell

    def settled(self) -> None:
        """See `connection.Owner.settled`."""
        self._resume()
        if self._reason is not None:
            # The action's answer is written at the end of this turn.
            self.factory.turn.afterwards(self._finish_if_done)

    def outbox_drained(self) -> None:
        """See `outbox.OutboxOwner.outbox_drained`."""
        self._resume()
        self._finish_if_done()

    def outbox_blocked(self) -> None:
        """See `outbox.OutboxOwner.outbox_blocked`."""
        if self._write_timer is None:
            self._progress = transports.progress(self.transport)
            seconds = self.factory.limits.write_timeout
            self._write_timer = self.factory.clock.callLater(seconds, self._check_progress)

    def outbox_filled(self) -> None:
        """See `outbox.OutboxOwner.outbox_filled`."""
        if self.connection is not None:
            self.connection.halted = True

    def outbox_overflowed(self) -> None:
        """See `outbox.OutboxOwner.outbox_overflowed`."""
        self._abort(SLOW_CONSUMER)

    def _check_progress(self) -> None:
        """Ends a connection that has taken nothing for the time of the write timeout."""
        self._write_timer = None
        if self.connection is None or not self._outbox.blocked:
            return
        if transports.progress(self.transport) == self._progress:
            self._abort(WRITE_TIMEOUT)
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
        if reason is not SERVER_STOPPED:
            connection.halted = True
            self._backlog = None
            with self.factory.turn:
                self.factory.rooms.leave_all(connection)
        self.factory.turn.afterwards(self._finish_if_done)

    def drain(self) -> None:
        """Says goodbye, answers what has been read, and closes."""
        if self.connection is None:
            self._abort(SERVER_STOPPED)
        elif self._reason is None:
            self.connection.send(GOODBYE)
            self._transport.pauseProducing()
            self.close(SERVER_STOPPED)

    def give_up(self, error: str) -> None:
        """Ends the actions that still run with an error for their client."""
        if self.connection is not None:
            self._backlog = None
            for request in tuple(self.connection.pending):
                self.factory.runner.give_up(request, error)
            self._finish_if_done()

    def abort(self) -> None:
        """Drops the connection, with whatever was to be sent."""
        self._abort(SERVER_STOPPED)

    def readConnectionLost(self) -> None:
        """The client sends nothing more; it gets the answers to what it has asked."""
        self._peer_finished = True
        if self._finished:
            self._transport.loseConnection()
        elif self.connection is None:
            self._abort(CLIENT_CLOSED)
        elif self._backlog is None:
            self.close(CLIENT_CLOSED)
            if self.connection.pending and self._timer is None:
                seconds = self.factory.limits.close_timeout
                error = "the client has closed the connection"
                self._timer = self.factory.clock.callLater(seconds, self.give_up, error)

    def writeConnectionLost(self) -> None:
        """Our end of the connection is closed; the client's end will follow."""

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """The connection is gone, however it went."""
        self._stop_timer()
        stop(self._write_timer)
        self._write_timer = None
        connection, self.connection = self.connection, None
        self._backlog = None
        if connection is None:
            self.factory.lost(self, None, self._reason or HANDSHAKE_FAILED)
            return
        self._outbox.close()
        done = reason.check(ConnectionDone) is not None
        why = self._reason or (CLIENT_CLOSED if done else CONNECTION_LOST)
        self._reason = why
        for request in tuple(connection.pending):
            request.cancel()
        self.factory.lost(self, connection, why)
        # The outbox knows this protocol: without the circle both are freed at once.
        del self._outbox

    def _finish_if_done(self) -> None:
        """Closes our end when there is nothing left to answer or to send."""
        connection = self.connection
        if self._reason is None or self._finished or connection is None:
            return
        if self._backlog is not None or connection.pending or not self._outbox.empty:
            return
        self._finished = True
        self._outbox.release()
        self._stop_timer()
        self._progress = transports.progress(self.transport)
        self._wait_for_close()
        if self._peer_finished or isinstance(self.transport, TLSMemoryBIOProtocol):
            self._transport.loseConnection()
        else:
            # What the client still sends is read and dropped: to close with bytes unread
            # would reset the connection, and lose what is on its way to the client.
            self._transport.loseWriteConnection()
        if not self._peer_finished:
            self._transport.resumeProducing()

    def _wait_for_close(self) -> None:
        seconds = self.factory.limits.close_timeout
        self._timer = self.factory.clock.callLater(seconds, self._close_timed_out)

    def _close_timed_out(self) -> None:
        """The client has not hung up: we do, unless it is still taking what we sent."""
        self._timer = None
        progress = transports.progress(self.transport)
        if not transports.is_drained(self.transport) and progress != self._progress:
            self._progress = progress
            self._wait_for_close()
        elif transports.is_drained(self.transport):
            transports.hang_up(self.transport)
        else:
            self._transport.abortConnection()

    def _abort(self, reason: str) -> None:
        if self._reason is None:
            self._reason = reason
        if self.connection is not None:
            self._outbox.close()
        self._transport.abortConnection()

    @property
    def _transport(self) -> Any:
        return self.transport

    def _stop_timer(self) -> None:
        stop(self._timer)
        self._timer = None


def _address(peer: Any) -> str:
    """Where the client is, as people write it."""
    host, port = getattr(peer, "host", None), getattr(peer, "port", None)
    if host is None:
        name = getattr(peer, "name", None)
        return f"unix:{printable(name.decode('utf-8', 'replace'))}" if name else "unix"
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
