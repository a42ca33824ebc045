"""Redis is stopped while many clients, each in a separate room, say all they can."""

from __future__ import annotations

import json
import signal
import time
from contextlib import ExitStack

from tests.faults.counts import REDIS_ROOMS
from tests.faults.crowd import Crowd, LinePeer
from tests.faults.harness import FaultTestCase, mib
from tests.support import Daemon, wait_for
from tests.support.integration import MEGABYTE, connect, memory
from tests.support.nodes import Nodes

PENDING = 8 * MEGABYTE
"""`redis.maxPendingBytes` of the node."""

LINE = b"say " + b"x" * 60_000 + b"\n"
LINES = 10


class Speaker(LinePeer):
    """A client that goes into its room, and then says lines.

    Attributes:
        answered: How many of its lines have been answered.
        members: How many are in its room, as it was told last.
    """

    answered = 0
    members = 0

    def line(self, line: bytes) -> None:
        message = json.loads(line)
        assert "error" not in message, message
        self.answered += message["context"] == "response"
        if "roomStatus" in message:
            self.members = message["roomStatus"]["membersCount"]
            if self.members < 2:
                self.send(b"roomView\n")


class RedisStoppedTests(FaultTestCase):
    """What waits for Redis is bounded over all rooms, and what is lost is counted."""

    number = 30

    def test_what_waits_has_one_bound_for_all_rooms(self) -> None:
        stack = ExitStack()
        self.addCleanup(stack.close)
        options = (f"--redis-max-pending-bytes={PENDING}", "--close-timeout=1")
        cluster = Nodes(stack, 2, *options)
        node, other = cluster.running
        observer = cluster.member(0, "watch")
        crowd = Crowd(node, False)
        self.addCleanup(crowd.close)
        speakers = [crowd.adopt(Speaker, connect(node)) for _ in range(REDIS_ROOMS)]
        for number, speaker in enumerate(speakers):
            speaker.send(b"roomChange room%d\n" % number)
        crowd.until(lambda: all(each.answered for each in speakers), "rooms")
        # With nobody in them elsewhere nothing would be published.
        listeners = Crowd(other, False)
        self.addCleanup(listeners.close)
        for number in range(REDIS_ROOMS):
            listener = listeners.adopt(Speaker, connect(other))
            listener.send(b"roomChange room%d\n" % number)
        for speaker in speakers:
            speaker.send(b"roomView\n")
        crowd.until(lambda: all(each.members == 2 for each in speakers), "listeners")
        rounds = {speaker: speaker.answered for speaker in speakers}
        before = memory(node)
        cluster.redis.send(signal.SIGSTOP)
        for speaker in speakers:
            speaker.send(LINE * LINES)
        peak = self.peak_until_standalone(crowd, node, observer)
        # Once it is unreachable, nobody waits for it.
        crowd.until(lambda: all(s.answered == rounds[s] + LINES for s in speakers), "answers")
        lost = observer.status["redis"]["lost"]
        self.assertEqual(REDIS_ROOMS * LINES, lost)
        # The lines themselves, as far as they were read, are the clients' own.
        self.assertLess(peak - before, 2 * PENDING + REDIS_ROOMS * 4 * len(LINE))
        cluster.redis.send(signal.SIGCONT)
        wait_for(lambda: observer.status["redis"]["connected"], "Redis")
        for speaker in speakers:
            speaker.send(b"say again\n")
        crowd.until(lambda: all(s.answered > rounds[s] + LINES for s in speakers), "answers")
        self.note(
            f"Redis is stopped, and {REDIS_ROOMS:,} clients, each in a separate room, say "
            f"{LINES} lines of 60 KB; `redis.maxPendingBytes` is {mib(PENDING)}",
            f"{mib(peak - before)} more memory at the peak; all {lost:,} messages counted as "
            "lost, every line answered, and all served as before afterwards",
        )
        crowd.close()
        listeners.close()
        self.stop(node)

    def peak_until_standalone(self, crowd: Crowd, node: Daemon, observer: object) -> int:
        """Plays on until the node has given Redis up; gives the most memory meanwhile."""
        peak, end = 0, time.monotonic() + 8
        while time.monotonic() < end:
            crowd.run(0.05)
            peak = max(peak, memory(node))
        return peak
