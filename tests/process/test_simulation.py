"""Tests of `actionhero_tcp.simulation` with real sockets or processes."""

from __future__ import annotations

import re
from contextlib import ExitStack

from twisted.trial.unittest import SynchronousTestCase

from benchmarks import simulation
from benchmarks.crowd import Crowd
from tests.support import daemon, wait_for
from tests.support.redis_server import RedisServer, redis_server


class RealTests(SynchronousTestCase):
    """Three real nodes."""

    def test_messages_are_as_many_as_predicted(self) -> None:
        placement = [*simulation.spread(rooms=4, members=5, nodes=3), [3, 0, 0]]
        said_by_each = 8
        predicted = simulation.traffic(placement, said_by_each)
        with redis_server() as redis, ExitStack() as stack:
            options = (f"--redis={redis.url}", "--announce-limit=0")
            nodes = [stack.enter_context(daemon(*options)) for _ in range(3)]
            with Crowd([node.port for node in nodes], placement) as crowd:
                channels = [f"actionhero:v1:said:room{n}" for n in range(len(placement))]
                expected = simulation.subscriptions(placement)
                wait_for(lambda: sum(_subscribed(redis, channels)) >= expected, "subscriptions")
                before = _published(redis)
                heard = crowd.talk(said_by_each)
                wait_for(lambda: _published(redis) - before >= predicted.said, "the last message")
                published = _published(redis) - before
                present = _subscribed(redis, channels)
        self.assertEqual(predicted.delivered, heard)
        self.assertEqual(predicted.said, published)
        self.assertEqual(expected, sum(present))
        relayed = sum(
            sum(room) * said_by_each * count
            for room, count in zip(placement, present, strict=True)
            if count > 1
        )
        self.assertEqual(predicted.relayed, relayed)


def _subscribed(redis: RedisServer, channels: list[str]) -> list[int]:
    counts = re.findall(rb":(\d+)\r", redis.ask("PUBSUB", "NUMSUB", *channels))
    return [int(count) for count in counts]


def _published(redis: RedisServer) -> int:
    calls = re.search(rb"cmdstat_publish:calls=(\d+)", redis.ask("INFO", "commandstats"))
    return int(calls[1]) if calls else 0
