"""A client as actions and hooks see it, and the params of one request."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from ..wire import json_reader
from .connected_client import ConnectedClient
from .files import check_reader

if TYPE_CHECKING:
    from .files import FileReader
    from .outbox import ResponseSlot


class JsonParams(Struct):
    """The params of a request in JSON that was read straight into the inputs of its action.

    A `Struct`, since it is made for each such request, and the constructor is in C.

    Attributes:
        line: The request.
        arguments: The inputs.
        defaults: Params that the request has beside those in the line.
    """

    line: bytes
    arguments: dict[str, Any]
    defaults: dict[str, int]

    def read(self) -> dict[str, Any]:
        """The params, as the client sent them."""
        # Its depth was looked at when it was read into the arguments.
        document: Any = json_reader.loads(self.line, len(self.line))
        return {**document.get("params", {}), **self.defaults}


Params = dict[str, Any] | JsonParams
"""The params of a request."""


class Connection:
    """The connection as an action sees it: the client, and its params as of the request."""

    __slots__ = ("_connection", "_params", "_parts", "_slot")

    # Not set where nothing waits for a file or answers in parts: every request would pay for that.
    _slot: ResponseSlot
    _parts: Any

    def __init__(self, connection: ConnectedClient, params: Params) -> None:
        self._connection = connection
        self._params = params

    def __repr__(self) -> str:
        return f"<Connection {self.id} of {self.remote_address}>"

    @property
    def params(self) -> dict[str, Any]:
        """A copy of the request's params, as of its arrival."""
        params = self._params
        if isinstance(params, JsonParams):
            params = self._params = params.read()
        return params

    @property
    def id(self) -> str:
        """The client's id: 32 hex digits, or a UUID in the dialect of actionHero 29."""
        return self._connection.id

    @property
    def connected_at(self) -> int:
        """When the client connected, in ms since 1970."""
        return self._connection.connected_at

    @property
    def remote_address(self) -> str:
        """The client's address, such as ``127.0.0.1:54321``."""
        return self._connection.remote_address

    @property
    def room(self) -> str | None:
        """The room that the client's verbs are about; None once it is leaving.

        That is the latest that clients may enter by themselves, or else the latest one.
        """
        return self._connection.room

    @property
    def rooms(self) -> tuple[str, ...]:
        """All rooms that the client is in, in the order in which it came into them."""
        return tuple(self._connection.rooms)

    @property
    def attributes(self) -> dict[str, Any]:
        """State of this client that the application keeps; a client cannot set it."""
        return self._connection.attributes

    @property
    def log_fields(self) -> dict[str, Any]:
        """The fields of this client in each line of the request log, by name.

        ``connection.log_fields["device"] = "7f3a"`` adds ``device="7f3a"`` to a line of text, and
        ``"device":"7f3a"`` to one of JSON.
        """
        fields = self._connection.log_fields
        if fields is None:
            fields = self._connection.log_fields = {}
        return fields

    def join(self, room: str) -> None:
        """Take the client into a room, which it may be in beside others.

        Args:
            room: The room. Where its name begins with ``general.privateRooms``, clients cannot
                enter it by themselves.

        Raises:
            actionhero_tcp.errors.LimitError: The client is in ``limits.maxRooms`` rooms, or the
                name is too long.
            ValueError: The name is not one word.
        """
        self._connection.owner.rooms.join(self._connection, room)

    def leave(self, room: str) -> None:
        """Take the client out of a room, if it is in it.

        Args:
            room: The room.
        """
        self._connection.owner.rooms.leave(self._connection, room)

    def send(self, message: Mapping[str, object]) -> None:
        """Sends the client a message beside the response; see `ConnectedClient.send`."""
        self._connection.send(message)

    def send_file(self, reader: FileReader) -> None:
        """Sends a file's raw content; nothing else reaches the client until its last byte.

        Args:
            reader: From ``api.files.open``. The action returns `NO_RESPONSE` after this.

        Raises:
            TypeError: It is something else, such as a path.
        """
        check_reader(reader)
        slot: ResponseSlot | None = getattr(self, "_slot", None)
        if slot is not None and slot.is_free:
            slot.take(reader)
        else:
            self._connection.outbox.send_file(reader)

    def close(self) -> None:
        """Closes the connection after all that it asked for has been answered and sent."""
        self._connection.close()


def reserve_slot(face: Connection, slot: ResponseSlot) -> None:
    """Has an action send its file in a place that was held for it."""
    face._slot = slot


def answer_in_parts(face: Connection, parts: Any) -> None:
    """Gives an action that answers in parts what takes them; see `parts_of`."""
    face._parts = parts


def parts_of(face: Connection) -> Any:
    """Takes the parts of an action's answer."""
    return face._parts


def state_of(connection: ConnectedClient | Connection) -> ConnectedClient:
    """The client's state, also of the face of it that actions and hooks get."""
    return connection._connection if isinstance(connection, Connection) else connection
