"""Clients that listen to a room without being its members."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from ..connection.connected_client import ConnectedClient, Outlet

_EAR: Final = "+"


def ear_of(process: str) -> str:
    """Name what stands for all clients of a process that listen to a room.

    The other processes know it as a member that nobody shows, counts or hears of.
    """
    return _EAR + process


def is_ear(client: str) -> bool:
    """Whether an id is that of no client, but of those that listen on a process."""
    return client.startswith(_EAR)


class Listening:
    """The clients of this process that listen to rooms.

    Attributes:
        rooms: By room, the clients that listen to it, and where what is said goes.
    """

    __slots__ = ("_of", "rooms")

    def __init__(self) -> None:
        self.rooms: dict[str, dict[ConnectedClient, Outlet]] = {}
        self._of: dict[ConnectedClient, set[str]] = {}

    def of(self, connection: ConnectedClient) -> Collection[str]:
        """The rooms that a client listens to."""
        return self._of.get(connection, ())

    def add(self, connection: ConnectedClient, room: str) -> bool:
        """Have a client listen to a room.

        Returns:
            Whether it is the first one there.
        """
        listeners = self.rooms.setdefault(room, {})
        listeners[connection] = connection.outbox
        self._of.setdefault(connection, set()).add(room)
        return len(listeners) == 1

    def discard(self, connection: ConnectedClient, room: str) -> bool:
        """Have a client no longer listen to a room to which it does.

        Returns:
            Whether it was the last one there.
        """
        rooms, listeners = self._of[connection], self.rooms[room]
        rooms.discard(room)
        if not rooms:
            del self._of[connection]
        del listeners[connection]
        if not listeners:
            del self.rooms[room]
        return not listeners
