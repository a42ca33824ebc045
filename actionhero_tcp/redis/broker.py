"""Rooms over Redis: one room is one room, whichever process a member is connected to.

For each room that has a member here this process subscribes to the room's channel and keeps
the list of the members elsewhere. That list is read once, when the subscription is active, and then
maintained from the channel: who joined, who left, and what was said, all in
the order in which Redis got it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from itertools import filterfalse
from typing import TYPE_CHECKING, Final

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from ..errors import printable
from ..rooms.broker import Match
from ..rooms.listening import is_ear
from . import message
from .catch_up import CatchUp
from .in_flight import InFlight
from .keys import Keys
from .message import (
    ANNOUNCED,
    ARRIVED,
    JOINED,
    LEFT,
    SAID,
    SAID_EXCEPT,
    WITHDRAWN,
    is_same_process,
)
from .protocol import Command
from .room_names import RoomNames
from .roster import Listener, Roster

if TYPE_CHECKING:
    from ..connection.write_batch import WriteBatch
    from .link import Link

_log = Logger()

EXPIRY_SECONDS: Final = 3600
"""Keys that nobody refreshes go by themselves, should all processes die at once."""

CLIENTS_AT_ONCE: Final = 1000
"""The number of clients in one command."""

MAX_OPENING: Final = 500
"""So many rooms are subscribed to and read at the same time; further ones wait by their names."""

MAX_JOINED_BYTES: Final = 64 * 1024
"""A client's text goes to a room in messages of so many bytes."""

COMMAND_BYTES: Final = 300
"""The approximate size of a command beside the text."""

Entry = tuple[Command, str | None, int]
"""A command on its way to Redis, the client whose it is, and the bytes that it counts for."""


class _Room:
    """One room that has members here.

    Attributes:
        roster: Its members elsewhere.
        opener: The client whose coming has opened it; None where it is nobody's.
        waiting: Local events from before the subscription was active; None afterwards.
    """

    __slots__ = ("opener", "roster", "waiting")

    def __init__(self, roster: Roster, opener: str | None) -> None:
        self.roster = roster
        self.opener = opener
        self.waiting: list[Entry] | None = []

    @property
    def is_only_here(self) -> bool:
        """Whether it is known that no other process has a member in it."""
        return self.waiting is None and self.roster.early is None and not self.roster.elsewhere


class _Said:
    """Consecutive messages of one client to one room, to go out as one.

    Attributes:
        room: The room.
        head: The beginning of the message.
        speaker: The client; None where it is nobody's.
        lines: The text.
        size: The bytes that it counts for.
    """

    __slots__ = ("head", "lines", "room", "size", "speaker")

    def __init__(self, room: str, head: bytes, speaker: str | None, line: bytes, size: int) -> None:
        self.room, self.head, self.speaker = room, head, speaker
        self.lines, self.size = [line], size

    def add(self, other: _Said) -> bool:
        """Takes what was said next, where it goes the same way and there is room."""
        if self.room != other.room or self.head != other.head or self.speaker != other.speaker:
            return False
        if self.size + other.size > MAX_JOINED_BYTES:
            return False
        self.lines += other.lines
        self.size += other.size
        return True


class RedisBus:
    """The bus over Redis.

    Args:
        link: The line to Redis.
        keys: The names there.
        write_batch: Messages of one write batch go out together.
        listener: Hears what comes from elsewhere.
        clients: Gives the ids of the clients of this process.
        in_flight: Counts what is on its way to Redis.

    Attributes:
        node: The id of this process and its incarnation, as the others see it. It changes
            when the process was taken for dead and comes back; None while Redis is away.
        alive: The processes that are known to be alive, by the same ids.
        lost: How many messages did not reach Redis: it was unreachable, full, or behind by more
            than there is room for.
    """

    def __init__(
        self,
        link: Link,
        keys: Keys,
        write_batch: WriteBatch,
        listener: Listener,
        clients: Callable[[], Sequence[str]],
        in_flight: InFlight,
    ) -> None:
        self._link = link
        self._keys = keys
        self._write_batch = write_batch
        self._listener = listener
        self._clients = clients
        self._in_flight = in_flight
        self._names = RoomNames(link, keys)
        self._catch_up: CatchUp[Entry] = CatchUp(link.catch_up, self._forget)
        self._rooms: dict[str, _Room] = {}
        self._unopened: dict[str, None] = {}
        # Whether what opens a room is counted as on its way.
        self._opening: dict[_Room, bool] = {}
        self._outgoing: list[Entry] = []
        self._said_last: _Said | None = None
        # The keys that were written since the last `refresh`.
        self._written: set[str] = set()
        self._junk_heard = False
        self._own = self._said = b""
        self.node: str | None = None
        self.alive: frozenset[str] = frozenset()
        self.lost = 0

    @property
    def rooms(self) -> list[str]:
        """The rooms that this process has subscribed to."""
        return list(self._rooms)

    @property
    def expiring(self) -> list[str]:
        """The keys of this process, and of its rooms and clients, that have to be refreshed."""
        keys = [self._keys.room(room) for room in self._rooms]
        for part in self._keys.parts:
            keys += (self._keys.clients(part), self._keys.held(part, self.node or ""))
        return keys

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
            part = self._keys.part(client)
            self._tell(
                None,
                ("HDEL", self._keys.clients(part), client),
                ("SREM", self._keys.held(part, self.node), f"{client} "),
            )

    def joined(self, room: str, client: str, announced: bool) -> None:
        """See `Bus.joined`."""
        state = self._rooms.get(room)
        if state is None:
            self._open(room, None)
        elif room not in self._unopened:
            self._tell(state, *self._enrolment(room, [client]))

    def announced(self, room: str, client: str) -> None:
        """See `Bus.announced`."""
        if room not in self._unopened:
            self._tell(self._rooms.get(room), self._publication(room, ANNOUNCED, [client]))

    def left(self, room: str, client: str, announced: bool) -> None:
        """See `Bus.left`."""
        state = self._rooms.get(room)
        if state is not None and room in self._unopened:
            # Nobody else has heard of anybody here.
            if not self._listener.enrolled_here(room):
                self._close(room, state)
            return
        self._tell(
            state,
            ("HDEL", self._keys.room(room), client),
            ("SREM", self._keys.held(self._keys.part(room), self.node or ""), f"{client} {room}"),
            self._publication(room, LEFT if announced else WITHDRAWN, [client]),
        )
        if state is not None and not self._listener.enrolled_here(room):
            self._close(room, state)
            if self._link.is_reachable:
                self._link.unsubscribe(self._keys.said(room))

    def say(
        self,
        room: str,
        line: bytes,
        match: Match | None = None,
        exclude: Collection[str] = (),
    ) -> None:
        """See `Bus.say`."""
        if self.node is None:
            self.lost += 1
            return
        state = self._rooms.get(room)
        if state is not None and state.is_only_here:
            return
        head = self._said
        if exclude:
            head = message.head(self.node, SAID_EXCEPT, list(exclude))
        elif match:
            head = message.head(self.node, SAID, list(match))
        size, speaker = COMMAND_BYTES + len(head) + len(line), self._write_batch.client
        if not self._in_flight.add(speaker, size, is_message=True):
            self.lost += 1
            return
        if state is None or state.waiting is None:
            self._put_said(_Said(room, head, speaker, line, size))
        else:
            publish: Command = ("PUBLISH", self._keys.said(room), head + line)
            state.waiting.append((publish, speaker, size))

    def members(self, room: str) -> Iterable[str]:
        """See `Bus.members`."""
        state = self._rooms.get(room)
        if state is None or self.node is None:
            return ()
        elsewhere = state.roster.elsewhere.keys()
        return filterfalse(is_ear, elsewhere) if state.roster.ears else elsewhere

    def count(self, room: str) -> int:
        """See `Bus.count`."""
        state = self._rooms.get(room)
        if state is None or self.node is None:
            return 0
        return len(state.roster.elsewhere) - state.roster.ears

    def seen_at(self, room: str, client: str) -> int:
        """See `Bus.seen_at`."""
        state = self._rooms.get(room)
        return state.roster.seen_at(client) if state is not None else 0

    def created(self, room: str) -> None:
        """See `Bus.created`."""
        self._tell(None, *self._names.creation([room]))

    def exists_elsewhere(self, room: str) -> Deferred[bool] | None:
        """See `Bus.exists_elsewhere`."""
        return self._names.exists(room) if self.node is not None else None

    # What happens to Redis

    def begin(self, node: str) -> None:
        """Redis is here, or has forgotten this process: it gets everything again."""
        self.flush()
        self.node = node
        self._written.clear()
        self._own = message.beginning(node)
        self._said = message.head(self.node, SAID, [])
        clients = self._clients()
        for start in range(0, len(clients), CLIENTS_AT_ONCE):
            self._register(clients[start : start + CLIENTS_AT_ONCE])
        created = list(self._listener.created_here())
        for start in range(0, len(created), CLIENTS_AT_ONCE):
            self._tell(None, *self._names.creation(created[start : start + CLIENTS_AT_ONCE]))
        before, self._rooms = self._rooms, {}
        self._unopened.clear()
        for state in tuple(self._opening):
            self._opened(state)
        for room in self._listener.enrolled_rooms():
            earlier = before.pop(room, None)
            known = earlier is not None and earlier.roster.known
            state = self._open(room, earlier.roster.elsewhere if known and earlier else None)
            waiting = (earlier.waiting if earlier is not None else None) or []
            said = [entry for entry in waiting if _says(entry[0])]
            self._forget([entry for entry in waiting if not _says(entry[0])])
            if state.waiting is None:
                self._put(said)
            else:
                state.waiting += said
        for state in before.values():
            self._forget(state.waiting or [])

    def end(self) -> None:
        """Redis is away: nothing reaches the others, and their members are not shown."""
        self.node = None
        self.alive = frozenset()
        self._close_said()
        outgoing, self._outgoing = self._outgoing, []
        self._lose(outgoing)
        for state in tuple(self._opening):
            self._opened(state)
        self._unopened.clear()
        for state in self._rooms.values():
            if state.waiting:
                waiting, state.waiting = state.waiting, []
                self._lose(waiting)

    def drop(self, dead: Callable[[str], bool]) -> None:
        """Forgets the members of dead processes; the listeners here hear that they have left."""
        # A receiver may be cut off for being slow, and leave rooms meanwhile.
        for state in tuple(self._rooms.values()):
            state.roster.drop(dead)

    def refresh(self, keys: Iterable[str]) -> None:
        """Keeps keys from expiring: these, and those that were written since the last call."""
        keys, self._written = {*keys, *self._written}, set()
        commands: list[Command] = [("EXPIRE", key, EXPIRY_SECONDS) for key in keys]
        self._tell(None, self._names.refreshment(), *commands)

    def is_own(self, data: bytes) -> bool:
        """Whether a message over a room's channel comes from this process."""
        return self.node is not None and data.startswith(self._own)

    def heard(self, room: str, data: bytes) -> None:
        """Something came over the channel of a room."""
        state = self._rooms.get(room)
        if state is None or self.node is None or self.is_own(data):
            return
        happening = message.parse(data)
        if happening is None:
            self._note_junk(room)
        elif happening[1] == SAID:
            words = happening[2]
            match = (words[0], words[1]) if words else None
            self._listener.hear(room, message.line_of(data), match)
        elif happening[1] == SAID_EXCEPT:
            self._listener.hear(room, message.line_of(data), None, happening[2])
        elif state.waiting is not None and not state.roster.known:
            # A subscription that is about to end still delivers this, but nothing after it.
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

    def _open(self, room: str, known: dict[str, str] | None) -> _Room:
        """Subscribes to a room, at once or when it is its turn.

        Args:
            room: The room.
            known: The members elsewhere that the listeners here know of already; None where
                they are new themselves.
        """
        roster = Roster(room, self._listener, known)
        state = self._rooms[room] = _Room(roster, self._write_batch.client)
        if self.node is not None:
            self._unopened[room] = None
            self._open_next()
        return state

    def _open_next(self) -> None:
        while self._unopened and len(self._opening) < MAX_OPENING:
            room = next(iter(self._unopened))
            del self._unopened[room]
            state = self._rooms[room]
            # For SUBSCRIBE and HGETALL, which go other ways.
            self._opening[state] = self._in_flight.add(state.opener, 2 * COMMAND_BYTES)
            said, state.waiting = state.waiting or [], []
            members = self._listener.enrolled_here(room)
            self._tell(state, *self._enrolment(room, members))
            state.waiting += said
            subscribed = self._link.subscribe(self._keys.said(room))
            subscribed.addCallback(self._subscribed, room, state)
            subscribed.addErrback(self._failed, state)

    def _opened(self, state: _Room) -> None:
        """The list of a room is read, or will not be."""
        if self._opening.pop(state, False):
            self._in_flight.remove({state.opener: 2 * COMMAND_BYTES})

    def _close(self, room: str, state: _Room) -> None:
        """The last member here has left."""
        del self._rooms[room]
        self._unopened.pop(room, None)
        # Nobody here will hear it any more, but what happened is told all the same.
        self._put(state.waiting or [])

    def _subscribed(self, _: object, room: str, state: _Room) -> None:
        """From now on nothing is missed: local members are announced, and others read."""
        if self._rooms.get(room) is not state or self.node is None:
            self._opened(state)
            self._open_next()
            return
        waiting, state.waiting = state.waiting or [], None
        self._put(waiting)
        self.flush()
        read = self._link.call("HGETALL", self._keys.room(room))
        read.addCallback(self._read, room, state)
        read.addErrback(self._failed, state)

    def _failed(self, _: Failure, state: _Room) -> None:
        """Redis refuses what a room needs: the next heartbeat rejoins."""
        self._link.failures += 1
        self._opened(state)

    def _read(self, reply: list[bytes], room: str, state: _Room) -> None:
        """The list of the members elsewhere has come; what was heard meanwhile follows it."""
        self._opened(state)
        if self.node is not None:
            self._open_next()
        if self._rooms.get(room) is not state or self.node is None:
            return
        words = [word.decode("utf-8", "replace") for word in reply]
        listed = dict(zip(words[::2], words[1::2], strict=True))
        listed = {c: node for c, node in listed.items() if not is_same_process(node, self.node)}
        state.roster.read(listed, self.alive)

    # What goes out

    def _register(self, clients: Sequence[str]) -> None:
        """Tells Redis of clients here, whatever rooms they are in."""
        if self.node is None:
            return
        parts: dict[str, list[str]] = {}
        for client in clients:
            parts.setdefault(self._keys.part(client), []).append(client)
        for part, some in parts.items():
            table, held = self._keys.clients(part), self._keys.held(part, self.node)
            self._tell(
                None,
                ("HSET", table, *(word for each in some for word in (each, self.node))),
                ("SADD", held, *(f"{each} " for each in some)),
                *self._expiry(table),
                *self._expiry(held),
            )

    def _expiry(self, key: str) -> list[Command]:
        """Has a key expire that is written, unless `refresh` will: it has been before."""
        if key in self._written:
            return []
        self._written.add(key)
        return [("EXPIRE", key, EXPIRY_SECONDS)]

    def _enrolment(self, room: str, clients: Sequence[str]) -> list[Command]:
        """Announces members here to Redis, and then to the others."""
        if not clients or self.node is None:
            return []
        members, held = self._keys.room(room), self._keys.held(self._keys.part(room), self.node)
        unannounced = self._listener.unannounced_here(room)
        arrived = [client for client in clients if client in unannounced]
        joined = [client for client in clients if client not in unannounced]
        return [
            ("HSET", members, *(word for client in clients for word in (client, self.node))),
            ("EXPIRE", members, EXPIRY_SECONDS),
            ("SADD", held, *(f"{client} {room}" for client in clients)),
            *self._expiry(held),
            *(
                self._publication(room, event, some)
                for event, some in ((JOINED, joined), (ARRIVED, arrived))
                if some
            ),
        ]

    def _publication(self, room: str, event: str, clients: list[str]) -> Command:
        return "PUBLISH", self._keys.said(room), message.head(self.node, event, clients)

    def _tell(self, state: _Room | None, *commands: Command) -> None:
        """Sends commands; after those that wait for the room's subscription, if it is not there.

        Args:
            state: The room; None where they are of none.
            commands: The commands, none of which says anything.
        """
        if self.node is None:
            return
        client = self._write_batch.client
        entries: list[Entry] = [(each, client, _size(each)) for each in commands]
        if not self._in_flight.add(client, sum(entry[2] for entry in entries)):
            self._link.failures += 1
        elif state is None or state.waiting is None:
            self._put(entries)
        else:
            state.waiting += entries

    def _put(self, entries: list[Entry]) -> None:
        """Sends what was counted already, at the end of the write batch."""
        if not entries:
            return
        if self.node is None:
            self._lose(entries)
            return
        self._flush_later()
        self._close_said()
        self._outgoing += entries

    def _put_said(self, said: _Said) -> None:
        """Sends a message at the end of the write batch, in one with that before it if it can."""
        self._flush_later()
        if self._said_last is None or not self._said_last.add(said):
            self._close_said()
            self._said_last = said

    def _flush_later(self) -> None:
        if not self._outgoing and self._said_last is None:
            self._write_batch.afterwards(self.flush)

    def _close_said(self) -> None:
        said, self._said_last = self._said_last, None
        if said is not None:
            text = b"".join([said.head, *said.lines])
            publish: Command = ("PUBLISH", self._keys.said(said.room), text)
            self._outgoing.append((publish, said.speaker, said.size))

    def flush(self) -> None:
        """Sends what waits for the end of the write batch."""
        self._close_said()
        outgoing, self._outgoing = self._outgoing, []
        if not outgoing:
            return

        def done(errors: int) -> None:
            if errors:
                # Which of them have failed nobody knows.
                self.lost += sum(_says(entry[0]) for entry in outgoing)
            self._catch_up.executed(outgoing, sum(entry[2] for entry in outgoing))

        self._link.send([entry[0] for entry in outgoing], done)

    def _lose(self, entries: list[Entry]) -> None:
        """These do not reach Redis."""
        self.lost += sum(_says(entry[0]) for entry in entries)
        self._forget(entries)

    def _forget(self, entries: list[Entry]) -> None:
        """These are on their way no longer."""
        sizes: dict[str | None, int] = {}
        for _, client, size in entries:
            sizes[client] = sizes.get(client, 0) + size
        self._in_flight.remove(sizes)


def _size(command: Command) -> int:
    # Some words are the names of up to `CLIENTS_AT_ONCE` clients.
    return COMMAND_BYTES + 64 * (len(command) - 3)


def _says(command: Command) -> int:
    """How many messages that were said in a room a command tells."""
    text = command[-1]
    if not isinstance(text, bytes):
        return 0
    happening = message.parse(text)
    is_said = happening is not None and happening[1] in (SAID, SAID_EXCEPT)
    return text.count(b"\r\n") if is_said else 0
