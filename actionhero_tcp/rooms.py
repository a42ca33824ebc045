"""Who is in which room, and what is said there.

Every operation costs what the room's own members cost, whatever else is connected.
What is said is encoded once, for all who hear it.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from . import wire
from .connection import Connection

if TYPE_CHECKING:
    from .turn import Turn

ENTERED: Final = "I have entered the room"
LEFT: Final = "I have left the room"

MATCH_KEY: Final = "roomMatchKey"
MATCH_VALUE: Final = "roomMatchValue"


class Rooms:
    """The rooms of the server and their members.

    A room exists while it has a member. A connection may be in any number of rooms;
    that a client of this protocol is in one is the business of its verbs.

    Args:
        turn: What is said in one turn goes out in one write for each member.
        announce_limit: Rooms with more members than this do not announce who comes and goes.

    Attributes:
        announce_limit: The same; a reload may replace it.
    """

    def __init__(self, turn: Turn, announce_limit: int) -> None:
        self._turn = turn
        self.announce_limit = announce_limit
        self._rooms: dict[str, dict[Connection, None]] = {}

    def __len__(self) -> int:
        return len(self._rooms)

    def __contains__(self, room: str) -> bool:
        return room in self._rooms

    def join(self, connection: Connection, room: str) -> None:
        """Takes a connection into a room, whose other members hear of it."""
        members = self._rooms.setdefault(room, {})
        if connection in members:
            return
        members[connection] = None
        connection.rooms[room] = None
        self._announce(connection, room, ENTERED)

    def leave(self, connection: Connection, room: str) -> None:
        """Takes a connection out of a room, whose other members hear of it."""
        members = self._rooms.get(room)
        if members is None or connection not in members:
            return
        self._announce(connection, room, LEFT)
        del members[connection]
        del connection.rooms[room]
        if not members:
            del self._rooms[room]

    def leave_all(self, connection: Connection) -> None:
        """Takes a connection out of all its rooms."""
        for room in tuple(connection.rooms):
            self.leave(connection, room)

    def members(self, room: str) -> list[str]:
        """The ids of a room's members, in the order in which they came."""
        return [connection.id for connection in self._rooms.get(room, ())]

    def say(self, room: str, message: object) -> None:
        """Says something to all members of a room, in the name of the server.

        Members get ``{"message":…,"room":…,"from":0,"context":"api","sentAt":ms}``.

        Args:
            room: The room; where nobody is in it, nobody hears.
            message: A string, or any other JSON value.

        Raises:
            UnserializableError: The message is no JSON.
        """
        line = _said(message, room, 0, "api")
        with self._turn:
            _deliver(line, tuple(self._rooms.get(room, ())), None)

    def say_from(self, speaker: Connection, room: str, message: str) -> None:
        """Says what one client said to the others in a room.

        Where the speaker's sticky params hold ``roomMatchKey`` and ``roomMatchValue``,
        only those members hear it for whom that attribute has that value.
        """
        listeners: Iterable[Connection] = tuple(self._rooms.get(room, ()))
        key, value = speaker.params.get(MATCH_KEY), speaker.params.get(MATCH_VALUE)
        if key is not None and value is not None:
            listeners = [member for member in listeners if _matches(member, key, value)]
        _deliver(_said(message, room, speaker.id, "user"), listeners, speaker)

    def _announce(self, connection: Connection, room: str, message: str) -> None:
        members = self._rooms[room]
        if 1 < len(members) <= self.announce_limit:
            _deliver(_said(message, room, connection.id, "user"), tuple(members), connection)


def _said(message: object, room: str, speaker: str | int, context: str) -> bytes:
    return wire.line(
        {
            "message": message,
            "room": room,
            "from": speaker,
            "context": context,
            "sentAt": int(time.time() * 1000),
        }
    )


def _deliver(line: bytes, members: Iterable[Connection], speaker: Connection | None) -> None:
    for member in members:
        if member is not speaker:
            member.outbox.say(line)


def _matches(member: Connection, key: str, value: object) -> bool:
    """Whether the member's attribute has that value, as the text that a client can give."""
    if key == "id":
        return member.id == value
    attribute = member.attributes.get(key)
    if attribute is None:
        return False
    if isinstance(attribute, str):
        return attribute == value
    if not isinstance(attribute, int | float):
        return False
    try:
        text = json.dumps(attribute) if isinstance(attribute, bool) else str(attribute)
    except ValueError:
        # A number of more digits than Python writes.
        return False
    return text == str(value)
