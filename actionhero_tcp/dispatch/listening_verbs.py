"""`listenToRoom` and `silenceRoom` of actionHero 4.2, by which a client hears other rooms."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ..connection.connected_client import ConnectedClient
from ..errors import LimitError
from ..wire import json_lines
from ..wire.json_lines import NUMBERED
from .verb import Verb

if TYPE_CHECKING:
    from ..config.settings import LiveSettings
    from ..rooms.rooms import Rooms

LISTENS_ALREADY: Final = "you are already listening to this room"
LISTENS_NOT: Final = "you are not listening to this room"


def listening_verbs(rooms: Rooms, live: LiveSettings) -> tuple[Verb, ...]:
    """Make the verbs.

    Args:
        rooms: The rooms.
        live: How many rooms a client may listen to, and how long their names are.
    """

    def listen(connection: ConnectedClient, number: int, room: str) -> bytes:
        listened, limits = rooms.listening.of(connection), live.limits
        if room in listened:
            return _answer(number, room, LISTENS_ALREADY)
        if len(room) > limits.max_room_name_length:
            most = limits.max_room_name_length
            raise LimitError("maxRoomNameLength", f"a room's name has at most {most} characters")
        rooms.refuse_private(room)
        if len(listened) >= limits.max_rooms:
            most = limits.max_rooms
            raise LimitError("maxRooms", f"a connection can listen to at most {most} rooms")
        rooms.listen(connection, room)
        return _answer(number, room)

    def silence(connection: ConnectedClient, number: int, room: str) -> bytes:
        if room not in rooms.listening.of(connection):
            return _answer(number, room, LISTENS_NOT)
        rooms.silence(connection, room)
        return _answer(number, room)

    takes = "the name of a room"
    return (
        Verb(listen, ("listenToRoom",), takes, True, "hear what is said in a room"),
        Verb(silence, ("silenceRoom",), takes, True, "hear it no longer"),
    )


def _answer(number: int, room: str, error: str = "") -> bytes:
    fields = {"context": "response", "status": "OK", "room": room}
    return NUMBERED % (json_lines.head({**fields, "error": error} if error else fields), number)
