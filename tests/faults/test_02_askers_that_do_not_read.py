"""Clients that ask for much and do not read the answers."""

from __future__ import annotations

import random
import socket
import time

from tests.faults.counts import REQUESTS_OF_AN_ASKER, STALLED_ASKERS
from tests.faults.crowd import Crowd, LinePeer
from tests.faults.harness import FaultTestCase, Stopwatch, mib
from tests.support.integration import MEGABYTE, request, wait_until_stalled

SMALL_BUFFER = 4096
"""What the kernel keeps for a client that does not read."""

MOST_EACH = 512 * 1024
"""As much may the daemon grow for each of them: 64 KiB of answers wait in the outbox and again
in the transport; and of one chunk (64 KiB) nearly 6,000 lines wait, each an object of its own."""

VALUE = b"x" * 8000
"""A sticky param, so that a request of 11 bytes has an answer of 8 kB."""

CONTENT = random.Random(2).randbytes(2 * MEGABYTE)
FILES_OF_AN_ASKER = 3
FILE_REQUEST = request("file", fileName="file").encode() + b"\n"


class Asker(LinePeer):
    """Asks, does not read for a while, and checks what it gets then.

    Attributes:
        answers: How many answers it got.
    """

    def __init__(self, crowd: Crowd, stream: socket.socket) -> None:
        super().__init__(crowd, stream)
        self.answers = 0
        self.send(b"paramAdd key=%b\n" % VALUE)

    def line(self, line: bytes) -> None:
        self.answers += 1
        if self.answers > 1:
            body = b'"context":"response","params":{"key":"%b"}' % VALUE
            expected = b'{%b,"messageCount":%d}' % (body, self.answers)
            assert line == expected, f"got {line[-80:]!r} as answer {self.answers}"

    def ask(self, count: int) -> None:
        """Asks for its params, over and over, and reads no more."""
        self.pause()
        self.send(b"paramsView\n" * count)


class FileAsker(LinePeer):
    """Asks for a file, does not read for a while, and compares what it gets then.

    Attributes:
        got: How many bytes of files it got.
    """

    def __init__(self, crowd: Crowd, stream: socket.socket) -> None:
        super().__init__(crowd, stream)
        self.got = 0

    def received(self, data: bytes) -> None:
        if not self.welcomed:
            super().received(data)
            return
        while data:
            place = self.got % len(CONTENT)
            part = data[: len(CONTENT) - place]
            assert CONTENT.startswith(part, place), f"another file's bytes at {self.got}"
            self.got += len(part)
            data = data[len(part) :]

    def ask(self, count: int) -> None:
        """Asks for the file, so many times, and reads no more."""
        self.pause()
        self.send(FILE_REQUEST * count)


class AskerTests(FaultTestCase):
    """They are not read from until they read; then they are served on, and lose nothing."""

    number = 2

    def wait_until_stalled(self) -> int:
        """Waits until the daemon takes nothing more of anybody; gives the lines it served."""
        served = 0
        while (now := wait_until_stalled(self.observer)) - served > 20:
            served = now
            self.crowd.run(0.3)
        return now

    def test_answers(self) -> None:
        self.begin("--no-log-requests", "--announce-limit=0", "--write-timeout=300")
        askers = self.crowd.gather(STALLED_ASKERS, Asker, buffer=SMALL_BUFFER)
        self.crowd.until(lambda: all(each.answers for each in askers), "the first answers")
        before, served = self.reset_peak(), self.probe()["requests"]
        for each in askers:
            each.ask(REQUESTS_OF_AN_ASKER)
        served = self.wait_until_stalled() - served
        grown = self.peak() - before
        self.assertLess(served, STALLED_ASKERS * REQUESTS_OF_AN_ASKER / 2)
        self.assertLess(grown, 8 * MEGABYTE + STALLED_ASKERS * MOST_EACH)
        watch = Stopwatch()
        for each in askers:
            each.resume()
        asked = 1 + REQUESTS_OF_AN_ASKER
        self.crowd.until(lambda: all(each.answers == asked for each in askers), "all answers")
        self.assertEqual(self.closed(), {})
        total = STALLED_ASKERS * REQUESTS_OF_AN_ASKER
        self.note(
            f"{STALLED_ASKERS} clients each ask for {REQUESTS_OF_AN_ASKER:,} answers of 8 kB, "
            "do not read, and then read again",
            f"{served:,} of {total:,} requests were read before they paused; memory grew by "
            f"{mib(grown)}; when they read, all {total:,} answers came in order, "
            f"in {watch.seconds:.0f} s",
        )
        self.finish()

    def test_files(self) -> None:
        self.begin(
            "--no-log-requests",
            "--announce-limit=0",
            "--write-timeout=300",
            files={"public/file": CONTENT},
        )
        idle = self.state()
        askers = self.crowd.gather(STALLED_ASKERS, FileAsker, buffer=SMALL_BUFFER)
        before = self.reset_peak()
        for each in askers:
            each.ask(FILES_OF_AN_ASKER)
        self.wait_until_stalled()
        grown = self.peak() - before
        files = self.state().descriptors - idle.descriptors - STALLED_ASKERS
        self.assertLessEqual(files, 2 * STALLED_ASKERS)
        self.assertLess(grown, 8 * MEGABYTE + STALLED_ASKERS * MOST_EACH)
        for each in askers:
            each.resume()
        size = FILES_OF_AN_ASKER * len(CONTENT)
        self.crowd.until(lambda: all(each.got == size for each in askers), "all files")
        for each in askers:
            each.close()
        self.assert_back(idle)
        self.note(
            f"{STALLED_ASKERS} clients each ask for a file of 2 MiB {FILES_OF_AN_ASKER} times, "
            "do not read, and then read again",
            f"{files} files were open meanwhile; memory grew by {mib(grown)}; "
            "when they read, every byte came; no file is left open",
        )
        self.finish()

    def test_never_again(self) -> None:
        seconds = 2
        self.begin("--no-log-requests", "--announce-limit=0", f"--write-timeout={seconds}")
        idle, used = self.state(), self.used_memory()
        askers = self.crowd.gather(STALLED_ASKERS, Asker, buffer=SMALL_BUFFER)
        self.crowd.until(lambda: all(each.answers for each in askers), "the first answers")
        watch = Stopwatch()
        for each in askers:
            each.ask(REQUESTS_OF_AN_ASKER)
        self.assert_back(idle)
        took = watch.seconds
        self.assertEqual(self.closed(), {"write timeout": STALLED_ASKERS})
        grown = self.used_memory() - used
        self.assertLess(grown, 16 * MEGABYTE)
        self.note(
            f"{STALLED_ASKERS} such clients never read again (`writeTimeout` {seconds} s)",
            f"all closed for write timeout, {took:.1f} s after they had asked; nothing left "
            f"behind; memory in use grew by {mib(grown)}",
        )
        self.finish()

    def test_slow_reader(self) -> None:
        seconds = 2
        self.begin(
            "--no-log-requests", f"--write-timeout={seconds}", files={"public/file": CONTENT * 4}
        )
        reader = self.talker(SMALL_BUFFER)
        reader.line()
        reader.send(FILE_REQUEST)
        watch, got = Stopwatch(), 0
        while watch.seconds < 4 * seconds:
            part = reader.read(SMALL_BUFFER)
            self.assertTrue(CONTENT.startswith(part, got))
            got += len(part)
            time.sleep(0.1)
        self.assertEqual(self.closed(), {})
        self.assertLess(got, MEGABYTE)
        self.note(
            f"A client reads a file at 40 kB/s (`writeTimeout` {seconds} s)",
            f"not closed in {watch.seconds:.0f} s, in which it got {got / 1024:.0f} KiB",
        )
        self.finish()


class AskerTLSTests(AskerTests):
    """The same over TLS."""

    pair = "ec"


class AskerWebSocketTests(AskerTests):
    """The same over WebSocket."""

    web = True
