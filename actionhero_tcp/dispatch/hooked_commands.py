"""The verbs around which hooks can run: ``roomChange`` and ``say``."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterable
from functools import partial
from typing import TYPE_CHECKING, Any

from ..app import coroutines
from ..app.hooks import ON_ROOM_CHANGE, ON_SAY, Hook
from ..connection.connection import ActionConnection, Connection
from ..wire.json_lines import Head
from .commands import OK, Commands

if TYPE_CHECKING:
    from ..app.hook_runner import Hooks
    from ..config.sections import Limits
    from ..connection.write_batch import WriteBatch
    from ..rooms.rooms import Rooms


class Hooked(Exception):  # noqa: N818 - it is no error
    """A verb has hooks around it, and is to be run as actions are.

    Args:
        run: What to run.
    """

    def __init__(self, run: HookedVerb) -> None:
        super().__init__(run)
        self.run = run


class HookedVerb:
    """A verb that runs as actions do, since its hooks may have to wait.

    Args:
        name: The verb.
        hooks: The hooks around it.
        run: Runs hooks and verb, and gives the head of the response.

    Attributes:
        name: The verb.
        place: Where its hooks are defined.
        kind: What it is called in the log.
        in_order: Its client's next requests wait for it, so that all is said in order.
        sends_file: It sends none.
    """

    __slots__ = ("_run", "name", "place")

    kind = "verb"
    in_order = True
    sends_file = False

    def __init__(
        self,
        name: str,
        hooks: Iterable[Hook],
        run: Callable[[ActionConnection], Coroutine[Any, Any, bytes]],
    ) -> None:
        self.name = name
        self.place = ", ".join(hook.place for hook in hooks)
        self._run = run

    def start(self, api: Any, connection: ActionConnection) -> Any:
        """Runs it; see `Action.start`."""
        return coroutines.start(self._headed(connection))

    async def _headed(self, connection: ActionConnection) -> Head:
        return Head(await self._run(connection))


class HookedCommands(Commands):
    """The verbs, with hooks around those that may have some.

    Args:
        rooms: See `Commands`.
        limits: See `Commands`.
        hooks: The hooks.
        turn: What is said after a hook had to wait goes out at its end.
    """

    def __init__(self, rooms: Rooms, limits: Limits, hooks: Hooks, write_batch: WriteBatch) -> None:
        super().__init__(rooms, limits)
        self._hooks = hooks
        self._write_batch = write_batch

    def _move(self, connection: Connection, room: str) -> None:
        hooks = self._hooks.of(ON_ROOM_CHANGE)
        if hooks:
            move = partial(self._move_if_allowed, connection, room)
            raise Hooked(HookedVerb("roomChange", hooks, move))
        super()._move(connection, room)

    async def _move_if_allowed(
        self, connection: Connection, room: str, face: ActionConnection
    ) -> bytes:
        await self._hooks.change_room(face, connection.room, room)
        with self._write_batch:
            super()._move(connection, room)
        return self._moved(room)

    def _say(self, connection: Connection, message: str) -> bytes:
        hooks = self._hooks.of(ON_SAY)
        if hooks:
            say = partial(self._say_what_is_allowed, connection, message)
            raise Hooked(HookedVerb("say", hooks, say))
        return super()._say(connection, message)

    async def _say_what_is_allowed(
        self, connection: Connection, message: str, face: ActionConnection
    ) -> bytes:
        for room in tuple(connection.rooms):
            allowed = await self._hooks.say(face, room, message)
            with self._write_batch:
                self._rooms.say_from(connection, room, allowed)
        return OK
