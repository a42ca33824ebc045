"""The factory that all connections share: the router, the rooms, the clients."""

from __future__ import annotations

from typing import TYPE_CHECKING

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import Factory, Protocol

from ..clock import Clock, stop
from ..connection.connection import Connection
from ..wire import json_lines
from .protocol import ActionHeroProtocol

if TYPE_CHECKING:
    from ..app.hook_runner import Hooks
    from ..config.sections import Limits
    from ..connection.write_batch import WriteBatch
    from ..dispatch.router import Router
    from ..dispatch.runner import Runner
    from ..logs.request_log import RequestLog
    from ..rooms.rooms import Rooms
    from ..stats import Stats
    from .admission import Admission

GOING_DOWN = "the action was ended, because the server goes down"


class ActionHeroFactory(Factory):
    """Makes a protocol for each client, and knows all of them.

    Args:
        router: Answers lines.
        runner: Runs actions.
        rooms: Who is in which room.
        stats: Counts.
        turn: The turn that all outboxes share.
        limits: What one client may use.
        admission: Who may connect.
        clock: Calls later.
        connections: The connected clients by id, kept up to date here.
        hooks: What the application does when clients come and go.
        welcome_message: What a client is greeted with.
        default_room: The room it starts in.
        log: The request log, or None.

    Attributes:
        limits: The limits; a reload may replace them.
    """

    protocol = ActionHeroProtocol  # type: ignore[assignment]
    noisy = False

    def __init__(
        self,
        *,
        router: Router,
        runner: Runner,
        rooms: Rooms,
        stats: Stats,
        write_batch: WriteBatch,
        limits: Limits,
        admission: Admission,
        clock: Clock,
        connections: dict[str, Connection],
        hooks: Hooks,
        welcome_message: str,
        default_room: str,
        log: RequestLog | None = None,
    ) -> None:
        self.router = router
        self.runner = runner
        self.rooms = rooms
        self.limits = limits
        self.write_batch = write_batch
        self.admission = admission
        self.clock = clock
        self.stats = stats
        self._connections = connections
        self.hooks = hooks
        self._log = log
        self._protocols: set[ActionHeroProtocol] = set()
        self._drained: Deferred[None] | None = None
        self.greet_with(welcome_message, default_room)

    def greet_with(self, message: str, room: str) -> None:
        """Sets what a client is greeted with, and the room it starts in."""
        greeting = {"welcome": message, "room": room, "context": "api"}
        self._greeting = json_lines.NUMBERED % (json_lines.head(greeting), 0)
        self._default_room = room

    @property
    def clients(self) -> int:
        """How many clients are connected, those in their TLS handshake included."""
        return len(self._protocols)

    def buildProtocol(self, addr: IAddress | None) -> Protocol | None:
        """A protocol for a client, or None where it is to be dropped at once."""
        if self.admission.drops():
            return None
        return super().buildProtocol(addr)  # type: ignore[return-value]

    def opened(self, protocol: ActionHeroProtocol) -> None:
        """A client has connected; whether it may stay is still to be seen."""
        self._protocols.add(protocol)

    def welcome(self, connection: Connection) -> None:
        """Greets a client and takes it into the default room."""
        self.stats.opened()
        self._connections[connection.id] = connection
        if self._log is not None:
            self._log.connected(connection)
        connection.outbox.send(self._greeting)
        self.rooms.bus.connected(connection.id)
        self.rooms.join(connection, self._default_room)

    def lost(
        self, protocol: ActionHeroProtocol, connection: Connection | None, reason: str
    ) -> None:
        """A client has gone.

        Args:
            protocol: Its protocol.
            connection: Its state; None where it was never welcomed.
            reason: Why.
        """
        self._protocols.discard(protocol)
        handshake = protocol.handshake
        self.admission.leave(handshake.refused, handshake.network)
        if connection is None:
            self.stats.closed[reason] += 1
            if self._log is not None and not handshake.refused:
                self._log.turned_away(handshake.remote_address, reason, handshake.error)
        else:
            self.rooms.leave_all(connection)
            self.rooms.bus.disconnected(connection.id)
            del self._connections[connection.id]
            self.stats.ended(reason)
            if self._log is not None:
                self._log.disconnected(connection, reason)
            self.hooks.disconnect(connection, reason)
        if self._drained is not None and not self._protocols:
            drained, self._drained = self._drained, None
            drained.callback(None)

    def drain(self) -> Deferred[None]:
        """Says goodbye to all clients, answers what they have asked, and closes.

        Actions have ``limits.drainTimeout`` to end. What is still to be sent after that
        has ``limits.closeTimeout`` more, and so have the hooks that still run then.

        Returns:
            A Deferred that fires when no client is left.
        """
        if not self._protocols:
            return self.hooks.settle()
        drained: Deferred[None] = Deferred()
        self._drained = drained
        timeout = self.clock.callLater(self.limits.drain_timeout, self._drain_timed_out)
        drained.addCallback(lambda _: stop(timeout))
        with self.write_batch:
            for protocol in tuple(self._protocols):
                protocol.drain()
        return drained.addCallback(lambda _: self.hooks.settle())

    def cut_short(self) -> None:
        """Ends all that still runs, and drops what is still to be sent."""
        self._give_up()
        self.hooks.give_up()
        self.clock.callLater(0, self._abort)

    def _drain_timed_out(self) -> None:
        self.stats.limited["drainTimeout"] += 1
        self._give_up()

    def _give_up(self) -> None:
        last = self.clock.callLater(self.limits.close_timeout, self._abort)
        if self._drained is not None:
            self._drained.addCallback(lambda _: stop(last))
        for protocol in tuple(self._protocols):
            protocol.give_up(GOING_DOWN)

    def _abort(self) -> None:
        for protocol in tuple(self._protocols):
            protocol.abort()
