"""The clients of a server: who is connected, how they are welcomed, and how all of them go."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final, Protocol

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from ..clock import stop

if TYPE_CHECKING:
    from ..connection.connected_client import ConnectedClient
    from ..dispatch.dialect import Dialect
    from .context import ServerContext
    from .handshake import Handshake

_log = Logger()

GOING_DOWN: Final = "the action was ended, because the server goes down"


class ServerProtocol(Protocol):
    """The protocol of one client, or a stand-in in tests."""

    @property
    def handshake(self) -> Handshake:
        """How it came in."""
        ...

    def drain(self) -> None:
        """Says goodbye, answers what has been read, and closes."""

    def give_up(self, error: str) -> None:
        """Ends the actions that still run with an error for their client."""

    def abort(self) -> None:
        """Drops the connection, with whatever was to be sent."""


class Clients:
    """Knows all clients, those in their handshake included.

    Args:
        context: Their common context.
    """

    def __init__(self, context: ServerContext) -> None:
        self._context = context
        self._clients: set[ServerProtocol] = set()
        self._drained: Deferred[None] | None = None

    def __len__(self) -> int:
        return len(self._clients)

    def opened(self, client: ServerProtocol) -> None:
        """Adds a client that has connected; whether it may stay is still to be seen."""
        self._clients.add(client)

    def welcome(self, connection: ConnectedClient, dialect: Dialect) -> None:
        """Greets a client in its dialect, and takes it into the default room where it starts there.

        Args:
            connection: The client.
            dialect: What it speaks.
        """
        context = self._context
        context.stats.opened()
        context.connections[connection.id] = connection
        if context.log is not None:
            context.log.connected(connection)
        general = context.live.general
        room = general.default_chat_room
        connection.outbox.send(dialect.welcome(general.welcome_message, room))
        context.rooms.bus.connected(connection.id)
        if connection.profile.enters_default_room:
            context.rooms.join(connection, room)

    def lost(self, client: ServerProtocol, connection: ConnectedClient | None, reason: str) -> None:
        """Removes a client that has gone.

        Args:
            client: The client.
            connection: Its state; None where it was never welcomed.
            reason: Why it has gone.
        """
        self._clients.discard(client)
        context, handshake = self._context, client.handshake
        context.admission.leave(handshake.refused, handshake.network)
        if connection is None:
            context.stats.closed[reason] += 1
            if context.log is not None and not handshake.refused:
                context.log.turned_away(handshake.remote_address, reason, handshake.error)
        else:
            context.rooms.remove(connection)
            context.rooms.bus.disconnected(connection.id)
            del context.connections[connection.id]
            context.stats.ended(reason)
            if context.log is not None:
                context.log.disconnected(connection, reason)
            context.hooks.disconnect(context.api, connection, reason)
        if self._drained is not None and not self._clients:
            drained, self._drained = self._drained, None
            drained.callback(None)

    def drain(self) -> Deferred[None]:
        """Says goodbye to all clients, answers what they have asked, and closes.

        Actions have ``limits.drainTimeout`` to end. What is still to be sent after that
        has ``limits.closeTimeout`` more, and so have the hooks that still run then.

        Returns:
            A Deferred that fires when no client is left.
        """
        context = self._context
        if not self._clients:
            return context.hooks.settle()
        drained: Deferred[None] = Deferred()
        self._drained = drained
        timeout = context.clock.callLater(context.live.limits.drain_timeout, self._drain_timed_out)
        drained.addCallback(lambda _: stop(timeout))
        with context.write_batch:
            self._tell_each(lambda client: client.drain())
        return drained.addCallback(lambda _: context.hooks.settle())

    def cut_short(self) -> None:
        """Ends all that still runs, and drops what is still to be sent."""
        self._give_up()
        self._context.hooks.give_up()
        self._context.clock.callLater(0, self._abort)

    def _drain_timed_out(self) -> None:
        self._context.stats.limited["drainTimeout"] += 1
        self._give_up()

    def _give_up(self) -> None:
        context = self._context
        last = context.clock.callLater(context.live.limits.close_timeout, self._abort)
        if self._drained is not None:
            self._drained.addCallback(lambda _: stop(last))
        self._tell_each(lambda client: client.give_up(GOING_DOWN))

    def _abort(self) -> None:
        self._tell_each(lambda client: client.abort())

    def _tell_each(self, tell: Callable[[ServerProtocol], None]) -> None:
        """Tells every client; a fault with one of them keeps none of the others."""
        for client in tuple(self._clients):
            try:
                tell(client)
            except Exception:
                _log.failure("a client could not be told of the stop")
