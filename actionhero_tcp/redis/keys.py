"""The names of keys and channels in Redis; docs/scaling.md shows their layout.

Names that one command or script uses lie in one *part*. One Redis has a single part. In a Redis
Cluster each part has a hash tag, so that all names of the part are in one slot.
"""

from __future__ import annotations

from binascii import crc_hqx
from collections.abc import Sequence
from typing import Final

VERSION: Final = "v1"
"""Changes with the layout: processes of different layouts don't see each other."""

CACHE_PARTS: Final = 16
"""The cache is spread over so many parts at most, which its size is the sum of."""

_SAID: Final = "said:"


class Keys:
    """All names under one prefix.

    Args:
        prefix: The prefix of all of them.
        tags: The hash tags of the parts; empty for a single part without a tag.

    Attributes:
        parts: The prefix of each part.
        cache_parts: The prefixes of the parts that the cache is spread over.
    """

    __slots__ = (
        "_is_tagged",
        "cache_parts",
        "created_rooms",
        "nodes",
        "parts",
        "prefix",
        "requests",
    )

    def __init__(self, prefix: str, tags: Sequence[str] = ()) -> None:
        self.prefix = f"{prefix}{VERSION}:"
        self._is_tagged = bool(tags)
        self.parts = tuple(f"{self.prefix}{{{tag}}}:" for tag in tags) or (self.prefix,)
        self.cache_parts = self.parts[:: max(1, len(self.parts) // CACHE_PARTS)]
        first = self.parts[0]
        self.nodes = f"{first}nodes"
        self.created_rooms = f"{first}created-rooms"
        self.requests = f"{first}requests"

    def part(self, name: str) -> str:
        """The prefix of the part that a room or a client is in."""
        return _chosen(self.parts, name)

    def room(self, room: str) -> str:
        """The hash of a room's members: client to node."""
        return f"{self.part(room)}room:{room}"

    @staticmethod
    def any_room(part: str) -> str:
        """The prefix of the hashes of all rooms of a part."""
        return f"{part}room:"

    def said(self, room: str) -> str:
        """The channel of a room."""
        return f"{self.part(room)}{_SAID}{room}"

    def room_of(self, channel: bytes) -> str | None:
        """The room of a channel; None where it is not the channel of one."""
        name = channel.decode("utf-8", "surrogatepass")
        if not name.startswith(self.prefix):
            return None
        name = name[len(self.prefix) :]
        if self._is_tagged:
            name = name.partition("}:")[2]
        return name[len(_SAID) :] if name.startswith(_SAID) else None

    def node(self, node: str) -> str:
        """The channel of one node, for messages to its clients."""
        return f"{self.part(node)}node:{node}"

    @staticmethod
    def clients(part: str) -> str:
        """The hash of the clients of a part: client to node."""
        return f"{part}clients"

    @staticmethod
    def held(part: str, node: str) -> str:
        """The set of what a node has put into the hashes of a part.

        An entry is ``client room``; no room for that of clients.
        """
        return f"{part}held:{node}"

    @staticmethod
    def probe(part: str) -> str:
        """The key, and the channel, on which a new connection tries its rights."""
        return f"{part}probe"

    def cache_part(self, key: str) -> str:
        """The prefix of the part that an entry of the cache is in."""
        return _chosen(self.cache_parts, key)

    @staticmethod
    def cache(part: str) -> str:
        """The prefix of the entries of the cache in a part."""
        return f"{part}cache:"

    @staticmethod
    def cache_used(part: str) -> str:
        """The sorted set of those entries by when they were last used."""
        return f"{part}cache-used"

    @staticmethod
    def cache_expiries(part: str) -> str:
        """The sorted set of those entries by when they expire."""
        return f"{part}cache-expiries"


def _chosen(parts: tuple[str, ...], name: str) -> str:
    if len(parts) == 1:
        return parts[0]
    return parts[crc_hqx(name.encode("utf-8", "surrogatepass"), 0) % len(parts)]
