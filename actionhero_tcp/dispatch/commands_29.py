"""The verbs of the dialect of actionHero 29: a table of words, functions and help.

A verb takes what it needs of its line's words and ignores the rest.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any, Final

from twisted.internet.defer import Deferred

from .. import close_reasons
from ..app.hooks import ON_ROOM_CHANGE, ON_SAY
from ..app.runnable import Runnable
from ..connection.connected_client import ConnectedClient
from ..connection.connection import Connection
from ..errors import ClientError, LimitError
from ..wire import lines_29 as lines
from ..wire.json_writer import dumps
from ..wire.verbs import HELP_29
from .dialect import Response
from .documentation_29 import documentation
from .file_verb_29 import FileVerb
from .hooked_verb import HookedVerb
from .verb import Verb, by_words

if TYPE_CHECKING:
    from ..app.application import ActionSet
    from ..app.hook_runner import Hooks
    from ..config.settings import LiveSettings
    from ..connection.write_batch import WriteBatch
    from ..rooms.rooms import Rooms

_DETAILS: Final = (
    b'{%b,"params":%b,"connectedAt":%d,"rooms":%b,"totalActions":%d,"pendingActions":%d}'
)

_UNDEFINED: Final = "undefined"
"""The name of a missing word in errors."""


@dataclass(frozen=True, slots=True)
class LooseVerb(Verb):
    """A verb that is called whatever follows its word."""

    def answer(self, connection: ConnectedClient, number: int, rest: bytes) -> bytes | Runnable:
        """See `Verb.answer`; what is not UTF-8 is replaced."""
        try:
            argument = rest.decode()
        except UnicodeDecodeError:
            argument = rest.decode("utf-8", "replace")
        return self.run(connection, number, argument)


class Commands29:
    """The verbs of a client that is in any number of rooms.

    Args:
        rooms: The rooms.
        live: The limits of one client.
        hooks: The hooks around `roomAdd` and `say`.
        write_batch: What is said after a hook had to wait goes out at its end.
        actions: The actions that `documentation` shows.

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
        actions: ActionSet,
    ) -> None:
        self._rooms = rooms
        self._live = live
        self._hooks = hooks
        self._write_batch = write_batch
        self._actions = actions
        param, name, room = "a param and its value", "the name of a param", "the name of a room"
        rows: Iterable[tuple[Any, tuple[str, ...], str]] = (
            (self._quit, ("quit", "exit"), ""),
            (self._param_add, ("paramAdd",), param),
            (self._param_view, ("paramView",), name),
            (self._param_delete, ("paramDelete",), name),
            (self._params_view, ("paramsView",), ""),
            (self._params_delete, ("paramsDelete",), ""),
            (self._room_add, ("roomAdd",), room),
            (self._room_leave, ("roomLeave",), room),
            (self._room_view, ("roomView",), room),
            (self._details_view, ("detailsView",), ""),
            (self._say, ("say",), "a room and a message"),
            (self._file, ("file",), "a path"),
            (self._documentation, ("documentation",), ""),
        )
        self.verbs = tuple(
            LooseVerb(run, words, takes, False, HELP_29[words[0]]) for run, words, takes in rows
        )
        self.table = by_words(self.verbs)

    def _quit(self, connection: ConnectedClient, number: int, _: str) -> bytes:
        connection.farewell = lines.FAREWELL
        connection.close(close_reasons.QUIT)
        return b""

    # Params

    def _param_add(self, connection: ConnectedClient, number: int, argument: str) -> bytes:
        id = lines.message_id(connection.params)
        first, rest = argument, ""
        if " " in argument:
            first, _, rest = argument.partition(" ")
        key, equals, value = first.partition("=")
        if not equals:
            value = _word(rest)
        elif "=" in value:
            value = value.partition("=")[0]
        if key and (equals or rest):
            limits = self._live.limits
            connection.set_param(key, value, limits.max_params, limits.max_param_bytes)
        elif key:
            # A param without a value is undefined there, and shown nowhere.
            connection.delete_param(key)
        return lines.done(id, number)

    def _param_view(self, connection: ConnectedClient, number: int, argument: str) -> bytes:
        params, key = connection.params, _word(argument)
        id = lines.message_id(params)
        return lines.data(params[key], id, number) if key in params else lines.done(id, number)

    def _param_delete(self, connection: ConnectedClient, number: int, argument: str) -> bytes:
        id = lines.message_id(connection.params)
        connection.delete_param(_word(argument))
        return lines.done(id, number)

    def _params_view(self, connection: ConnectedClient, number: int, _: str) -> bytes:
        params = connection.params
        return lines.data(params, lines.message_id(params), number)

    def _params_delete(self, connection: ConnectedClient, number: int, _: str) -> bytes:
        id = lines.message_id(connection.params)
        connection.delete_params()
        return lines.done(id, number)

    # What the server knows

    def _details_view(self, connection: ConnectedClient, number: int, _: str) -> bytes:
        params = connection.params
        details = _DETAILS % (
            _identity(connection.id, connection.remote_address),
            dumps(params) if params else b"{}",
            connection.connected_at,
            dumps([*connection.rooms]) if connection.rooms else b"[]",
            connection.actions,
            len(connection.pending),
        )
        return lines.encoded(details, lines.message_id(params), number)

    def _documentation(self, connection: ConnectedClient, number: int, _: str) -> bytes:
        found = documentation(self._actions.actions)
        return lines.data(found, lines.message_id(connection.params), number)

    # Rooms

    def _room_add(
        self, connection: ConnectedClient, number: int, argument: str
    ) -> bytes | Runnable:
        room, id = _word(argument), lines.message_id(connection.params)
        if room in connection.rooms:
            raise ClientError(f"connection already in this room ({room})")
        if not room or self._rooms.is_private(room):
            raise _no_such_room()
        most = self._live.limits.max_rooms
        if len(connection.rooms) >= most:
            raise LimitError("maxRooms", f"a connection can be in at most {most} rooms")
        answer, hooks = lines.data(True, id, number), self._hooks.of(ON_ROOM_CHANGE)
        elsewhere = None
        if not self._exists(room):
            elsewhere = self._rooms.bus.exists_elsewhere(room)
            if elsewhere is None:
                raise _no_such_room()
        if hooks or elsewhere is not None:
            run = partial(self._join_if_allowed, connection, room, answer, elsewhere)
            return HookedVerb("roomAdd", hooks, run)
        self._rooms.join(connection, room)
        return answer

    def _exists(self, room: str) -> bool:
        return room in self._live.general.starting_chat_rooms or self._rooms.exists(room)

    async def _join_if_allowed(
        self,
        connection: ConnectedClient,
        room: str,
        answer: bytes,
        elsewhere: Deferred[bool] | None,
        api: Any,
        face: Connection,
    ) -> Response:
        if elsewhere is not None and not await elsewhere:
            raise _no_such_room()
        await self._hooks.change_room(api, face, connection.room, room)
        with self._write_batch:
            self._rooms.join(connection, room)
        return Response(answer)

    def _room_leave(self, connection: ConnectedClient, number: int, argument: str) -> bytes:
        room = _member_of(connection, argument)
        self._rooms.leave(connection, room)
        return lines.data(True, lines.message_id(connection.params), number)

    def _room_view(self, connection: ConnectedClient, number: int, argument: str) -> bytes:
        room = _member_of(connection, argument, in_status=True)
        members, count = self._rooms.members_since(room, self._live.limits.max_members_shown)
        shown = {client: {"id": client, "joinedAt": since} for client, since in members}
        view = {"room": room, "members": shown, "membersCount": count}
        return lines.data(view, lines.message_id(connection.params), number)

    def _say(self, connection: ConnectedClient, number: int, argument: str) -> bytes | Runnable:
        room, _, message = argument.partition(" ")
        if not room or not message:
            raise ClientError("both room and message are required")
        _member_of(connection, room)
        answer = lines.done(lines.message_id(connection.params), number)
        hooks = self._hooks.of(ON_SAY)
        if hooks:
            run = partial(self._say_if_allowed, connection, room, message, answer)
            return HookedVerb("say", hooks, run)
        self._rooms.say_from(connection, room, message)
        return answer

    async def _say_if_allowed(
        self,
        connection: ConnectedClient,
        room: str,
        message: str,
        answer: bytes,
        api: Any,
        face: Connection,
    ) -> Response:
        allowed = await self._hooks.say(api, face, room, message)
        with self._write_batch:
            if room in connection.rooms:
                self._rooms.say_from(connection, room, allowed)
        return Response(answer)

    # Files

    def _file(self, connection: ConnectedClient, number: int, argument: str) -> Runnable:
        path = _word(argument)
        if path:
            limits = self._live.limits
            connection.set_param("file", path, limits.max_params, limits.max_param_bytes)
        return FileVerb(connection.params.get("file"))


def _no_such_room() -> ClientError:
    return ClientError("room does not exist")


def _word(argument: str) -> str:
    return argument.partition(" ")[0]


def _member_of(connection: ConnectedClient, argument: str, *, in_status: bool = False) -> str:
    """The room that a line names, of which the client has to be a member.

    Clients of actionHero up to 17 look for the error in ``status``.
    """
    room = _word(argument)
    if room not in connection.rooms:
        error = f"connection not in this room ({room or _UNDEFINED})"
        status = {"status": f"not member of room {room or _UNDEFINED}"} if in_status else None
        raise ClientError(error, status)
    return room


@lru_cache(maxsize=1024)
def _identity(id: str, address: str) -> bytes:
    """The fields that tell who a client is; an address without a port counts as an IP with 0."""
    host, colon, port = address.rpartition(":")
    if not colon or not port.isdecimal():
        host, port = address, "0"
    return b'"id":"%b","fingerprint":"%b","remoteIP":%b,"remotePort":%d' % (
        *(id.encode(), id.encode()),
        *(dumps(host.strip("[]")), int(port)),
    )
