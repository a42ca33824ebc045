"""Rooms over Redis: one room is one room, whichever process a member is connected to.

For each room that has a member here this process subscribes to the room's channel and keeps
the list of the members elsewhere. That list is read once, when the subscription is in force,
and then kept by what comes over the channel: who joined, who left, and what was said, all in
the order in which Redis got it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Final, Protocol

import ujson
from twisted.logger import Logger

from .bus import Match
from .keys import Keys

if TYPE_CHECKING:
    from .redislink import Command, RedisLink
    from .turn import Turn

_log = Logger()

EXPIRY_SECONDS: Final = 3600
"""Keys that nobody refreshes go by themselves, should all processes die at once."""

CLIENTS_AT_ONCE: Final = 1000
"""So many clients are told of in one command."""

MAX_WAITING: Final = 1000
"""As much may happen in one room before its subscription is in force; what comes beyond it
does not reach the other processes."""

_JOINED: Final = "joined"
_LEFT: Final = "left"
_SAID: Final = "said"


class Listener(Protocol):
    """Who hears what comes from other processes: the rooms, or a stand-in in tests."""

    def hear(self, room: str, line: bytes, match: Match | None) -> None:
        """Something was said elsewhere."""

    def hear_entered(self, room: str, client: str) -> None:
        """A client elsewhere has entered."""

    def hear_left(self, room: str, client: str) -> None:
        """A client elsewhere has left."""

    def rooms_here(self) -> Iterable[str]:
        """The rooms that have members here."""
        ...

    def members_here(self, room: str) -> Sequence[str]:
        """The ids of the members here of a room."""
        ...


class _Room:
    """One room that has members here.

    Attributes:
        elsewhere: Its members with other processes: the client's id, and the process.
        silent: Whether the listeners here do not hear of members that were there before.
        waiting: What happened here before the subscription was in force; None afterwards.
        early: What was heard before the list of members was read; None afterwards.
    """

    __slots__ = ("early", "elsewhere", "silent", "waiting")

    def __init__(self, known: dict[str, str] | None) -> None:
        self.silent = known is None
        self.elsewhere: dict[str, str] = known or {}
        self.waiting: list[Command] | None = []
        self.early: list[tuple[str, str, list[str]]] | None = []


class RedisBus:
    """The bus over Redis.

    Args:
        link: The line to Redis.
        keys: The names there.
        turn: What one turn says goes out in one go.
        listener: Hears what comes from elsewhere.
        clients: Gives the ids of the clients of this process.

    Attributes:
        node: The id of this process and its incarnation, as the others see it. It changes
            when the process was taken for dead and comes back; None while Redis is away.
        alive: The processes that are known to be alive, by the same ids.
    """

    def __init__(
        self,
        link: RedisLink,
        keys: Keys,
        turn: Turn,
        listener: Listener,
        clients: Callable[[], Sequence[str]],
    ) -> None:
        self._link = link
        self._keys = keys
        self._turn = turn
        self._listener = listener
        self._clients = clients
        self._rooms: dict[str, _Room] = {}
        self._outgoing: list[Command] = []
        self.node: str | None = None
        self.alive: frozenset[str] = frozenset()

    @property
    def rooms(self) -> list[str]:
        """The rooms that this process has subscribed to."""
        return list(self._rooms)

    @property
    def nodes(self) -> set[str]:
        """The processes that members elsewhere are connected to."""
        return {node for room in self._rooms.values() for node in room.elsewhere.values()}

    # What happens here

    def connected(self, client: str) -> None:
        """See `Bus.connected`."""
        self._register([client])

    def disconnected(self, client: str) -> None:
        """See `Bus.disconnected`."""
        if self.node is not None:
            self._put(
                ("HDEL", self._keys.clients, client),
                ("SREM", self._keys.held(self.node), f"{client} "),
            )

    def joined(self, room: str, client: str) -> None:
        """See `Bus.joined`."""
        state = self._rooms.get(room)
        if state is None:
            # All who are there are told of when the subscription is in force.
            self._open(room, None)
        else:
            self._tell(state, *self._enrolment(room, [client]))

    def left(self, room: str, client: str) -> None:
        """See `Bus.left`."""
        state = self._rooms.get(room)
        self._tell(
            state,
            ("HDEL", self._keys.room(room), client),
            ("SREM", self._keys.held(self.node or ""), f"{client} {room}"),
            self._message(room, _LEFT, [client]),
        )
        if state is not None and not self._listener.members_here(room):
            del self._rooms[room]
            if self.node is not None:
                self._link.unsubscribe(self._keys.said(room))

    def say(self, room: str, line: bytes, match: Match | None = None) -> None:
        """See `Bus.say`."""
        self._tell(self._rooms.get(room), self._message(room, _SAID, list(match or ()), line))

    def members(self, room: str) -> Iterable[str]:
        """See `Bus.members`."""
        state = self._rooms.get(room)
        return state.elsewhere.keys() if state is not None and self.node is not None else ()

    def count(self, room: str) -> int:
        """See `Bus.count`."""
        state = self._rooms.get(room)
        return len(state.elsewhere) if state is not None and self.node is not None else 0

    # What happens to Redis

    def begin(self, node: str) -> None:
        """Redis is here, or has forgotten this process: everything is told it anew."""
        self.node = node
        clients = self._clients()
        for start in range(0, len(clients), CLIENTS_AT_ONCE):
            self._register(clients[start : start + CLIENTS_AT_ONCE])
        before, self._rooms = self._rooms, {}
        for room in self._listener.rooms_here():
            self._open(room, before[room].elsewhere if room in before else None)

    def end(self) -> None:
        """Redis is away: nothing reaches the others, and their members are not shown."""
        self.node = None
        self._outgoing.clear()

    def drop(self, dead: Callable[[str], bool]) -> None:
        """Forgets the members of dead processes; the listeners here hear that they have left."""
        for room, state in self._rooms.items():
            for client in [client for client, node in state.elsewhere.items() if dead(node)]:
                self._remove(room, state, client)

    def refresh(self, rooms: Iterable[str]) -> None:
        """Keeps the keys of rooms from expiring."""
        self._put(*(("EXPIRE", self._keys.room(room), EXPIRY_SECONDS) for room in rooms))

    def heard(self, room: str, message: bytes) -> None:
        """Something came over the channel of a room."""
        state = self._rooms.get(room)
        if state is None or state.waiting is not None or self.node is None:
            return
        head, _, line = message.partition(b"\n")
        try:
            node, event, words = ujson.loads(head)
            own = is_same_process(node, self.node)
        except (ValueError, TypeError, AttributeError):
            _log.warn("a message on the channel of a room is none of ours")
            return
        if own:
            return
        if event == _SAID:
            self._listener.hear(room, line, (words[0], words[1]) if words else None)
        elif state.early is not None:
            state.early.append((node, event, words))
        else:
            self._happened(room, state, node, event, words)

    # One room

    def _open(self, room: str, known: dict[str, str] | None) -> None:
        """Subscribes to a room.

        Args:
            room: The room.
            known: The members elsewhere that the listeners here know of already; None where
                they are new themselves.
        """
        state = self._rooms[room] = _Room(known)
        if self.node is not None:
            subscribed = self._link.subscribe(self._keys.said(room))
            subscribed.addCallback(self._subscribed, room, state)
            subscribed.addErrback(lambda _: None)

    def _subscribed(self, _: object, room: str, state: _Room) -> None:
        """From now on nothing is missed: those here are told of, and those elsewhere read."""
        if self._rooms.get(room) is not state or self.node is None:
            return
        waiting, state.waiting = state.waiting or [], None
        self._put(*self._enrolment(room, self._listener.members_here(room)), *waiting)
        self.flush()
        read = self._link.call("HGETALL", self._keys.room(room))
        read.addCallback(self._read, room, state)
        read.addErrback(lambda _: None)

    def _read(self, reply: list[bytes], room: str, state: _Room) -> None:
        """The list of the members elsewhere has come; what was heard meanwhile follows it."""
        if self._rooms.get(room) is not state or self.node is None:
            return
        words = [word.decode("utf-8", "replace") for word in reply]
        listed = dict(zip(words[::2], words[1::2], strict=True))
        listed = {c: node for c, node in listed.items() if not is_same_process(node, self.node)}
        if state.silent:
            state.elsewhere = listed
        # Of a process that is not alive the list may tell nothing yet: it may be coming back
        # too. If it does not, `drop` will tell.
        for client, node in list(state.elsewhere.items()):
            if client not in listed and node in self.alive:
                self._remove(room, state, client)
        for client, node in listed.items():
            self._add(room, state, client, node)
        early, state.early = state.early or [], None
        for event in early:
            self._happened(room, state, *event)

    def _happened(self, room: str, state: _Room, node: str, event: str, clients: list[str]) -> None:
        for client in clients:
            if event == _JOINED:
                self._add(room, state, client, node)
            elif state.elsewhere.get(client) == node:
                self._remove(room, state, client)

    def _add(self, room: str, state: _Room, client: str, node: str) -> None:
        new = client not in state.elsewhere
        state.elsewhere[client] = node
        if new:
            self._listener.hear_entered(room, client)

    def _remove(self, room: str, state: _Room, client: str) -> None:
        del state.elsewhere[client]
        self._listener.hear_left(room, client)

    # What goes out

    def _register(self, clients: Sequence[str]) -> None:
        """Tells Redis of clients here, whatever rooms they are in."""
        if self.node is not None:
            words = [word for client in clients for word in (client, self.node)]
            self._put(
                ("HSET", self._keys.clients, *words),
                ("SADD", self._keys.held(self.node), *(f"{client} " for client in clients)),
            )

    def _enrolment(self, room: str, clients: Sequence[str]) -> list[Command]:
        """What tells Redis, and then the others, of members here."""
        if not clients or self.node is None:
            return []
        members, held = self._keys.room(room), self._keys.held(self.node)
        return [
            ("HSET", members, *(word for client in clients for word in (client, self.node))),
            ("EXPIRE", members, EXPIRY_SECONDS),
            ("SADD", held, *(f"{client} {room}" for client in clients)),
            self._message(room, _JOINED, list(clients)),
        ]

    def _message(self, room: str, event: str, words: list[str], line: bytes = b"") -> Command:
        head = ujson.dumps([self.node, event, words], ensure_ascii=False)
        message = head.encode("utf-8", "surrogatepass") + b"\n" + line
        return ("PUBLISH", self._keys.said(room), message)

    def _tell(self, state: _Room | None, *commands: Command) -> None:
        """Sends commands; after those that wait for the room's subscription, if it is not there."""
        if self.node is None:
            return
        if state is None or state.waiting is None:
            self._put(*commands)
        elif len(state.waiting) < MAX_WAITING:
            state.waiting += commands

    def _put(self, *commands: Command) -> None:
        if self.node is None:
            return
        if not self._outgoing:
            self._turn.afterwards(self.flush)
        self._outgoing += commands

    def flush(self) -> None:
        """Sends what waits for the turn's end."""
        outgoing, self._outgoing = self._outgoing, []
        if outgoing:
            self._link.tell(outgoing)


def is_same_process(node: str, other: str) -> bool:
    """Whether two ids are those of one process, be it in two incarnations."""
    return node.partition(".")[0] == other.partition(".")[0]
