"""Whoever reads the request log stops reading, and the server is told to stop meanwhile."""

from __future__ import annotations

import os
import re
from typing import Final

from tests.faults.harness import FaultTestCase, Stopwatch, mib
from tests.support import wait_for
from tests.support.integration import MEGABYTE

REQUESTS: Final = 20_000
QUEUED: Final = 65536
CLOSE_SECONDS: Final = 2.0

_LOST = re.compile(r"the request log is written again; (\d+) lines were lost")


class StuckLogTests(FaultTestCase):
    """The request log goes to standard output, which is a FIFO; the server's log to a file."""

    number = 21

    def setUp(self) -> None:
        self.fifo = self.folder() / "fifo"
        os.mkfifo(self.fifo)
        self.reader = os.open(self.fifo, os.O_RDONLY | os.O_NONBLOCK)
        self.addCleanup(os.close, self.reader)
        script = f'exec "$@" >{self.fifo} 2>&1'
        self.launcher = ("sh", "-c", script, "sh")

    def lost(self) -> int:
        """How many lines the server's log says are lost."""
        return sum(map(int, _LOST.findall((self.running.folder / "log.txt").read_text())))

    def flood(self) -> None:
        """A client asks a lot at once, and gets each answer."""
        client = self.talker()
        client.line()
        client.pipeline(b"randomNumber\n" * REQUESTS, REQUESTS)
        client.close()

    def read(self) -> bytes:
        """What the FIFO holds."""
        try:
            return os.read(self.reader, MEGABYTE)
        except BlockingIOError:
            return b""

    def test_stuck_reader(self) -> None:
        self.begin(
            "--log-file=log.txt",
            f"--log-max-queued-bytes={QUEUED}",
            f"--close-timeout={CLOSE_SECONDS:g}",
        )
        before = self.memory()
        self.flood()
        # Others come in and are served.
        newcomer = self.talker()
        newcomer.line()
        newcomer.close()
        grown = self.memory() - before
        self.assertLess(grown, 16 * MEGABYTE)
        dropped = self.dropped()
        self.assertGreater(dropped, 0)
        parts: list[bytes] = []

        def flows() -> bool:
            parts.append(self.read())
            return self.lost() >= dropped

        wait_for(flows, "a line that tells how many were lost")
        asked = self.probe()["requests"]
        wait_for(lambda: self.all_read(parts, asked), "each line that was not lost")
        shown = b"".join(parts).count(b" request ")
        lost = self.lost()
        # It takes nothing again, and the server is told to stop.
        self.flood()
        watch = Stopwatch()
        self.finish()
        self.note(
            f"the reader of the request log (a FIFO) stops reading for {REQUESTS:,} requests of "
            f"one client, reads on, stops again, and the server gets SIGTERM; "
            f"`maxQueuedBytes` {QUEUED:,}, `closeTimeout` {CLOSE_SECONDS:g} s",
            f"all {2 * REQUESTS:,} requests were answered and others let in meanwhile; memory "
            f"grew by {mib(max(grown, 0))}; {shown:,} lines were read, {lost:,} dropped and "
            f"counted; the process ended {watch.seconds:.1f} s after SIGTERM",
        )

    def dropped(self) -> int:
        """How many lines `status` counts as dropped."""
        self.observer.send(b'{"action":"status"}\n')
        while "stats" not in (message := self.observer.message()):
            pass
        return int(message["stats"]["limits"].get("maxQueuedBytes", 0))

    def all_read(self, parts: list[bytes], asked: int) -> bool:
        """Whether the lines of all requests were read or lost."""
        parts.append(self.read())
        text = b"".join(parts)
        seen = text.count(b" request ") + text.count(b" connect ") + text.count(b" disconnect ")
        return seen + self.lost() >= asked


class StuckLogTLSTests(StuckLogTests):
    """The same over TLS."""

    pair = "ec"
