"""`Room`, a room as actions see it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..connection.connection import Connection
    from .rooms import AppRooms


class Room:
    """A room of the server: who is in it, and a way to speak to them.

    A room exists while it has a member. A name without one is an empty room.

    Attributes:
        name: Its name.
    """

    __slots__ = ("_rooms", "name")

    def __init__(self, rooms: AppRooms, name: str) -> None:
        self._rooms = rooms
        self.name = name

    def __repr__(self) -> str:
        return f"<Room {self.name}>"

    def __len__(self) -> int:
        return len(self.members)

    def __contains__(self, connection: Connection | str) -> bool:
        client = connection if isinstance(connection, str) else connection.id
        return client in self.members

    @property
    def members(self) -> list[str]:
        """The ids of its members, those of other processes last."""
        return self._rooms.members(self.name)

    def say(self, message: object) -> None:
        """Say something to all members, in the name of the server.

        Args:
            message: A string, or anything else that is written as JSON.

        Raises:
            UnserializableError: The message has no form in JSON.
        """
        self._rooms.say(self.name, message)
