"""Predicts what Redis and the nodes of a cluster have to do. Usage: python -m benchmarks.simulation

What is counted (messages, subscriptions) follows from who is where, and is exact. What it costs
comes from measured costs of a message, and is as good as these: two columns, for messages that
come one at a time and for such as come in bursts of sixteen.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Sequence
from dataclasses import dataclass

MANY = 100
"""So many listeners there are where the cost of one more is measured."""


@dataclass(frozen=True)
class Traffic:
    """What happens, in all or in one second.

    Attributes:
        said: What clients say in rooms with members on several nodes; so often Redis is told to
            publish.
        relayed: What Redis sends to nodes: each message to every node that has a member in
            its room, the speaker's own too.
        heard: What the nodes get of that from others.
        delivered: What they write to clients.
    """

    said: float
    relayed: float
    heard: float
    delivered: float

    def __add__(self, other: Traffic) -> Traffic:
        return Traffic(
            self.said + other.said,
            self.relayed + other.relayed,
            self.heard + other.heard,
            self.delivered + other.delivered,
        )


@dataclass(frozen=True)
class Costs:
    """Microseconds of processor time.

    Attributes:
        publish: Redis': of a message that comes in.
        relay: Redis': of sending it to one node.
        say: A node's: of what a client says, with its way to Redis and back.
        hear: A node's: of what comes from another one.
        deliver: A node's: of writing it to a client.
    """

    publish: float
    relay: float
    say: float
    hear: float
    deliver: float

    def redis(self, traffic: Traffic) -> float:
        """What the traffic takes of Redis, in seconds of its processor."""
        return (traffic.said * self.publish + traffic.relayed * self.relay) / 1e6

    def nodes(self, traffic: Traffic) -> float:
        """What it takes of all nodes together."""
        said, heard = traffic.said * self.say, traffic.heard * self.hear
        return (said + heard + traffic.delivered * self.deliver) / 1e6


def costs(
    bare: tuple[float, float],
    redis: float,
    speakers: float,
    hearers: tuple[float, float],
) -> Costs:
    """The costs, from what was measured of one speaker, microseconds for each message.

    Args:
        bare: A bare Redis with 1 and with 100 subscribers.
        redis: Redis between two nodes, with 1 listener.
        speakers: The speaker's node, with 1 listener elsewhere.
        hearers: The other node, with 1 listener and with 100.
    """
    relay = (bare[1] - bare[0]) / (MANY - 1)
    deliver = (hearers[1] - hearers[0]) / (MANY - 1)
    return Costs(max(0.0, redis - 2 * relay), relay, speakers, hearers[0] - deliver, deliver)


MEASURED = {
    "one at a time": Costs(publish=9.0, relay=3.4, say=65.0, hear=28.0, deliver=3.9),
    "in bursts": Costs(publish=1.3, relay=0.4, say=11.5, hear=5.0, deliver=0.45),
}
"""Of the machine that docs/performance.md tells of."""

Placement = Sequence[Sequence[int]]
"""For each room, how many of its members each node has."""


def spread(rooms: int, members: int, nodes: int, seed: int = 1) -> Placement:
    """Rooms of so many members each, who have come to nodes by chance."""
    chance = random.Random(seed)
    placement = []
    for _ in range(rooms):
        here = [0] * nodes
        for _ in range(members):
            here[chance.randrange(nodes)] += 1
        placement.append(here)
    return placement


def subscriptions(placement: Placement) -> int:
    """How many channels of rooms are subscribed to, counted once for each node."""
    return sum(count > 0 for room in placement for count in room)


def traffic(placement: Placement, said_by_each: float) -> Traffic:
    """What happens when every member of every room says so much."""
    total = Traffic(0, 0, 0, 0)
    for room in placement:
        members, present = sum(room), sum(count > 0 for count in room)
        said = members * said_by_each
        # What is said in a room of one node stays there.
        published = said if present > 1 else 0
        total += Traffic(
            published, published * present, published * (present - 1), said * (members - 1)
        )
    return total


def _percent(seconds: float) -> str:
    return f"{100 * seconds:8.2f} %"


def main(arguments: Sequence[str] | None = None) -> None:
    """Prints what is predicted."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.simulation")
    parser.add_argument("--nodes", type=int, default=4, help="processes (4)")
    parser.add_argument("--rooms", type=int, default=200, help="rooms (200)")
    parser.add_argument("--members", type=int, default=10, help="clients in each room (10)")
    parser.add_argument("--rate", type=float, default=0.1, help="messages/s of each client (0.1)")
    options = parser.parse_args(arguments)
    placement = spread(options.rooms, options.members, options.nodes)
    load = traffic(placement, options.rate)
    print(f"clients                      {options.rooms * options.members:10,}")
    print(f"subscriptions in Redis       {subscriptions(placement):10,}")
    print(f"messages/s into Redis        {load.said:10,.0f}")
    print(f"messages/s out of Redis      {load.relayed:10,.0f}")
    print(f"messages/s written to clients{load.delivered:10,.0f}")
    for name, each in MEASURED.items():
        print(f"{name}:")
        print(f"  processor of Redis         {_percent(each.redis(load))}")
        print(f"  processor of a node        {_percent(each.nodes(load) / options.nodes)}")


if __name__ == "__main__":
    main()
