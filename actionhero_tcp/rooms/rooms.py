"""Who is in which room, and what is said there.

Every operation costs what the room's own members cost, whatever else is connected.
What is said is encoded once, for all who hear it.
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Collection
from itertools import islice
from typing import TYPE_CHECKING, Final

from ..connection.connected_client import ConnectedClient, Outlet
from ..connection.connection import Connection, state_of
from ..connection.outbox import send_event_at_once
from ..errors import ClientError, LimitError
from ..wire import json_lines
from .broker import Bus, LocalBus, Match
from .listening import Listening, ear_of

if TYPE_CHECKING:
    from ..config.settings import LiveSettings
    from ..connection.write_batch import WriteBatch
    from ..wire.profile import Profile

ENTERED: Final = "I have entered the room"
LEFT: Final = "I have left the room"

MAX_CREATED: Final = 10_000
"""So many rooms can be created that exist without members."""

MATCH_KEY: Final = "roomMatchKey"
MATCH_VALUE: Final = "roomMatchValue"


class Rooms:
    """The rooms of the server and their members.

    A room exists while it has a member. A connection may be in any number of rooms;
    that a client of this protocol is in one is the business of its verbs.

    Args:
        write_batch: Messages of one write batch go out in one write for each member.
        live: The current settings. Rooms with more members than ``announceLimit`` do not announce
            who comes and goes; only the application takes clients into rooms whose names begin
            with ``privateRooms``, where that is not empty.

    Attributes:
        broadcasts: How many messages were delivered to members of this process.
        deliveries: How many members got one, counted once for each message.
        bus: Carries what happens in rooms to the other processes, should there be any.
        listening: The clients that listen to rooms without being in them.
    """

    def __init__(self, write_batch: WriteBatch, live: LiveSettings) -> None:
        self._write_batch = write_batch
        self._live = live
        self._rooms: dict[str, dict[ConnectedClient, Outlet]] = {}
        # Memberships of clients for which room messages are written in another form.
        self._adapted = 0
        self._created: set[str] = set()
        self.broadcasts: int = 0
        self.deliveries: int = 0
        self.bus: Bus = LocalBus()
        self.listening = Listening()
        self._ear = ear_of(uuid.uuid4().hex)

    def join_cluster(self, bus: Bus) -> None:
        """Has what happens in rooms carried to other processes by a bus."""
        self.bus = bus

    def __len__(self) -> int:
        return len(self._rooms)

    def __contains__(self, room: str) -> bool:
        return room in self._rooms

    def is_private(self, room: str) -> bool:
        """Whether only the application takes clients into a room."""
        prefix = self._live.general.private_rooms
        return bool(prefix) and room.startswith(prefix)

    def refuse_private(self, room: str) -> None:
        """Check that a client may enter a room by itself.

        Raises:
            ClientError: It may not.
        """
        if self.is_private(room):
            raise ClientError(
                f"only the application lets clients into rooms that begin with "
                f"{self._live.general.private_rooms}"
            )

    def join(self, connection: ConnectedClient | Connection, room: str) -> None:
        """Takes a connection into a room, whose other members hear of it once it is announced.

        One that has left its rooms for good stays outside.
        """
        connection = state_of(connection)
        if connection.removed or room in connection.rooms:
            return
        self._rooms.setdefault(room, {})[connection] = connection.outbox
        connection.rooms[room] = int(time.time() * 1000)
        connection.room = self._current_room(connection)
        self._adapted += not connection.profile.is_plain
        if connection.announced:
            self._announce(room, connection.id, ENTERED, connection)
        self.bus.joined(room, connection.id, connection.announced)

    def announce(self, connection: ConnectedClient) -> None:
        """Tells the other members of its rooms that a connection has entered."""
        connection.announced = True
        with self._write_batch:
            for room in tuple(connection.rooms):
                self._announce(room, connection.id, ENTERED, connection)
                self.bus.announced(room, connection.id)

    def leave(self, connection: ConnectedClient | Connection, room: str) -> None:
        """Takes a connection out of a room, whose other members hear of it if it is announced."""
        connection = state_of(connection)
        members = self._rooms.get(room)
        if members is None or connection not in members:
            return
        if connection.announced:
            self._announce(room, connection.id, LEFT, connection)
        del members[connection]
        del connection.rooms[room]
        connection.room = self._current_room(connection)
        self._adapted -= not connection.profile.is_plain
        if not members:
            del self._rooms[room]
        self.bus.left(room, connection.id, connection.announced)

    def leave_all(self, connection: ConnectedClient | Connection) -> None:
        """Takes a connection out of all its rooms."""
        connection = state_of(connection)
        for room in tuple(connection.rooms):
            self.leave(connection, room)

    def move(self, connection: ConnectedClient, room: str) -> None:
        """Takes a connection out of its rooms into another one; it stays in private rooms."""
        for other in tuple(connection.rooms):
            if other != room and not self.is_private(other):
                self.leave(connection, other)
        self.join(connection, room)

    def _current_room(self, connection: ConnectedClient) -> str | None:
        """The latest room of a connection that is not private, or else the latest one."""
        for room in reversed(connection.rooms):
            if not self.is_private(room):
                return room
        return next(reversed(connection.rooms), None)

    def remove(self, connection: ConnectedClient) -> None:
        """Takes a connection out of all its rooms for good: it is closing, or gone."""
        self.leave_all(connection)
        for room in tuple(self.listening.of(connection)):
            self.silence(connection, room)
        connection.removed = True

    def listen(self, connection: ConnectedClient, room: str) -> None:
        """Has a connection hear what is said in a room, which it need not be in."""
        if not connection.removed and self.listening.add(connection, room):
            self.bus.joined(room, self._ear, False)

    def silence(self, connection: ConnectedClient, room: str) -> None:
        """Has a connection no longer hear what is said in a room to which it listens."""
        if self.listening.discard(connection, room):
            self.bus.left(room, self._ear, False)

    def members(self, room: str) -> list[str]:
        """The ids of a room's members, in the order in which they came, those elsewhere last."""
        return [*self.members_here(room), *self.bus.members(room)]

    def first_members(self, room: str, most: int) -> tuple[list[str], int]:
        """The first members of a room, as `members` orders them, and how many there are in all.

        Args:
            room: The room.
            most: How many ids to give at most.
        """
        here = self._rooms.get(room, {})
        count = len(here) + self.bus.count(room)
        ids = [connection.id for connection in islice(here, most)]
        if len(ids) < min(most, count):
            ids += islice(self.bus.members(room), most - len(ids))
        return ids, count

    def exists(self, room: str) -> bool:
        """Whether a room has members, or was created here and not destroyed."""
        return room in self._rooms or room in self._created or self.bus.count(room) > 0

    def create(self, room: str) -> bool:
        """Has a room exist that may have no members.

        Returns:
            Whether it is new.

        Raises:
            LimitError: There are `MAX_CREATED` such rooms.
        """
        if self.exists(room):
            return False
        if len(self._created) >= MAX_CREATED:
            raise LimitError("maxCreatedRooms", f"at most {MAX_CREATED} rooms can be created")
        self._created.add(room)
        self.bus.created(room)
        return True

    def created_here(self) -> Collection[str]:
        """The rooms that were created with this process."""
        return self._created

    def members_since(self, room: str, most: int) -> tuple[list[tuple[str, int]], int]:
        """The first members of a room, each with the moment of its joining, and their number.

        Args:
            room: The room.
            most: How many to give at most.

        Returns:
            The ids and the moments, in ms since 1970; of members elsewhere it is when this
            process first saw them. And how many members there are in all.
        """
        here = self._rooms.get(room, {})
        ids, count = self.first_members(room, most)
        since = {member.id: member.rooms[room] for member in islice(here, most)}
        return [(id, since.get(id) or self.bus.seen_at(room, id)) for id in ids], count

    def broadcast(
        self,
        room: str,
        message: object,
        context: str = "user",
        exclude: Collection[str] = (),
    ) -> None:
        """Send a message to the members of a room, in the name of the server.

        Members get ``{"message":…,"room":…,"from":0,"context":"user","sentAt":ms}``.

        Args:
            room: The room; where nobody is in it, nobody hears.
            message: A string, or any other JSON value.
            context: The message's context.
            exclude: The ids of members that do not get it.

        Raises:
            UnserializableError: The message is no JSON.
        """
        line = _said(message, room, 0, context)
        with self._write_batch:
            self._deliver_in_form(line, room, None, exclude)
            self.bus.say(room, line, None, exclude)

    def say_from(self, speaker: ConnectedClient, room: str, message: str) -> None:
        """Says what one client said to the others in a room.

        Where the speaker's sticky params hold ``roomMatchKey`` and ``roomMatchValue``,
        only those members hear it for whom that attribute has that value.
        """
        line = _said(message, room, speaker.id, "user")
        key, value = speaker.params.get(MATCH_KEY), speaker.params.get(MATCH_VALUE)
        match = None if key is None or value is None else (key, value)
        listeners = self._listeners(room, match, None if speaker.profile.hears_itself else speaker)
        if self._write_batch.single:
            self._count(listeners)
            self._write_batch.sent_bytes += len(line) * len(listeners)
            send_event_at_once(listeners, line)
        else:
            self._deliver(line, listeners)
        self.bus.say(room, line, match)

    # An event of the bus; see `redis.bus.Listener`.

    def hear(
        self, room: str, line: bytes, match: Match | None, exclude: Collection[str] = ()
    ) -> None:
        """Something was said elsewhere."""
        self._deliver_in_form(line, room, match, exclude)

    def hear_entered(self, room: str, client: str) -> None:
        """A client elsewhere has entered."""
        with self._write_batch:
            self._announce(room, client, ENTERED, None)

    def hear_left(self, room: str, client: str) -> None:
        """A client elsewhere has left."""
        with self._write_batch:
            # The bus counts it no more; its own process still did when it announced it.
            self._announce(room, client, LEFT, None, 1)

    def enrolled_rooms(self) -> list[str]:
        """The rooms whose messages this process has to get: with members here, or listeners."""
        return [*{**self._rooms, **self.listening.rooms}]

    def enrolled_here(self, room: str) -> list[str]:
        """The ids under which this process is in a room: of its members, and of its listeners."""
        members = self.members_here(room)
        return [*members, self._ear] if room in self.listening.rooms else members

    def rooms_here(self) -> list[str]:
        """The rooms that have members with this process."""
        return list(self._rooms)

    def members_here(self, room: str) -> list[str]:
        """The ids of the members of a room that are with this process."""
        return [connection.id for connection in self._rooms.get(room, ())]

    @property
    def memberships_here(self) -> int:
        """How many members the rooms have with this process; a client counts in each of its."""
        return sum(map(len, self._rooms.values()))

    def unannounced_here(self, room: str) -> set[str]:
        """The ids of `enrolled_here` that the other members have not heard of yet."""
        unannounced = {m.id for m in self._rooms.get(room, ()) if not m.announced}
        return unannounced | {self._ear} if room in self.listening.rooms else unannounced

    def _deliver(self, line: bytes, outboxes: Collection[Outlet]) -> None:
        self._count(outboxes)
        for outbox in outboxes:
            outbox.send_event(line)

    def _deliver_in_form(
        self, line: bytes, room: str, match: Match | None, exclude: Collection[str] = ()
    ) -> None:
        """Delivers a line to members of a room, to each in the form of its dialect.

        Args:
            line: The line, in the form of the first dialect.
            room: The room.
            match: The attribute that members need to get it; None for all.
            exclude: The ids of members that do not get it.
        """
        if not self._adapted and not exclude:
            self._deliver(line, self._listeners(room, match, None))
            return
        members = self._audience(room)
        forms: dict[Profile, list[Outlet]] = {}
        for member, outbox in members.items():
            if member.id not in exclude and (match is None or _matches(member, *match)):
                forms.setdefault(member.profile, []).append(outbox)
        self.broadcasts += 1
        for profile, outboxes in forms.items():
            self.deliveries += len(outboxes)
            form = profile.server_message(line)
            for outbox in outboxes:
                outbox.send_event(form)

    def _count(self, outboxes: Collection[Outlet]) -> None:
        self.broadcasts += 1
        self.deliveries += len(outboxes)

    def _listeners(
        self, room: str, match: Match | None, but: ConnectedClient | None
    ) -> Collection[Outlet]:
        """The outboxes of a room's members, as they are now, but for one."""
        listeners = self._audience(room).copy()
        if but is not None:
            listeners.pop(but, None)
        if match is None:
            return listeners.values()
        return [outbox for member, outbox in listeners.items() if _matches(member, *match)]

    def _audience(self, room: str) -> dict[ConnectedClient, Outlet]:
        """Who hears what is said in a room: its members, and who listens to it."""
        members = self._rooms.get(room, {})
        listening = self.listening.rooms
        return {**members, **listening[room]} if listening and room in listening else members

    def _announce(
        self, room: str, client: str, message: str, who: ConnectedClient | None, more: int = 0
    ) -> None:
        """Tells the members here of one that comes or goes: ``who``, if it is one of them."""
        members = self._rooms.get(room, {})
        listeners = len(self._audience(room)) - (who is not None)
        if (
            listeners
            and len(members) + self.bus.count(room) + more <= self._live.general.announce_limit
        ):
            line = _said(message, room, client, "user")
            self._deliver(line, self._listeners_of_moves(room, who))

    def _listeners_of_moves(self, room: str, who: ConnectedClient | None) -> Collection[Outlet]:
        """The outboxes of those members of a room that hear of another one's coming and going."""
        if not self._adapted:
            return self._listeners(room, None, who)
        return [
            outbox
            for member, outbox in self._audience(room).items()
            if member is not who and member.profile.hears_moves
        ]


def _said(message: object, room: str, speaker: str | int, context: str) -> bytes:
    return json_lines.line(
        {
            "message": message,
            "room": room,
            "from": speaker,
            "context": context,
            "sentAt": int(time.time() * 1000),
        }
    )


def _matches(member: ConnectedClient, key: str, value: object) -> bool:
    """Whether the member's attribute has that value, as the text that a client can give."""
    if key == "id":
        return member.id == value
    attribute = member.attributes.get(key)
    if attribute is None:
        return False
    if isinstance(attribute, str):
        return attribute == value
    if not isinstance(attribute, int | float):
        return False
    try:
        text = json.dumps(attribute) if isinstance(attribute, bool) else str(attribute)
    except ValueError:
        # A number of more digits than Python writes.
        return False
    return text == str(value)
