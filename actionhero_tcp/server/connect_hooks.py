"""A client that the application's `@on_connect` hooks decide on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Final, Protocol

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from ..app import coroutines
from ..clock import Timer, stop
from ..connection.connected_client import ConnectedClient
from ..connection.connection import Connection
from ..errors import ClientError, printable
from ..logs.failures import log_failure
from ..wire import json_lines

if TYPE_CHECKING:
    from .context import ServerContext

NOT_IN_TIME: Final = "the server could not decide in time whether you may connect"

_log = Logger()


class ConnectHooksOwner(Protocol):
    """The receiver of the decision: the handshake, or a stand-in in tests."""

    def admitted(self) -> None:
        """The client may come in."""

    def turned_away(self, error: ClientError) -> None:
        """The client may not, and is told why."""


class ArrivingConnection(Connection):
    """The connection as `@on_connect` sees it: what it does waits until the client is welcomed."""

    __slots__ = ("_held",)

    def __init__(self, connection: ConnectedClient) -> None:
        super().__init__(connection, {})
        self._held: list[Callable[[], object]] | None = []

    def join(self, room: str) -> None:
        """Take the client into a room, behind its welcome."""
        if self._held is None:
            super().join(room)
        else:
            self._connection.owner.rooms.check(room)
            self._held.append(partial(super().join, room))

    def leave(self, room: str) -> None:
        """Take the client out of a room, behind its welcome."""
        if self._held is None:
            super().leave(room)
        else:
            self._held.append(partial(super().leave, room))

    def send(self, message: Mapping[str, object]) -> None:
        """Sends the client a message, behind its welcome."""
        if self._held is None:
            super().send(message)
        else:
            line = json_lines.message_line(message)
            self._held.append(partial(self._connection.outbox.send, line))

    def close(self) -> None:
        """Closes the connection, once the client has its welcome and what was sent."""
        if self._held is None:
            super().close()
        else:
            self._held.append(super().close)

    def release(self) -> None:
        """Does what has waited; the client has its welcome."""
        held, self._held = self._held or [], None
        for call in held:
            try:
                call()
            except ClientError as error:
                _log.error(
                    "a hook of on_connect took a client into too many rooms: {reason}",
                    reason=printable(str(error)),
                )


class ConnectHooks:
    """One client whose hooks run.

    Args:
        owner: Is told what was decided.
        connection: The client.
        context: The context of all connections.
    """

    def __init__(
        self, owner: ConnectHooksOwner, connection: ConnectedClient, context: ServerContext
    ) -> None:
        self._owner = owner
        self._context = context
        self._timer: Timer | None = None
        self._outcome: Deferred[None] | None = None
        self.connection = connection
        self.face = ArrivingConnection(connection)

    def decide(self) -> None:
        """Has the hooks decide; the owner is told at once, or when they have ended."""
        hooks = self._context.hooks
        try:
            outcome = coroutines.start(hooks.connect(self._context.api, self.face))
        except Exception:
            self._owner.turned_away(self._error(Failure()))
            return
        if not isinstance(outcome, Deferred):
            self._owner.admitted()
            return
        self._outcome = outcome
        seconds = self._context.live.limits.action_timeout
        self._timer = self._context.clock.callLater(seconds, self._time_out)
        outcome.addBoth(self._decided)
        outcome.addErrback(lambda f: _log.failure("a client could not be let in", failure=f))

    def stop(self) -> None:
        """Ends the hooks; nobody wants to know any more."""
        stop(self._timer)
        outcome, self._outcome = self._outcome, None
        if outcome is not None:
            outcome.cancel()

    def _decided(self, outcome: object) -> None:
        if self._outcome is None:
            return
        self._outcome = None
        stop(self._timer)
        if isinstance(outcome, Failure):
            self._owner.turned_away(self._error(outcome))
        else:
            self._owner.admitted()

    def _time_out(self) -> None:
        self._context.stats.limited["actionTimeout"] += 1
        self.stop()
        self._owner.turned_away(ClientError(NOT_IN_TIME))

    def _error(self, failure: Failure) -> ClientError:
        """The text for the client; internal errors are logged."""
        if isinstance(failure.value, ClientError):
            return failure.value
        log_failure(_log, "a hook of on_connect failed, its client is refused", failure)
        return ClientError(self._context.live.general.server_error_message)
