"""The wall clock of one node is set back and forward; for the others it lives on."""

from __future__ import annotations

import time
from contextlib import ExitStack
from typing import Final

from actionhero_tcp.redis.cluster import BEAT_SECONDS, DEAD_AFTER_SECONDS
from tests.faults.harness import FaultTestCase
from tests.support import wait_for
from tests.support.nodes import ENTERED, LEFT, Nodes, converse
from tests.support.wall_clock import WallClock

STEPS: Final = (-3600, 3600)

WATCHED_SECONDS: Final = DEAD_AFTER_SECONDS + 2 * BEAT_SECONDS + 1
"""A node without heartbeats would be gone by then."""


class ClusterClockTests(FaultTestCase):
    """Heartbeats follow the monotonic clock and Redis' own."""

    number = 33

    def test_steps(self) -> None:
        with ExitStack() as stack:
            cluster = Nodes(stack, 1, "--close-timeout=1")
            clock = WallClock(self, self.folder())
            url = f"redis://127.0.0.1:{cluster.redis.port}"
            cluster.running.append(cluster.start("--redis", url, "--close-timeout=1"))
            members = cluster.members(1)
            wait_for(lambda: all(len(each.status["peers"]) == 1 for each in members), "peers")
            for step in STEPS:
                clock.set(step)
                end = time.monotonic() + WATCHED_SECONDS
                while time.monotonic() < end:
                    converse(members, f"{step} {end - time.monotonic():.3f}", 1)
                    for member in members:
                        self.assertEqual(1, len(member.status["peers"]))
            for member in members:
                heard = [each["message"] for each in member.heard]
                self.assertFalse({ENTERED, LEFT} & set(heard))
            cluster.assert_well()
        self.note(
            f"the wall clock of one of two nodes is set an hour back, and forward; each time the "
            f"members of both talk for {WATCHED_SECONDS:g} s",
            "no message was lost, neither node took the other for dead, and nobody heard that "
            "anybody left",
        )
