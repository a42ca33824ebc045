"""The members of one room who are with other processes, as far as they are known here."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from time import time
from typing import Final, Protocol

from ..rooms.broker import Match
from ..rooms.listening import is_ear
from .message import ANNOUNCED, ARRIVED, JOINED, LEFT, Happening, incarnation

MAX_EARLY: Final = 10_000
"""So many members may come and go elsewhere until the list of a room is read. With more of them,
all lists are read again at the next heartbeat."""


class Listener(Protocol):
    """The receiver of messages of other processes: the rooms, or a stand-in in tests."""

    def hear(
        self, room: str, line: bytes, match: Match | None, exclude: Collection[str] = ()
    ) -> None:
        """Something was said elsewhere, for those who match and are not excluded."""

    def hear_entered(self, room: str, client: str) -> None:
        """A client elsewhere has entered."""

    def hear_left(self, room: str, client: str) -> None:
        """A client elsewhere has left."""

    def enrolled_rooms(self) -> Iterable[str]:
        """The rooms that have members or listeners here."""
        ...

    def created_here(self) -> Collection[str]:
        """The rooms that were created here."""
        ...

    def enrolled_here(self, room: str) -> Sequence[str]:
        """The ids of the members here of a room, and of what stands for its listeners."""
        ...

    def unannounced_here(self, room: str) -> Collection[str]:
        """The ids of those of them that are not announced yet."""
        ...


class Roster:
    """The members elsewhere of one room.

    Args:
        room: The room.
        listener: Hears who comes and goes.
        known: The members that the listeners here know of already; None where these are new
            themselves.

    Attributes:
        elsewhere: The members: the client's id, and the process.
        known: Whether the listeners here know of them.
        ears: How many of these stand for clients that only listen; see `rooms.listening`.
        early: The messages from before the list was read; None afterwards.
    """

    __slots__ = ("_listener", "_room", "_seen", "early", "ears", "elsewhere", "known")

    def __init__(self, room: str, listener: Listener, known: dict[str, str] | None) -> None:
        self._room = room
        self._listener = listener
        self.elsewhere: dict[str, str] = known or {}
        self.ears = sum(map(is_ear, self.elsewhere))
        self.known = known is not None
        self.early: list[Happening] | None = []
        self._seen: dict[str, int] = {}

    def read(self, listed: dict[str, str], alive: frozenset[str]) -> None:
        """Takes in the list as Redis has it, and then what was heard meanwhile.

        Args:
            listed: The members elsewhere.
            alive: The processes that are known to be alive.
        """
        if not self.known:
            # To those here they have not come just now.
            self.elsewhere, self.known = listed, True
            self.ears = sum(map(is_ear, listed))
            for client in listed:
                self.seen_at(client)
        # Of a process that is not alive the list may tell nothing yet: it may be coming back
        # too. If it does not, `drop` will tell.
        for client, node in tuple(self.elsewhere.items()):
            if client not in listed and node in alive:
                self._remove(client)
        for client, node in listed.items():
            if self._add(client, node) and not is_ear(client):
                self._listener.hear_entered(self._room, client)
        early, self.early = self.early or [], None
        for happening in early:
            self._happened(happening)

    def hear(self, happening: Happening) -> bool:
        """Takes in who has come or gone.

        Returns:
            Whether there was room for it, where the list is not read yet.
        """
        if self.early is None:
            self._happened(happening)
        elif len(self.early) < MAX_EARLY:
            self.early.append(happening)
        else:
            return False
        return True

    def drop(self, dead: Callable[[str], bool]) -> None:
        """Forgets the members of dead processes; the listeners here hear that they have left."""
        for client in [client for client, node in self.elsewhere.items() if dead(node)]:
            self._remove(client)

    def seen_at(self, client: str) -> int:
        """When a member was first seen here, in ms since 1970."""
        return self._seen.setdefault(client, int(time() * 1000))

    def _happened(self, happening: Happening) -> None:
        node, event, clients = happening
        for client in clients:
            if event in (JOINED, ARRIVED, ANNOUNCED):
                new = self._add(client, node)
                if event == ANNOUNCED or (new and event == JOINED):
                    self._listener.hear_entered(self._room, client)
            elif self.elsewhere.get(client) == node:
                self._remove(client, event == LEFT)

    def _add(self, client: str, node: str) -> bool:
        """Takes in a member; gives whether it is new."""
        before = self.elsewhere.get(client)
        self.seen_at(client)
        self.ears += before is None and is_ear(client)
        if before is None or incarnation(before) <= incarnation(node):
            self.elsewhere[client] = node
        return before is None

    def _remove(self, client: str, announced: bool = True) -> None:
        del self.elsewhere[client]
        self._seen.pop(client, None)
        if is_ear(client):
            self.ears -= 1
        elif announced:
            self._listener.hear_left(self._room, client)
