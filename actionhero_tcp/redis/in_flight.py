"""What is on its way to Redis: how many bytes, whose they are, and who has to wait.

A client is held, that is not read from, while Redis is behind with more of its commands than its
share. So a flood is held back at its source, and what others say finds room. Should many clients
together fill an eighth of what there is room for, each of them is held after its next command.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from ..connection.memory import Account

SHARE_BYTES: Final = 256 * 1024
"""The share of one client: a client with more commands without a reply is held."""

RELEASE: Final = 0.5
"""A client that is held is read from again below this part of its share."""

FULL: Final = 0.125
"""Above this part of the room that there is, every client is held after its next command. By
default these are 4 MiB: a node hears what it publishes, and Redis closes the connection of a
subscriber that is behind by 8 MB for a minute."""


class InFlight:
    """The commands that have no reply yet.

    Args:
        max_bytes: The room that there is for messages. Commands about members, which are small
            and cost much where they are lost, have as much again.
        account: Is charged for them.
        hold: Called with the id of a client that has to wait.
        release: Called with the id of one that has to no longer.
    """

    __slots__ = ("_account", "_clients", "_full_at", "_held", "_hold", "_max_bytes", "_release")

    def __init__(
        self,
        max_bytes: int,
        account: Account,
        hold: Callable[[str], object],
        release: Callable[[str], object],
    ) -> None:
        self._max_bytes = max_bytes
        self._account = account
        self._full_at = int(max_bytes * FULL)
        self._hold = hold
        self._release = release
        self._clients: dict[str, int] = {}
        self._held: set[str] = set()

    @property
    def held_bytes(self) -> int:
        """The bytes of all commands."""
        return self._account.held

    def add(self, client: str | None, size: int, *, is_message: bool = False) -> bool:
        """Counts a command that is to be sent.

        Args:
            client: Whose it is; None where it is nobody's.
            size: Its bytes.
            is_message: Whether it is a message, which can be lost.

        Returns:
            Whether there is room for it; where there is none, nothing is counted.
        """
        total = self.held_bytes + size
        if total > self._max_bytes and (is_message or total > 2 * self._max_bytes):
            return False
        self._account.charge(size)
        if client is not None:
            own = self._clients.get(client, 0) + size
            self._clients[client] = own
            if (own > SHARE_BYTES or total > self._full_at) and client not in self._held:
                self._held.add(client)
                self._hold(client)
        return True

    def remove(self, sizes: Mapping[str | None, int]) -> None:
        """Redis has executed commands, or never will.

        Args:
            sizes: Their bytes, for each client.
        """
        released = []
        for client, size in sizes.items():
            self._account.release(size)
            if client is None:
                continue
            own = self._clients[client] - size
            if own:
                self._clients[client] = own
            else:
                del self._clients[client]
            if client in self._held and own <= SHARE_BYTES * RELEASE:
                self._held.discard(client)
                released.append(client)
        # Their further messages count against the rest.
        for client in released:
            self._release(client)
