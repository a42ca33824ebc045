"""The verbs of the protocol: a table, word to function, each with its help line.

A verb gets the connection and its argument, and gives the head of the response
(`wire.NUMBERED` adds the request's number). What a verb takes is checked in one
place, before it runs. Another dialect of the protocol is another such table.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from .. import close_reasons
from ..connection.connection import Connection
from ..errors import ClientError, LimitError
from ..rooms.rooms import Rooms
from ..wire import json_lines, json_writer

if TYPE_CHECKING:
    from ..config.sections import Limits

OK: Final = json_lines.head({"context": "response", "status": "OK"})
"""The head of a response with nothing in it."""

_PARAM_OK: Final = json_lines.head({"status": "OK", "context": "response"})
_BYE: Final = json_lines.head({"status": "Bye!", "context": "response"})
_PARAMS: Final = b'{"context":"response","params":%b,'
_DETAILS: Final = (
    b'{"context":"response","status":"OK","details":'
    b'{"params":%b,"public":{"id":"%b","connectedAt":%d}},'
)

QUIT: Final = b"quit"
"""The verb that the bytes of Ctrl-D and Ctrl-C stand for."""

Run = Callable[[Connection, str], bytes]


@dataclass(frozen=True, slots=True)
class Verb:
    """One verb.

    Attributes:
        run: Does it, and gives the head of the response.
        words: The words that call it, the older spellings last.
        takes: What argument it takes, for people; empty where it takes none.
        one_word: Whether the argument is one word, which blanks may surround.
        help: What it does, in one line.
    """

    run: Run
    words: tuple[str, ...]
    takes: str
    one_word: bool
    help: str

    def answer(self, connection: Connection, argument: str) -> bytes:
        """Checks the argument and runs the verb.

        Args:
            connection: Who asked.
            argument: All that followed the first blank of the line.

        Returns:
            The head of the response.

        Raises:
            ClientError: The argument is missing, or not what the verb takes.
        """
        if self.one_word:
            argument = argument.strip(" \t")
            if not argument or " " in argument or "\t" in argument:
                raise self.wrong_argument()
        elif not argument:
            if self.takes:
                raise self.wrong_argument()
        elif not self.takes and not argument.isspace():
            raise ClientError(f"{self.name} takes no argument")
        return self.run(connection, argument)

    def wrong_argument(self) -> ClientError:
        """The error that says what the verb takes."""
        return ClientError(f"{self.name} takes {self.takes}, as in: {self.example}")

    @property
    def name(self) -> str:
        """The word that calls it today."""
        return self.words[0]

    @property
    def example(self) -> str:
        """How the verb is used."""
        return f"{self.name} {_EXAMPLES[self.takes]}" if self.takes else self.name


_EXAMPLES: Final = {
    "a param and its value": "key=value",
    "the name of a param": "key",
    "the name of a room": "myRoom",
    "a message": "hello",
}


class Commands:
    """The verbs of a client that is in one room at a time.

    Args:
        rooms: The rooms.
        limits: What one client may use.

    Attributes:
        limits: The limits; a reload may replace them.
        table: The verbs by their words, as bytes of the line.
    """

    def __init__(self, rooms: Rooms, limits: Limits) -> None:
        self._rooms = rooms
        self.limits = limits
        param, name = "a param and its value", "the name of a param"
        self.verbs: tuple[Verb, ...] = (
            Verb(self._quit, ("quit", "exit", "close"), "", False, "say goodbye and hang up"),
            Verb(self._param_add, ("paramAdd", "addParam"), param, False, "make a param sticky"),
            Verb(self._param_view, ("paramView", "viewParam"), name, True, "show a sticky param"),
            Verb(
                self._param_delete,
                ("paramDelete", "deleteParam"),
                name,
                True,
                "forget a sticky param",
            ),
            Verb(self._params_view, ("paramsView",), "", False, "show all sticky params"),
            Verb(self._params_delete, ("paramsDelete",), "", False, "forget all sticky params"),
            Verb(
                self._room_change,
                ("roomChange",),
                "the name of a room",
                True,
                "leave the room for another one",
            ),
            Verb(self._room_view, ("roomView",), "", False, "show who is in the room"),
            Verb(self._details_view, ("detailsView",), "", False, "show what the server knows"),
            Verb(self._say, ("say",), "a message", False, "say something to the room"),
        )
        self.table: dict[bytes, Verb] = {
            word.encode(): verb for verb in self.verbs for word in verb.words
        }

    def _quit(self, connection: Connection, _: str) -> bytes:
        connection.close(close_reasons.QUIT)
        return _BYE

    def _param_add(self, connection: Connection, argument: str) -> bytes:
        key, equals, value = argument.partition("=")
        if not key.isidentifier() or not equals:
            key = key.strip(" \t")
            if not equals or not key or " " in key or "\t" in key:
                raise self.table[b"paramAdd"].wrong_argument()
        limits = self.limits
        connection.set_param(key, value, limits.max_params, limits.max_param_bytes)
        return _PARAM_OK

    def _param_view(self, connection: Connection, key: str) -> bytes:
        params = connection.params
        return _PARAMS % json_writer.dumps({key: params[key]} if key in params else {})

    def _param_delete(self, connection: Connection, key: str) -> bytes:
        connection.delete_param(key)
        return _PARAM_OK

    def _params_view(self, connection: Connection, _: str) -> bytes:
        return _PARAMS % json_writer.dumps(connection.params)

    def _params_delete(self, connection: Connection, _: str) -> bytes:
        connection.delete_params()
        return OK

    def _room_change(self, connection: Connection, room: str) -> bytes:
        longest = self.limits.max_room_name_length
        if len(room) > longest:
            raise LimitError("maxRoomNameLength", f"a room's name has at most {longest} characters")
        if room not in connection.rooms:
            self._move(connection, room)
        return self._moved(room)

    def _move(self, connection: Connection, room: str) -> None:
        self._rooms.leave_all(connection)
        self._rooms.join(connection, room)

    def _moved(self, room: str) -> bytes:
        return json_lines.head({"context": "response", "status": "OK", "room": room})

    def _room_view(self, connection: Connection, _: str) -> bytes:
        room = connection.room
        most = self.limits.max_members_shown
        members, count = self._rooms.first_members(room, most) if room is not None else ([], 0)
        status = {"room": room, "members": members, "membersCount": count}
        return json_lines.head(
            {"context": "response", "status": "OK", "room": room, "roomStatus": status}
        )

    def _details_view(self, connection: Connection, _: str) -> bytes:
        params = json_writer.dumps(connection.params) if connection.params else b"{}"
        return _DETAILS % (params, connection.id.encode(), connection.connected_at)

    def _say(self, connection: Connection, message: str) -> bytes:
        for room in connection.rooms:
            self._rooms.say_from(connection, room, message)
        return OK
