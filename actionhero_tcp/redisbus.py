"""Rooms over Redis: one room is one room, whichever process a member is connected to.

For each room that has a member here this process subscribes to the room's channel and keeps
the list of the members elsewhere. That list is read once, when the subscription is in force,
and then kept by what comes over the channel: who joined, who left, and what was said, all in
the order in which Redis got it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Final

import ujson

from .bus import Match
from .keys import Keys

if TYPE_CHECKING:
    from .redislink import RedisLink
    from .turn import Turn

Command = tuple[str | bytes | int, ...]

EXPIRY_SECONDS: Final = 3600
"""Keys that nobody refreshes go by themselves, should all processes die at once."""

MAX_WAITING: Final = 1000
"""As much may happen in one room until its subscription is in force; what is said beyond it
does not reach the other processes."""

_JOINED: Final = "j"
_LEFT: Final = "l"
_SAID: Final = "s"


class Listener:
    """Who hears what comes from other processes: the rooms, or a stand-in in tests."""

    def hear(self, room: str, line: bytes, match: Match | None) -> None:
        """Something was said elsewhere."""

    def entered(self, room: str, client: str) -> None:
        """A client elsewhere has entered."""

    def gone(self, room: str, client: str) -> None:
        """A client elsewhere has left."""

    def here(self) -> dict[str, list[str]]:
        """The rooms that have members here, and who these are."""
        raise NotImplementedError


class _Room:
    """One room that has members here.

    Attributes:
        elsewhere: Its members with other processes, and with which.
        waiting: What happened here before the subscription was in force; None afterwards.
        early: What was heard before the list of members was there; None afterwards.
    """

    __slots__ = ("early", "elsewhere", "waiting")

    def __init__(self, elsewhere: dict[str, str]) -> None:
        self.elsewhere = elsewhere
        self.waiting: list[Command] | None = []
        self.early: list[tuple[str, str, str]] | None = None


class RedisBus:
    """The bus over Redis.

    Args:
        link: The line to Redis.
        keys: The names there.
        node: The id of this process, without its incarnation.
        turn: What one turn says goes out in one go.
        listener: Hears what comes from elsewhere.

    Attributes:
        incarnation: This process's id as the others see it; it changes when it was taken for
            dead and comes back.
    """

    def __init__(
        self, link: RedisLink, keys: Keys, node: str, turn: Turn, listener: Listener
    ) -> None:
        self._link = link
        self._keys = keys
        self._node = node
        self._turn = turn
        self._listener = listener
        self._rooms: dict[str, _Room] = {}
        self._outgoing: list[Command] = []
        self._active = False
        self.incarnation = f"{node}.0"

    @property
    def rooms(self) -> list[str]:
        """The rooms that this process has subscribed to."""
        return list(self._rooms)

    # What happens here

    def joined(self, room: str, client: str) -> None:
        """See `Bus.joined`."""
        state = self._rooms.get(room)
        if state is None:
            state = self._open(room, {})
        self._tell(state, *self._entries(room, [client]))
        self._tell(state, self._message(room, _JOINED, client))

    def left(self, room: str, client: str) -> None:
        """See `Bus.left`."""
        state = self._rooms.get(room)
        self._tell(
            state,
            ("HDEL", self._keys.room(room), client),
            ("SREM", self._keys.held(self.incarnation), f"{client} {room}"),
            self._message(room, _LEFT, client),
        )
        if state is not None and not self._listener.here().get(room):
            del self._rooms[room]
            if self._active:
                self._link.unsubscribe(self._keys.said(room))

    def say(self, room: str, line: bytes, match: Match | None = None) -> None:
        """See `Bus.say`."""
        self._tell(self._rooms.get(room), self._message(room, _SAID, match, line))

    def members(self, room: str) -> Iterable[str]:
        """See `Bus.members`."""
        state = self._rooms.get(room)
        return state.elsewhere.keys() if state is not None and self._active else ()

    def count(self, room: str) -> int:
        """See `Bus.count`."""
        state = self._rooms.get(room)
        return len(state.elsewhere) if state is not None and self._active else 0

    # What happens to the line

    def begin(self, incarnation: str) -> None:
        """Redis is here, or has forgotten this process: all that is here is told anew."""
        self.incarnation = incarnation
        self._active = True
        before, self._rooms = self._rooms, {}
        for room in self._listener.here():
            known = before[room].elsewhere if room in before else {}
            self._open(room, known)

    def end(self) -> None:
        """Redis is away: nothing reaches the others, and their members are not shown."""
        self._active = False
        self._outgoing.clear()

    def forget(self, dead: Callable[[str], bool]) -> None:
        """Drops the members of processes that are dead; the listeners here hear that they left."""
        for room, state in self._rooms.items():
            for client in [c for c, node in state.elsewhere.items() if dead(node)]:
                self._remove(room, state, client)

    def refresh(self, rooms: Iterable[str]) -> None:
        """Keeps the keys of rooms from expiring."""
        for room in rooms:
            self._put(("EXPIRE", self._keys.room(room), EXPIRY_SECONDS))

    # One room

    def _open(self, room: str, known: dict[str, str]) -> _Room:
        """Subscribes to a room.

        Args:
            room: The room.
            known: The members elsewhere that the listeners here know of.
        """
        state = self._rooms[room] = _Room(known)
        if self._active:
            subscribed = self._link.subscribe(self._keys.said(room))
            subscribed.addCallback(self._subscribed, room, state)
            subscribed.addErrback(lambda _: None)
        return state

    def _subscribed(self, _: object, room: str, state: _Room) -> None:
        """From now on nothing is missed: this room's members are told, and those elsewhere read."""
        if self._rooms.get(room) is not state or not self._active:
            return
        waiting, state.waiting = state.waiting, None
        state.early = []
        here = self._listener.here().get(room, [])
        # What has waited tells of those who came one by one; who was there before is told here.
        self._put(*self._entries(room, here), self._message(room, _JOINED, here))
        self._put(*(waiting or ()))
        self._flush()
        read = self._link.call("HGETALL", self._keys.room(room))
        read.addCallback(self._read, room, state)
        read.addErrback(lambda _: None)

    def _read(self, reply: list[bytes], room: str, state: _Room) -> None:
        """The list of the members elsewhere has come; what was heard meanwhile follows it."""
        if self._rooms.get(room) is not state:
            return
        words = [word.decode("utf-8", "replace") for word in reply]
        now = dict(zip(words[::2], words[1::2], strict=True))
        now = {client: node for client, node in now.items() if not self._is_own(node)}
        if state.known:
            for client in [client for client in state.elsewhere if client not in now]:
                self._remove(room, state, client)
            for client in now:
                self._add(room, state, client, now[client])
        state.elsewhere = now
        early, state.early = state.early or [], None
        for event, client, node in early:
            self._happened(room, state, event, client, node)
