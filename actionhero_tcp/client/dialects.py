"""The dialects of the server, as the client speaks them: calls to lines.

The dialect of actionHero 29 differs in rooms, of which a client may be in several, and in params:
those of a request in JSON replace the sticky ones.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final, NoReturn

from . import requests


class Dialect:
    """The dialect of late 2012, and the base of the other.

    Attributes:
        name: Its name, as the server's option ``--dialect`` has it.
        offers_header: Whether every server that speaks it sends files with a header; None to
            find out.
        json_params_stick: Whether the params of a request in JSON replace the sticky ones.
    """

    name = "2012"
    offers_header: bool | None = None
    json_params_stick = False

    def action(self, name: str, params: Mapping[str, object]) -> bytes:
        """A request for an action, with these params and no others.

        Raises:
            UnserializableError: The params are no JSON; the text says which and why.
        """
        return requests.action(name, params)

    def param_add(self, key: str, value: object) -> bytes:
        """A request that makes a param sticky; the value is sent as text.

        Raises:
            ValueError: The key or the value cannot be sent.
        """
        if not key or "=" in key or any(map(str.isspace, key)):
            raise ValueError(f"a param's key is one word without =, not {key!r}")
        return requests.verb("paramAdd", f"{key}={value}")

    def say(self, message: str, rooms: list[str], room: str | None) -> bytes:
        """A request that says something.

        Args:
            message: The message.
            rooms: The rooms that the client is in.
            room: The room; None for the only one.

        Raises:
            ValueError: The message or the room cannot be sent.
        """
        if room is not None:
            raise ValueError("say takes no room in the dialect 2012: a client is in one room")
        return requests.verb("say", message)

    def room_change(self, room: str) -> bytes:
        """A request that leaves the room for another one."""
        return requests.verb("roomChange", room)

    def room_add(self, room: str) -> bytes:
        """A request that enters one more room."""
        self._refuse("room_add", "room_change")

    def room_leave(self, room: str) -> bytes:
        """A request that leaves a room."""
        self._refuse("room_leave", "room_change")

    def room_view(self, rooms: list[str], room: str | None) -> bytes:
        """A request that shows who is in a room; None for the only one."""
        if room is not None:
            raise ValueError("room_view takes no room in the dialect 2012")
        return requests.verb("roomView")

    def documentation(self) -> bytes:
        """A request for the actions, as clients of actionHero 9 to 29 make it."""
        self._refuse("documentation", "actions")

    def enter(self, rooms: list[str]) -> Iterator[bytes]:
        """The requests that enter rooms on a new connection."""
        for room in rooms[-1:]:
            yield self.room_change(room)

    def _refuse(self, call: str, instead: str) -> NoReturn:
        raise ValueError(f"the dialect {self.name} has no {call}; use {instead}")


class Dialect29(Dialect):
    """The dialect of actionHero 29."""

    name = "29"
    offers_header = True
    json_params_stick = True

    def action(self, name: str, params: Mapping[str, object]) -> bytes:
        """See `Dialect.action`; without params, the sticky ones would be used."""
        return requests.action(name, params) if params else requests.empty(name)

    def param_add(self, key: str, value: object) -> bytes:
        """See `Dialect.param_add`; the server takes one word without ``=``."""
        text = str(value)
        if "=" in text or any(map(str.isspace, text)):
            raise ValueError(
                f"a sticky param is one word without = in the dialect 29, not {text!r}"
            )
        return super().param_add(key, value)

    def say(self, message: str, rooms: list[str], room: str | None) -> bytes:
        """See `Dialect.say`."""
        if not message:
            raise ValueError("say takes a message that is not empty")
        return requests.verb("say", f"{_only(rooms, room)} {message}")

    def room_change(self, room: str) -> bytes:
        """See `Dialect.room_change`."""
        self._refuse("room_change", "room_add and room_leave")

    def room_add(self, room: str) -> bytes:
        """See `Dialect.room_add`."""
        return requests.verb("roomAdd", _word(room))

    def room_leave(self, room: str) -> bytes:
        """See `Dialect.room_leave`."""
        return requests.verb("roomLeave", _word(room))

    def room_view(self, rooms: list[str], room: str | None) -> bytes:
        """See `Dialect.room_view`."""
        return requests.verb("roomView", _only(rooms, room))

    def documentation(self) -> bytes:
        """See `Dialect.documentation`."""
        return requests.verb("documentation")

    def enter(self, rooms: list[str]) -> Iterator[bytes]:
        """See `Dialect.enter`."""
        for room in rooms:
            yield self.room_add(room)


DIALECTS: Final = {each.name: each for each in (Dialect(), Dialect29())}
"""The dialects by name."""


def named(name: str | int) -> Dialect:
    """Return the dialect with this name.

    Raises:
        ValueError: There is none.
    """
    found = DIALECTS.get(str(name))
    if found is None:
        raise ValueError(f"{name!r} is no dialect: expected {' or '.join(DIALECTS)}")
    return found


def _only(rooms: list[str], room: str | None) -> str:
    """The room, or the only one that the client is in."""
    if room is None:
        if len(rooms) != 1:
            raise ValueError(f"name the room: the client is in {len(rooms)} rooms")
        return rooms[0]
    return _word(room)


def _word(room: str) -> str:
    if not room or any(map(str.isspace, room)):
        raise ValueError(f"the name of a room is one word, not {room!r}")
    return room
