"""Predicts the nodes, the Redis servers and the memory for so many clients.

Usage: python -m benchmarks.capacity [--members 10] [--rate 0.0167] [CONNECTIONS …]

It follows from the costs of a message in `simulation.MEASURED`, where members of rooms come to
nodes by chance.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from .simulation import MEASURED, Costs, Traffic

NODE_SHARE: Final = 0.5
"""So much of its core a node may use, which leaves the rest for bursts and for lost nodes."""
REDIS_SHARE: Final = 0.7
CONNECTIONS_OF_A_NODE: Final = 50_000
CONNECTION_BYTES: Final = 2.7 * 1024
"""Of an idle connection over TCP; see docs/performance.md."""
NODE_BYTES: Final = 55 * 2**20
"""Of a node without clients."""
REDIS_BYTES: Final = 490
"""Of a client, in Redis."""
RATE: Final = 1 / 60
MEMBERS: Final = 10
CONNECTIONS: Final = (1_000_000, 10_000_000)


@dataclass(frozen=True)
class Need:
    """What so many clients need.

    Attributes:
        nodes: Processes, each with a core.
        shards: Redis servers, each with a core.
        node_bytes: The memory of each node.
        redis_bytes: The memory of all Redis servers together.
    """

    nodes: int
    shards: int
    node_bytes: float
    redis_bytes: float


def expected(connections: int, members: int, rate: float, nodes: int) -> Traffic:
    """What happens in a second, where members come to nodes by chance."""
    said = connections * rate
    present = nodes * (1 - (1 - 1 / nodes) ** members)
    # A room whose members are all on one node needs no Redis.
    alone = nodes ** (1 - members)
    published = said * (1 - alone)
    relayed = said * (present - alone)
    return Traffic(published, relayed, relayed - published, said * (members - 1))


def need(connections: int, members: int, rate: float, costs: Costs) -> Need:
    """The fewest nodes that are not too busy, and what goes with them."""
    nodes = math.ceil(connections / CONNECTIONS_OF_A_NODE)
    while True:
        traffic = expected(connections, members, rate, nodes)
        wanted = math.ceil(costs.nodes(traffic) / NODE_SHARE)
        if wanted <= nodes:
            break
        # More nodes hear more of one another, but never more than all members.
        nodes = wanted
    shards = max(1, math.ceil(costs.redis(traffic) / REDIS_SHARE))
    each = NODE_BYTES + connections / nodes * CONNECTION_BYTES
    return Need(nodes, shards, each, connections * REDIS_BYTES)


def table(connections: Sequence[int], members: int, rate: float) -> str:
    """The rows for docs/scaling.md."""
    lines = [
        "| clients | messages come | nodes | Redis servers | memory of a node | of all Redis |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for count in connections:
        for name, costs in MEASURED.items():
            one = need(count, members, rate, costs)
            memory = f"{one.node_bytes / 2**20:,.0f} MiB | {one.redis_bytes / 2**30:.1f} GiB"
            lines.append(f"| {count:,} | {name} | {one.nodes} | {one.shards} | {memory} |")
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.capacity")
    parser.add_argument("connections", type=int, nargs="*", help="clients (1 and 10 million)")
    parser.add_argument("--members", type=int, default=MEMBERS, help="clients in each room (10)")
    parser.add_argument("--rate", type=float, default=RATE, help="messages/s of each client (1/60)")
    options = parser.parse_args(arguments)
    print(table(options.connections or CONNECTIONS, options.members, options.rate))


if __name__ == "__main__":
    main()
