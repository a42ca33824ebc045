"""The slots of a Redis Cluster: the hash tags that lie in them, and the masters that have them."""

from __future__ import annotations

from binascii import crc_hqx
from dataclasses import dataclass
from itertools import count
from typing import Any, Final

SLOTS: Final = 16_384
"""The slots of each Redis Cluster."""

PARTS: Final = 256
"""The number of parts of the nodes' state, each in a slot, spread evenly over all slots. Fewer
would be uneven on several masters; more would make clearing up after a dead node long."""

MAX_NODES: Final = 1000
"""So many nodes of a cluster are remembered, to ask them where slots are."""

Place = tuple[str, int]
"""The host and the port of a node of the cluster."""


def slot_of(tag: str) -> int:
    """The slot of the keys that have a hash tag."""
    return crc_hqx(tag.encode(), 0) % SLOTS


def spread_tags(number: int = PARTS) -> tuple[str, ...]:
    """Hash tags whose slots are spread evenly: the first in each range of equal length."""
    found: dict[int, str] = {}
    for each in map(str, count()):
        found.setdefault(slot_of(each) * number // SLOTS, each)
        if len(found) == number:
            break
    return tuple(found[each] for each in range(number))


@dataclass(frozen=True, slots=True)
class SlotMap:
    """The owner of each slot.

    Attributes:
        masters: The master of each hash tag.
        nodes: All nodes, masters and replicas.
    """

    masters: dict[str, Place]
    nodes: tuple[Place, ...]

    @classmethod
    def parse(cls, reply: Any, asked: Place, tags: tuple[str, ...]) -> SlotMap:
        """The content of a reply to ``CLUSTER SLOTS``.

        Args:
            reply: The reply.
            asked: The node that has replied: one that names no host means its own.
            tags: The hash tags to find the masters of.

        Raises:
            ValueError: It is no such reply, or slots have no master.
        """
        owners: dict[int, Place] = {}
        nodes: dict[Place, None] = {}
        try:
            for first, last, *group in reply:
                places = [_place(each, asked) for each in group]
                nodes |= dict.fromkeys(places)
                owners |= dict.fromkeys(range(first, min(last, SLOTS) + 1), places[0])
        except (TypeError, ValueError, LookupError, AttributeError):
            raise ValueError("it gives no table of slots") from None
        masters = {tag: owners[slot_of(tag)] for tag in tags if slot_of(tag) in owners}
        if len(masters) < len(tags):
            raise ValueError("the cluster has slots without a master")
        return cls(masters, tuple(nodes)[:MAX_NODES])


def _place(node: list[Any], asked: Place) -> Place:
    host = (node[0] or b"").decode("ascii")
    return (host if host not in ("", "?") else asked[0], int(node[1]))
