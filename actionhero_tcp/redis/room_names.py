"""Which rooms exist in the cluster: those that have members, and those that were created."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final

from twisted.internet.defer import Deferred, gatherResults

from .keys import Keys
from .protocol import Command

if TYPE_CHECKING:
    from .link import Link

EXPIRY_SECONDS: Final = 3600
"""The names go by themselves, should all processes die at once."""


class RoomNames:
    """The names of rooms in Redis.

    Args:
        link: The line to Redis.
        keys: The names there.
    """

    __slots__ = ("_created", "_keys", "_link")

    def __init__(self, link: Link, keys: Keys) -> None:
        self._link = link
        self._keys = keys
        self._created = keys.created_rooms

    def exists(self, room: str) -> Deferred[bool]:
        """Ask Redis for a room; the Deferred never fails, and gives False where Redis does."""
        found: Deferred[list[Any]] = gatherResults(
            [
                self._link.call("EXISTS", self._keys.room(room)),
                self._link.call("HGET", self._created, room),
            ],
            consumeErrors=True,
        )
        return found.addCallbacks(lambda replies: any(replies), lambda _: False)

    def creation(self, rooms: Iterable[str]) -> list[Command]:
        """Write the commands that announce rooms created here."""
        words = [word for room in rooms for word in (room, "1")]
        if not words:
            return []
        return [("HSET", self._created, *words), self.refreshment()]

    def refreshment(self) -> Command:
        """Write the command that keeps the names from expiring."""
        return "EXPIRE", self._created, EXPIRY_SECONDS
