"""The names of keys and channels in Redis; docs/scaling.md shows their layout."""

from __future__ import annotations

from typing import Final

VERSION: Final = "v1"
"""Changes with the layout: processes of different layouts don't see each other."""


class Keys:
    """All names under one prefix.

    Args:
        prefix: The prefix of all of them.
    """

    __slots__ = (
        "_room",
        "_said",
        "cache",
        "cache_expiries",
        "cache_used",
        "clients",
        "created_rooms",
        "nodes",
        "prefix",
        "probe_channel",
        "probe_key",
        "requests",
    )

    def __init__(self, prefix: str) -> None:
        self.prefix = f"{prefix}{VERSION}:"
        self._room = f"{self.prefix}room:"
        self._said = f"{self.prefix}said:"
        self.nodes = f"{self.prefix}nodes"
        self.clients = f"{self.prefix}clients"
        self.created_rooms = f"{self.prefix}created-rooms"
        self.requests = f"{self.prefix}requests"
        self.probe_key = self.probe_channel = f"{self.prefix}probe"
        self.cache = f"{self.prefix}cache:"
        self.cache_used = f"{self.prefix}cache-used"
        self.cache_expiries = f"{self.prefix}cache-expiries"

    def room(self, room: str) -> str:
        """The hash of a room's members: client to node."""
        return self._room + room

    @property
    def any_room(self) -> str:
        """The prefix of the hashes of all rooms."""
        return self._room

    def said(self, room: str) -> str:
        """The channel of a room."""
        return self._said + room

    def room_of(self, channel: bytes) -> str | None:
        """The room of a channel; None where it is not the channel of one."""
        name = channel.decode("utf-8", "surrogatepass")
        return name.removeprefix(self._said) if name.startswith(self._said) else None

    def node(self, node: str) -> str:
        """The channel of one node, for messages to its clients."""
        return f"{self.prefix}node:{node}"

    def held(self, node: str) -> str:
        """The set of what a node has put into hashes: ``client room``; no room for `clients`."""
        return f"{self.prefix}held:{node}"
