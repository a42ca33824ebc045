"""Rooms over Redis: one room is one room, whichever process a member is connected to.

For each room that has a member here this process subscribes to the room's channel and keeps
the list of the members elsewhere. That list is read once, when the subscription is in force,
and then kept by what comes over the channel: who joined, who left, and what was said, all in
the order in which Redis got it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Final

from twisted.logger import Logger
from twisted.python.failure import Failure

from ..errors import printable
from ..rooms.broker import Match
from . import message
from .keys import Keys
from .message import JOINED, LEFT, SAID, is_same_process
from .roster import Listener, Roster

if TYPE_CHECKING:
    from ..connection.write_batch import WriteBatch
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

_COMMAND_BYTES: Final = 300
"""What a command that waits takes beside what is said, about."""


class _Room:
    """One room that has members here.

    Attributes:
        roster: Its members elsewhere.
        waiting: What happened here before the subscription was in force; None afterwards.
        waiting_bytes: What that takes.
    """

    __slots__ = ("roster", "waiting", "waiting_bytes")

    def __init__(self, roster: Roster) -> None:
        self.roster = roster
        self.waiting: list[Command] | None = []
        self.waiting_bytes = 0


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
        write_batch: WriteBatch,
        listener: Listener,
        clients: Callable[[], Sequence[str]],
    ) -> None:
        self._link = link
        self._keys = keys
        self._write_batch = write_batch
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
        return {node for room in self._rooms.values() for node in room.roster.elsewhere.values()}

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
            ("PUBLISH", self._keys.said(room), message.head(self.node, LEFT, [client])),
        )
        if state is not None and not self._listener.members_here(room):
            del self._rooms[room]
            # Nobody here will hear it any more, but what happened is told all the same.
            self._put(*(state.waiting or ()))
            if self._link.is_reachable:
                self._link.unsubscribe(self._keys.said(room))

    def say(self, room: str, line: bytes, match: Match | None = None) -> None:
        """See `Bus.say`."""
        head = message.head(self.node, SAID, list(match)) if match else self._said
        self._tell(self._rooms.get(room), ("PUBLISH", self._keys.said(room), head + line))

    def members(self, room: str) -> Iterable[str]:
        """See `Bus.members`."""
        state = self._rooms.get(room)
        return state.roster.elsewhere.keys() if state is not None and self.node is not None else ()

    def count(self, room: str) -> int:
        """See `Bus.count`."""
        state = self._rooms.get(room)
        return len(state.roster.elsewhere) if state is not None and self.node is not None else 0

    # What happens to Redis

    def begin(self, node: str) -> None:
        """Redis is here, or has forgotten this process: everything is told it anew."""
        self.flush()
        self.node = node
        self._own = message.beginning(node)
        self._said = message.head(self.node, SAID, [])
        clients = self._clients()
        for start in range(0, len(clients), CLIENTS_AT_ONCE):
            self._register(clients[start : start + CLIENTS_AT_ONCE])
        before, self._rooms = self._rooms, {}
        for room in self._listener.rooms_here():
            state = before.get(room)
            self._open(
                room, state.roster.elsewhere if state is not None and state.roster.known else None
            )
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
        for state in tuple(self._rooms.values()):
            state.roster.drop(dead)

    def refresh(self, rooms: Iterable[str]) -> None:
        """Keeps the keys of rooms from expiring."""
        self._put(*(("EXPIRE", self._keys.room(room), EXPIRY_SECONDS) for room in rooms))

    def heard(self, room: str, data: bytes) -> None:
        """Something came over the channel of a room."""
        state = self._rooms.get(room)
        if state is None or self.node is None or data.startswith(self._own):
            return
        happening = message.parse(data)
        if happening is None:
            self._note_junk(room)
        elif happening[1] == SAID:
            words = happening[2]
            match = (words[0], words[1]) if words else None
            self._listener.hear(room, message.line_of(data), match)
        elif state.waiting is not None and not state.roster.known:
            # A subscription that is about to end still tells of it, but not of what follows.
            return
        elif not state.roster.hear(happening):
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
        state = self._rooms[room] = _Room(Roster(room, self._listener, known))
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
        state.roster.read(listed, self.alive)

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
            ("PUBLISH", self._keys.said(room), message.head(self.node, JOINED, list(clients))),
        ]

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
            self._write_batch.afterwards(self.flush)
        self._outgoing += commands

    def flush(self) -> None:
        """Sends what waits for the turn's end."""
        outgoing, self._outgoing = self._outgoing, []
        if outgoing:
            self._link.send(outgoing)


def _size(command: Command) -> int:
    said = command[-1]
    return _COMMAND_BYTES + (len(said) if isinstance(said, bytes) else 0)


def _says(command: Command) -> bool:
    """Whether a command of a room tells what was said there."""
    told = command[-1]
    happening = message.parse(told) if isinstance(told, bytes) else None
    return happening is not None and happening[1] == SAID
