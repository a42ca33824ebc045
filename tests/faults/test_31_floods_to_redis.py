"""Some clients have their node tell Redis all they can; another one's messages are not lost."""

from __future__ import annotations

import time
from contextlib import ExitStack

from tests.faults.counts import REDIS_FLOOD_SECONDS
from tests.faults.crowd import Crowd, LinePeer
from tests.faults.harness import FaultTestCase
from tests.support import wait_for
from tests.support.integration import connect
from tests.support.nodes import Nodes, of

FLOODS = {
    "roomChange": (1, b"".join(b"roomChange r%d\n" % number for number in range(5_000))),
    "say": (4, (b"say " + b"x" * 64_000 + b"\n") * 20),
    "cacheTest": (
        10,
        b"".join(
            b'{"action":"cacheTest","params":{"key":"k%d","value":"%b"}}\n' % (n, b"x" * 60_000)
            for n in range(20)
        ),
    ),
}
"""How many clients, and what each of them sends again and again."""


class Flooder(LinePeer):
    """Sends the same again as soon as the node has taken it."""

    data = b""

    def line(self, line: bytes) -> None:
        if not self.outgoing:
            self.send(self.data)


class FloodsToRedisTests(FaultTestCase):
    """A flood is held back at its source."""

    number = 31

    def test_no_message_of_another_client_is_lost(self) -> None:
        for kind in FLOODS:
            with self.subTest(kind):
                self.play(kind)

    def play(self, kind: str) -> None:
        """One kind of flood."""
        count, data = FLOODS[kind]
        with ExitStack() as stack:
            cluster = Nodes(stack, 2, "--close-timeout=1")
            speaker, listener = cluster.member(0, "quiet"), cluster.member(1, "quiet")
            cluster.agree([speaker, listener])
            listener.forget()
            crowd = Crowd(cluster.running[0], False)
            stack.callback(crowd.close)
            # With nobody in their room elsewhere nothing they say would be published.
            others = Crowd(cluster.running[1], False)
            stack.callback(others.close)
            others.adopt(LinePeer, connect(cluster.running[1]))
            flooders = [crowd.adopt(Flooder, connect(cluster.running[0])) for _ in range(count)]
            for flooder in flooders:
                flooder.data = data
                flooder.send(data)
            said, slowest = 0, 0.0
            end = time.monotonic() + REDIS_FLOOD_SECONDS
            while time.monotonic() < end:
                began = time.monotonic()
                speaker.send(b"say word %d\n" % said)
                said += 1
                while time.monotonic() < began + 0.01:
                    crowd.run(0.005)
                    others.run(0.001)
                slowest = max(slowest, time.monotonic() - began)
            crowd.close()
            others.close()
            expected = [f"word {number}" for number in range(said)]
            wait_for(lambda: of(listener.words(speaker), "word") == expected, "all messages")
            status = speaker.status
            self.assertEqual((True, 0), (status["redis"]["connected"], status["redis"]["lost"]))
            self.assertEqual(1, len(status["peers"]))
            cluster.assert_well()
            held = status["limits"].get("redisShare", 0)
        self.note(
            f"{count} clients pipeline `{kind}` for {REDIS_FLOOD_SECONDS:g} s, and another one "
            "talks to a client of another node",
            f"of its {said:,} messages none was lost, doubled or out of order, and the node did "
            f"not lose Redis; clients were held {held:,} times",
        )
