"""`AppRooms`, the rooms of the server as the application uses them: ``api.rooms``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from ..connection.connected_client import ConnectedClient
from ..connection.connection import Connection, state_of
from ..errors import LimitError
from .cluster import Cluster

if TYPE_CHECKING:
    from ..config.settings import LiveSettings
    from ..rooms.rooms import Rooms

Member = ConnectedClient | Connection | str
"""A client: an action's ``connection``, or the client's id."""


class AppRooms:
    """The rooms of the server: who is in which, and what the application does with them.

    Its methods are called in the reactor's thread.

    Args:
        rooms: The rooms.
        live: The limits of names and of rooms for each client.
        connections: The clients of this process by id.
        cluster: The way to clients of other nodes.
    """

    __slots__ = ("_cluster", "_connections", "_live", "_rooms")

    def __init__(
        self,
        rooms: Rooms,
        live: LiveSettings,
        connections: Mapping[str, ConnectedClient],
        cluster: Cluster,
    ) -> None:
        self._rooms = rooms
        self._live = live
        self._connections = connections
        self._cluster = cluster

    def __len__(self) -> int:
        return len(self._rooms)

    def __contains__(self, room: str) -> bool:
        return room in self._rooms

    def members(self, room: str) -> list[str]:
        """The ids of a room's members, in the order in which they came, those elsewhere last."""
        return self._rooms.members(room)

    def members_here(self, room: str) -> list[str]:
        """The ids of the members of a room that are with this process."""
        return self._rooms.members_here(room)

    def rooms_here(self) -> list[str]:
        """The rooms that have members with this process."""
        return self._rooms.rooms_here()

    def is_private(self, room: str) -> bool:
        """Whether clients cannot enter a room by themselves; see ``general.privateRooms``."""
        return self._rooms.is_private(room)

    def create(self, room: str) -> bool:
        """Have a room exist without members, for clients of the dialect of actionHero 29.

        Args:
            room: The room.

        Returns:
            Whether it is new.

        Raises:
            actionhero_tcp.errors.LimitError: Too many such rooms exist, or the name is too long.
            ValueError: The name is not one word.
        """
        self.check(room)
        return self._rooms.create(room)

    def join(self, client: Member, room: str) -> bool:
        """Take a client into a room, which it may be in beside others.

        The other members hear that it has entered, as of those who come by themselves. No
        hook of `on_room_change` runs.

        Args:
            client: An action's ``connection``, or a client's id, which may be connected to
                another node of the cluster.
            room: The room. Where its name begins with ``general.privateRooms``, clients cannot
                enter it by themselves.

        Returns:
            Whether the client is connected. For a client that is not with this process the
            request is handed on; whether there is one is not known then, and this is True. It is
            in the room a moment later.

        Raises:
            actionhero_tcp.errors.LimitError: The client is in ``limits.maxRooms`` rooms, or the
                name is too long.
            ValueError: The name is not one word.
        """
        self.check(room)
        found = self._find(client)
        if found is None:
            return isinstance(client, str) and self._cluster.join_room(client, room)
        most = self._live.limits.max_rooms
        if len(found.rooms) >= most and room not in found.rooms:
            raise LimitError("maxRooms", f"a connection can be in at most {most} rooms")
        self._rooms.join(found, room)
        return not found.removed

    def leave(self, client: Member, room: str) -> bool:
        """Take a client out of a room, if it is in it.

        Args:
            client: See `join`.
            room: The room.

        Returns:
            Whether the client is connected; see `join`.
        """
        found = self._find(client)
        if found is None:
            return isinstance(client, str) and self._cluster.leave_room(client, room)
        self._rooms.leave(found, room)
        return not found.removed

    def say(self, room: str, message: object) -> None:
        """Send a message to all members of a room; see `broadcast`."""
        self._rooms.broadcast(room, message)

    def broadcast(
        self,
        room: str,
        message: object,
        *,
        context: str = "user",
        exclude: Member | Iterable[Member] = (),
    ) -> None:
        """Send a message to the members of a room, on all nodes, in the name of the server.

        Members get ``{"message":…,"room":…,"from":0,"context":"user","sentAt":ms}``.

        Args:
            room: The room; where nobody is in it, nobody hears.
            message: A string, or any other JSON value.
            context: The message's context, by which client programs tell messages apart.
            exclude: The members that do not get it: a connection or an id, or several.

        Raises:
            UnserializableError: The message is no JSON.
            ValueError: The context is that of a response.
        """
        if not isinstance(context, str) or context == "response":
            raise ValueError(f"the context of a message is text other than response: {context!r}")
        excluded = [exclude] if isinstance(exclude, ConnectedClient | Connection | str) else exclude
        ids = frozenset(each if isinstance(each, str) else each.id for each in excluded)
        self._rooms.broadcast(room, message, context, ids)

    def check(self, room: object) -> None:
        """Check that a room can have this name.

        Raises:
            LimitError: It is longer than ``limits.maxRoomNameLength``.
            ValueError: It is not one word of printable characters.
        """
        if not isinstance(room, str) or not room.isprintable() or len(room.split()) != 1:
            raise ValueError(f"a room's name is one word of printable characters, not {room!r}")
        if room != room.strip():
            raise ValueError(f"a room's name is one word of printable characters, not {room!r}")
        longest = self._live.limits.max_room_name_length
        if len(room) > longest:
            raise LimitError("maxRoomNameLength", f"a room's name has at most {longest} characters")

    def _find(self, client: Member) -> ConnectedClient | None:
        """The state of a client that is with this process."""
        return self._connections.get(client) if isinstance(client, str) else state_of(client)
