"""Listeners of a busy room that never read."""

from __future__ import annotations

import re
import socket

from tests.faults.counts import SAID_BYTES, STALLED_LISTENERS
from tests.faults.crowd import Crowd, LinePeer
from tests.faults.harness import FaultTestCase, Stopwatch, mib
from tests.support.integration import MEGABYTE

SMALL_BUFFER = 4096
"""What the kernel keeps for a listener that does not read."""

MOST_GROWTH = 16 * MEGABYTE
"""As much may the daemon grow, whatever is said."""

LISTENERS = 3
WAVES = 3
BATCH_BYTES = 256 * 1024

BUSY = b'"room":"busy"'
LEFT = b'{"message":"I have left the room"'

_SAID = re.compile(rb'\{"message":"(\d+) x*","room":"busy","from":"[0-9a-f]{32}"')


class Speaker(LinePeer):
    """Says numbered lines in the busy room.

    Attributes:
        said: How many it has said.
        answered: How many answers it got, that to ``roomChange`` included.
    """

    def __init__(self, crowd: Crowd, stream: socket.socket) -> None:
        super().__init__(crowd, stream)
        self.said = self.answered = 0
        self.send(b"roomChange busy\n")

    def line(self, line: bytes) -> None:
        if b'"context":"response"' in line:
            self.answered += 1
            assert line.endswith(b'"messageCount":%d}' % self.answered), line

    def say(self, count: int, size: int) -> None:
        """Says so many lines of that many bytes."""
        filler = b"x" * size
        numbers = range(self.said, self.said + count)
        self.send(b"".join(b"say %d %b\n" % (number, filler) for number in numbers))
        self.said += count


class Listener(LinePeer):
    """Hears every line of the speaker, in order.

    Attributes:
        heard: How many lines it has heard.
        there: Whether it is in the busy room.
        left: How many it has heard leave that room.
    """

    def __init__(self, crowd: Crowd, stream: socket.socket) -> None:
        super().__init__(crowd, stream)
        self.heard = self.left = 0
        self.there = False
        self.send(b"roomChange busy\n")

    def line(self, line: bytes) -> None:
        if b'"context":"response"' in line:
            self.there = True
        elif match := _SAID.match(line):
            assert int(match[1]) == self.heard, f"heard {match[1]!r} after {self.heard} lines"
            self.heard += 1
        elif LEFT in line and BUSY in line:
            self.left += 1


class DeafListener(Listener):
    """Reads nothing once it is in the room."""

    def line(self, line: bytes) -> None:
        super().line(line)
        if self.there:
            self.pause()


class SlowListenerTests(FaultTestCase):
    """A room that somebody speaks in, with listeners that read and listeners that do not."""

    number = 1

    def fill_room(self) -> None:
        """A speaker, and listeners that read."""
        (self.speaker,) = self.crowd.gather(1, Speaker)
        self.listeners = self.crowd.gather(LISTENERS, Listener)
        self.crowd.until(lambda: all(each.there for each in self.listeners), "the busy room")

    def add_deaf(self, count: int) -> list[DeafListener]:
        """Listeners that do not read."""
        deaf = self.crowd.gather(count, DeafListener, buffer=SMALL_BUFFER)
        self.crowd.until(lambda: all(each.there for each in deaf), "the busy room")
        return deaf

    def say(self, count: int, size: int) -> None:
        """Says so many lines, and waits until all who read have heard them."""
        self.speaker.say(count, size)
        self.crowd.until(
            lambda: all(each.heard == self.speaker.said for each in self.listeners),
            "what was said",
        )

    def test_one(self) -> None:
        self.begin("--no-log-requests")
        self.fill_room()
        self.add_deaf(1)
        before = self.reset_peak()
        watch = Stopwatch()
        size = 2000
        said = taken = 0
        while said < SAID_BYTES:
            self.say(BATCH_BYTES // size, size)
            said += BATCH_BYTES // size * size
            taken = taken or (said if self.listeners[0].left else 0)
        grown = self.peak() - before
        self.assertEqual(self.closed(), {"slow consumer": 1})
        self.assertLessEqual(grown, MOST_GROWTH)
        self.note(
            "One of 4 listeners of a busy room never reads (receive buffer 4 KiB), "
            f"while {SAID_BYTES // MEGABYTE} MiB are said to each",
            f"closed as slow consumer after {mib(taken)}; the others heard all "
            f"{self.speaker.said:,} lines in {watch.seconds:.0f} s; "
            f"memory grew by {mib(grown)} at most",
        )
        self.finish()

    def test_many(self) -> None:
        self.begin("--no-log-requests")
        self.fill_room()
        before = self.state()
        used = [self.used_memory()]
        for _ in range(WAVES):
            deaf = self.add_deaf(STALLED_LISTENERS)
            self.reset_peak()
            watch = Stopwatch()
            while self.probe()["connections"] > before.connections:
                self.say(16, 16_000)
            seconds, peak = watch.seconds, self.peak()
            self.assert_back(before)
            for each in deaf:
                each.close()
            resident = self.memory()
            used.append(self.used_memory())
        self.assertEqual(self.closed(), {"slow consumer": WAVES * STALLED_LISTENERS})
        self.assertLessEqual(max(used) - used[0], MOST_GROWTH)
        self.note(
            f"{STALLED_LISTENERS:,} of {STALLED_LISTENERS + LISTENERS + 1:,} listeners never read, "
            f"{WAVES} times over, while lines of 16 kB are said",
            f"all closed as slow consumers, within {seconds:.0f} s; the others heard every line; "
            f"connections, rooms, timers and descriptors as before; memory in use "
            f"{mib(used[0])} before, {mib(used[-1])} after (resident {mib(peak)} at most, "
            f"of which {mib(resident)} stay with the allocator)",
        )
        self.finish()


class SlowListenerTLSTests(SlowListenerTests):
    """The same over TLS."""

    pair = "ec"


class SlowListenerWebSocketTests(SlowListenerTests):
    """The same over WebSocket."""

    web = True
