"""Requests of other nodes about clients of this one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Protocol

from twisted.logger import Logger

from ..connection.connected_client import ConnectedClient
from ..errors import ClientError, printable

JOIN: Final = b"join"
LEAVE: Final = b"leave"

_log = Logger()


class NodeClients(Protocol):
    """The clients of a node: `LocalClients`, or a stand-in in tests."""

    def send(self, client: str, line: bytes) -> None:
        """Send a line to a client, if it is here."""

    def change_rooms(self, client: str, change: bytes, room: str) -> None:
        """Take a client into a room (`JOIN`) or out of it (`LEAVE`), if it is here."""


class LocalClients:
    """The clients of this process.

    Args:
        connections: The clients by id.
    """

    def __init__(self, connections: Mapping[str, ConnectedClient]) -> None:
        self._connections = connections

    def send(self, client: str, line: bytes) -> None:
        """See `NodeClients.send`."""
        found = self._connections.get(client)
        if found is not None:
            found.outbox.send_event(line)

    def change_rooms(self, client: str, change: bytes, room: str) -> None:
        """See `NodeClients.change_rooms`; a client that is in too many rooms is logged."""
        found = self._connections.get(client)
        if found is None:
            return
        rooms = found.owner.rooms
        try:
            (rooms.join if change == JOIN else rooms.leave)(found, room)
        except (ClientError, ValueError) as error:
            _log.error(
                "another node asked for {client} to join a room, which cannot be: {reason}",
                client=client,
                reason=printable(str(error)),
            )
