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
from twisted.python.failure import Failure

from ..bus import Match
from ..errors import printable
from .keys import Keys

if TYPE_CHECKING:
    from ..turn import Turn
    from .link import RedisLink
    from .protocol import Command

_log = Logger()

EXPIRY_SECONDS: Final = 3600
"""Keys that nobody refreshes go by themselves, should all processes die at once."""

CLIENTS_AT_ONCE: Final = 1000
"""So many clients are told of in one command."""

MAX_WAITING: Final = 8 * 1024 * 1024
"""So many bytes may wait in one room until its subscription is in force. What comes beyond them
does not reach the other processes; who is where is told them anew with the next heartbeat."""

MAX_EARLY: Final = 10_000
"""So many members may come and go elsewhere until the list of a room is read. Where they are
more, all lists are read anew with the next heartbeat."""

_COMMAND_BYTES: Final = 300
"""What a command that waits takes beside what is said, about."""

_JOINED: Final = "joined"
_LEFT: Final = "left"
_SAID: Final = "said"

_Happening = tuple[str, str, list[str]]
"""What came from elsewhere: the process, what it is, and the clients or the match."""


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
        known: Whether the listeners here know of the members elsewhere.
        elsewhere: These members: the client's id, and the process.
        waiting: What happened here before the subscription was in force; None afterwards.
        waiting_bytes: What that takes.
        early: What was heard before the list of members was read; None afterwards.
    """

    __slots__ = ("early", "elsewhere", "known", "waiting", "waiting_bytes")

    def __init__(self, known: dict[str, str] | None) -> None:
        self.known = known is not None
        self.elsewhere: dict[str, str] = known or {}
        self.waiting: list[Command] | None = []
        self.waiting_bytes = 0
        self.early: list[_Happening] | None = []


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
        self._junk_heard = False
        self._own = self._said = b""
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
            ("PUBLISH", self._keys.said(room), self._head(_LEFT, [client])),
        )
        if state is not None and not self._listener.members_here(room):
            del self._rooms[room]
            # Nobody here will hear it any more, but what happened is told all the same.
            self._put(*(state.waiting or ()))
            if self._link.is_here:
                self._link.unsubscribe(self._keys.said(room))

    def say(self, room: str, line: bytes, match: Match | None = None) -> None:
        """See `Bus.say`."""
        head = self._head(_SAID, list(match)) if match else self._said
        self._tell(self._rooms.get(room), ("PUBLISH", self._keys.said(room), head + line))

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
        self.flush()
        self.node = node
        self._own = f'["{node.partition(".")[0]}.'.encode()
        self._said = self._head(_SAID, [])
        clients = self._clients()
        for start in range(0, len(clients), CLIENTS_AT_ONCE):
            self._register(clients[start : start + CLIENTS_AT_ONCE])
        before, self._rooms = self._rooms, {}
        for room in self._listener.rooms_here():
            state = before.get(room)
            self._open(room, state.elsewhere if state is not None and state.known else None)
            if state is not None and state.waiting:
                self._tell(self._rooms[room], *filter(_says, state.waiting))

    def end(self) -> None:
        """Redis is away: nothing reaches the others, and their members are not shown."""
        self.node = None
        self.alive = frozenset()
        self._outgoing.clear()

    def drop(self, dead: Callable[[str], bool]) -> None:
        """Forgets the members of dead processes; the listeners here hear that they have left."""
        # Who hears it may be cut off for being slow, and leave rooms meanwhile.
        for room, state in tuple(self._rooms.items()):
            for client in [client for client, node in state.elsewhere.items() if dead(node)]:
                self._remove(room, state, client)

    def refresh(self, rooms: Iterable[str]) -> None:
        """Keeps the keys of rooms from expiring."""
        self._put(*(("EXPIRE", self._keys.room(room), EXPIRY_SECONDS) for room in rooms))

    def heard(self, room: str, message: bytes) -> None:
        """Something came over the channel of a room."""
        state = self._rooms.get(room)
        if state is None or self.node is None:
            return
        if message.startswith(self._own):
            return
        happening = _parse(message)
        if happening is None:
            self._note_junk(room)
            return
        node, event, words = happening
        if event == _SAID:
            match = (words[0], words[1]) if words else None
            self._listener.hear(room, message[message.index(b"\n") + 1 :], match)
        elif state.early is None:
            self._happened(room, state, node, event, words)
        elif state.waiting is not None and not state.known:
            # A subscription that is about to end still tells of it, but not of what follows.
            return
        elif len(state.early) < MAX_EARLY:
            state.early.append(happening)
        else:
            self._link.failures += 1

    def _note_junk(self, room: str) -> None:
        if not self._junk_heard:
            self._junk_heard = True
            _log.warn(
                "something else publishes on our channels, first on that of room {room}; "
                "it is ignored",
                room=printable(room),
            )

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
            self._tell(state, *self._enrolment(room, self._listener.members_here(room)))
            subscribed = self._link.subscribe(self._keys.said(room))
            subscribed.addCallback(self._subscribed, room, state)
            subscribed.addErrback(self._failed)

    def _subscribed(self, _: object, room: str, state: _Room) -> None:
        """From now on nothing is missed: those here are told of, and those elsewhere read."""
        if self._rooms.get(room) is not state or self.node is None:
            return
        waiting, state.waiting = state.waiting or [], None
        self._put(*waiting)
        self.flush()
        read = self._link.call("HGETALL", self._keys.room(room))
        read.addCallback(self._read, room, state)
        read.addErrback(self._failed)

    def _failed(self, _: Failure) -> None:
        """Redis refuses what a room needs: the next heartbeat begins anew."""
        self._link.failures += 1

    def _read(self, reply: list[bytes], room: str, state: _Room) -> None:
        """The list of the members elsewhere has come; what was heard meanwhile follows it."""
        if self._rooms.get(room) is not state or self.node is None:
            return
        words = [word.decode("utf-8", "replace") for word in reply]
        listed = dict(zip(words[::2], words[1::2], strict=True))
        listed = {c: node for c, node in listed.items() if not is_same_process(node, self.node)}
        if not state.known:
            # To those here they have not come just now.
            state.elsewhere, state.known = listed, True
        # Of a process that is not alive the list may tell nothing yet: it may be coming back
        # too. If it does not, `drop` will tell.
        for client, node in tuple(state.elsewhere.items()):
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
        before = state.elsewhere.get(client)
        if before is None:
            state.elsewhere[client] = node
            self._listener.hear_entered(room, client)
        elif incarnation(before) <= incarnation(node):
            state.elsewhere[client] = node

    def _remove(self, room: str, state: _Room, client: str) -> None:
        del state.elsewhere[client]
        self._listener.hear_left(room, client)

    # What goes out

    def _register(self, clients: Sequence[str]) -> None:
        """Tells Redis of clients here, whatever rooms they are in."""
        if self.node is not None:
            held = self._keys.held(self.node)
            words = [word for client in clients for word in (client, self.node)]
            self._put(
                ("HSET", self._keys.clients, *words),
                ("EXPIRE", self._keys.clients, EXPIRY_SECONDS),
                ("SADD", held, *(f"{client} " for client in clients)),
                ("EXPIRE", held, EXPIRY_SECONDS),
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
            ("PUBLISH", self._keys.said(room), self._head(_JOINED, list(clients))),
        ]

    def _head(self, event: str, words: list[str]) -> bytes:
        """The first line of a message; it begins with the node, so that each knows its own."""
        head = ujson.dumps([self.node, event, words], ensure_ascii=False)
        return head.encode("utf-8", "surrogatepass") + b"\n"

    def _tell(self, state: _Room | None, *commands: Command) -> None:
        """Sends commands; after those that wait for the room's subscription, if it is not there."""
        if self.node is None:
            return
        if state is None or state.waiting is None:
            self._put(*commands)
        elif state.waiting_bytes < MAX_WAITING:
            state.waiting += commands
            state.waiting_bytes += sum(map(_size, commands))
        else:
            self._link.failures += 1

    def _put(self, *commands: Command) -> None:
        if self.node is None or not commands:
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


def incarnation(node: str) -> int:
    """The how manieth incarnation of its process an id is; 0 where it is no such id."""
    number = node.partition(".")[2]
    return int(number) if number.isdecimal() and len(number) < 20 else 0


def _size(command: Command) -> int:
    said = command[-1]
    return _COMMAND_BYTES + (len(said) if isinstance(said, bytes) else 0)


def _says(command: Command) -> bool:
    """Whether a command of a room tells what was said there."""
    message = command[-1]
    happening = _parse(message) if isinstance(message, bytes) else None
    return happening is not None and happening[1] == _SAID


def _parse(message: bytes) -> _Happening | None:
    """What came over the channel of a room; None where it is none of ours."""
    head, _, line = message.partition(b"\n")
    try:
        node, event, words = ujson.loads(head)
    except (ValueError, TypeError):
        return None
    if not isinstance(node, str) or not isinstance(words, list):
        return None
    if not all(isinstance(word, str) for word in words):
        return None
    if event == _SAID:
        well = len(words) in (0, 2) and line.endswith(b"\r\n")
    else:
        well = event in (_JOINED, _LEFT)
    return (node, event, words) if well else None
