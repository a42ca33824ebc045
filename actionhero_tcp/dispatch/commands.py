"""The verbs of the dialect of 2012: a table of words, functions and help.

A verb gets the connection, the request's number and its argument, which `Verb.answer` has
checked, and gives the response. Where the application has hooks around it, it gives what runs
these and then the verb.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final

from .. import close_reasons
from ..app.hooks import ON_ROOM_CHANGE, ON_SAY
from ..app.runnable import Runnable
from ..connection.connected_client import ConnectedClient
from ..connection.connection import Connection
from ..errors import LimitError
from ..wire import json_lines, json_writer
from ..wire.json_lines import NUMBERED
from ..wire.verbs import HELP
from .dialect import Response
from .generations import DEFAULT, Generation
from .hooked_verb import HookedVerb
from .listening_verbs import listening_verbs
from .verb import Verb, by_words

if TYPE_CHECKING:
    from ..app.hook_runner import Hooks
    from ..config.settings import LiveSettings
    from ..connection.write_batch import WriteBatch
    from ..rooms.rooms import Rooms

_END: Final = b'"messageCount":%d}\r\n'
_OK: Final = b'{"context":"response","status":"OK",' + _END
_PARAM_OK: Final = b'{"status":"OK","context":"response",' + _END
_PARAMS: Final = b'{"context":"response","params":%b,' + _END
_DETAILS: Final = b'{"context":"response","status":"OK","details":%b,' + _END


class Commands:
    """The verbs of a client that is in one room at a time.

    Args:
        rooms: The rooms.
        live: The limits of one client.
        hooks: The hooks around `roomChange` and `say`.
        write_batch: What is said after a hook had to wait goes out at its end.
        generation: How clients of one version of actionHero are answered.

    Attributes:
        verbs: The verbs.
        table: The verbs by their words, as bytes of the line.
    """

    def __init__(
        self,
        rooms: Rooms,
        live: LiveSettings,
        hooks: Hooks,
        write_batch: WriteBatch,
        generation: Generation = DEFAULT,
    ) -> None:
        self._generation = generation
        self._rooms = rooms
        self._live = live
        self._hooks = hooks
        self._write_batch = write_batch
        param, name = "a param and its value", "the name of a param"
        self.verbs: tuple[Verb, ...] = (
            Verb(self._quit, ("quit", "exit", "close"), "", False, HELP["quit"]),
            Verb(self._param_add, ("paramAdd", "addParam"), param, False, HELP["paramAdd"]),
            Verb(self._param_view, ("paramView", "viewParam"), name, True, HELP["paramView"]),
            Verb(
                self._param_delete,
                ("paramDelete", "deleteParam"),
                name,
                True,
                HELP["paramDelete"],
            ),
            Verb(self._params_view, ("paramsView",), "", False, HELP["paramsView"]),
            Verb(self._params_delete, ("paramsDelete",), "", False, HELP["paramsDelete"]),
            Verb(
                self._room_change,
                ("roomChange",),
                "the name of a room",
                True,
                HELP["roomChange"],
            ),
            Verb(self._room_view, ("roomView",), "", False, HELP["roomView"]),
            Verb(self._details_view, ("detailsView",), "", False, HELP["detailsView"]),
            Verb(self._say, ("say",), "a message", False, HELP["say"]),
            *(listening_verbs(rooms, live) if generation.listens else ()),
        )
        self.table = by_words(self.verbs)

    def _quit(self, connection: ConnectedClient, number: int, _: str) -> bytes:
        connection.close(close_reasons.QUIT)
        return self._generation.bye % number

    def _param_add(self, connection: ConnectedClient, number: int, argument: str) -> bytes:
        key, equals, value = argument.partition("=")
        if not key.isidentifier() or not equals:
            key = key.strip(" \t")
            if not equals or not key or " " in key or "\t" in key:
                raise self.table[b"paramAdd"].wrong_argument()
        limits = self._live.limits
        connection.set_param(key, value, limits.max_params, limits.max_param_bytes)
        return _PARAM_OK % number

    def _param_view(self, connection: ConnectedClient, number: int, key: str) -> bytes:
        params = connection.params
        shown = {key: params[key]} if key in params else {}
        return _PARAMS % (json_writer.dumps(shown), number)

    def _param_delete(self, connection: ConnectedClient, number: int, key: str) -> bytes:
        connection.delete_param(key)
        return _PARAM_OK % number

    def _params_view(self, connection: ConnectedClient, number: int, _: str) -> bytes:
        return _PARAMS % (json_writer.dumps(connection.params), number)

    def _params_delete(self, connection: ConnectedClient, number: int, _: str) -> bytes:
        connection.delete_params()
        return _OK % number

    def _details_view(self, connection: ConnectedClient, number: int, _: str) -> bytes:
        return _DETAILS % (self._generation.details(connection), number)

    def _room_view(self, connection: ConnectedClient, number: int, _: str) -> bytes:
        room = connection.room
        most = self._live.limits.max_members_shown
        members, count = self._rooms.first_members(room, most) if room is not None else ([], 0)
        status = {"room": room, "members": members, "membersCount": count}
        fields = {"context": "response", "status": "OK", "room": room, "roomStatus": status}
        return NUMBERED % (json_lines.head(fields), number)

    def _room_change(self, connection: ConnectedClient, number: int, room: str) -> bytes | Runnable:
        longest = self._live.limits.max_room_name_length
        if len(room) > longest:
            raise LimitError("maxRoomNameLength", f"a room's name has at most {longest} characters")
        self._rooms.refuse_private(room)
        if room == connection.room:
            return _in_room(number, room)
        hooks = self._hooks.of(ON_ROOM_CHANGE)
        if hooks:
            return HookedVerb(
                "roomChange", hooks, partial(self._move_if_allowed, connection, number, room)
            )
        return self._move(connection, number, room)

    def _move(self, connection: ConnectedClient, number: int, room: str) -> bytes:
        self._rooms.move(connection, room)
        return _in_room(number, room)

    async def _move_if_allowed(
        self, connection: ConnectedClient, number: int, room: str, api: Any, face: Connection
    ) -> Response:
        await self._hooks.change_room(api, face, connection.room, room)
        with self._write_batch:
            return Response(self._move(connection, number, room))

    def _say(self, connection: ConnectedClient, number: int, message: str) -> bytes | Runnable:
        hooks = self._hooks.of(ON_SAY)
        if hooks:
            return HookedVerb(
                "say", hooks, partial(self._say_if_allowed, connection, number, message)
            )
        if connection.room is not None:
            self._rooms.say_from(connection, connection.room, message)
        return _OK % number

    async def _say_if_allowed(
        self, connection: ConnectedClient, number: int, message: str, api: Any, face: Connection
    ) -> Response:
        room = connection.room
        if room is not None:
            allowed = await self._hooks.say(api, face, room, message)
            with self._write_batch:
                self._rooms.say_from(connection, room, allowed)
        return Response(_OK % number)


def _in_room(number: int, room: str) -> bytes:
    fields = {"context": "response", "status": "OK", "room": room}
    return NUMBERED % (json_lines.head(fields), number)
