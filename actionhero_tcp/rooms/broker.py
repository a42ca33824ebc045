"""Carries rooms from one server process to the others; by default there are no others."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Protocol

from twisted.internet.defer import Deferred

Match = tuple[str, str]
"""An attribute and its value, which a listener has to have to hear something."""


class Bus(Protocol):
    """How a process tells the others of its rooms, and knows of theirs."""

    def connected(self, client: str) -> None:
        """A client is with this process from now on."""

    def disconnected(self, client: str) -> None:
        """A client is with this process no more."""

    def joined(self, room: str, client: str, announced: bool) -> None:
        """A client of this process is in the room from now on.

        Args:
            room: The room.
            client: The client's id.
            announced: Whether the members elsewhere hear of it, now.
        """

    def announced(self, room: str, client: str) -> None:
        """A client of this process that is in the room is announced now."""

    def left(self, room: str, client: str, announced: bool) -> None:
        """A client of this process is in the room no more; see `joined`."""

    def say(
        self,
        room: str,
        line: bytes,
        match: Match | None = None,
        exclude: Collection[str] = (),
    ) -> None:
        """Something was said in the room; members of this process have heard it.

        Args:
            room: The room.
            line: The message for members of the other processes.
            match: The members that get it; None for all.
            exclude: The ids of those that do not get it, where there is no match.
        """

    def members(self, room: str) -> Iterable[str]:
        """The ids of the room's members that are with the other processes."""
        ...

    def count(self, room: str) -> int:
        """How many these are."""
        ...

    def created(self, room: str) -> None:
        """A room was created here, which may have no members."""

    def exists_elsewhere(self, room: str) -> Deferred[bool] | None:
        """Whether a room exists with the other processes; None where there are none."""
        ...

    def seen_at(self, room: str, client: str) -> int:
        """When this process first saw one of these, in ms since 1970."""
        ...


class LocalBus:
    """Carries nothing: there is one process."""

    def connected(self, client: str) -> None:
        """See `Bus.connected`."""

    def disconnected(self, client: str) -> None:
        """See `Bus.disconnected`."""

    def joined(self, room: str, client: str, announced: bool) -> None:
        """See `Bus.joined`."""

    def announced(self, room: str, client: str) -> None:
        """See `Bus.announced`."""

    def left(self, room: str, client: str, announced: bool) -> None:
        """See `Bus.left`."""

    def say(
        self,
        room: str,
        line: bytes,
        match: Match | None = None,
        exclude: Collection[str] = (),
    ) -> None:
        """See `Bus.say`."""

    def members(self, room: str) -> Iterable[str]:
        """See `Bus.members`."""
        return ()

    def count(self, room: str) -> int:
        """See `Bus.count`."""
        return 0

    def created(self, room: str) -> None:
        """See `Bus.created`."""

    def exists_elsewhere(self, room: str) -> Deferred[bool] | None:
        """See `Bus.exists_elsewhere`."""
        return None

    def seen_at(self, room: str, client: str) -> int:
        """See `Bus.seen_at`."""
        return 0
