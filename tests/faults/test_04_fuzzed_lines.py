"""Clients that send anything but sense."""

from __future__ import annotations

import json
import socket

from actionhero_tcp.wire.framing import INTERRUPTS
from tests.faults.counts import FUZZED_LINES
from tests.faults.crowd import Bystander, Crowd, LinePeer
from tests.faults.fuzz import Source
from tests.faults.harness import FaultTestCase, Stopwatch, mib
from tests.support.integration import MEGABYTE
from tests.support.web_sockets import WebSocketStream

SEED = 4
FUZZERS = 64
OUTSTANDING = 128
"""As many lines of one client wait for their answers."""

FILE = b"the only file\r\n"
"""The one answer that carries no number."""

LONGEST_MESSAGE = 128 * 1024
"""A longer one ends a WebSocket, whatever else its client has asked."""

GOODBYES = ("quit", "exit", "close")
MOST_GROWTH = 16 * MEGABYTE


class Fuzzer(LinePeer):
    """Sends what it is given, and expects one answer for each line.

    Attributes:
        source: Gives what to send.
        waiting: The lines that have not been answered, by their numbers.
        answers: How many have been.
        files: How many were answered by the file.
    """

    def __init__(self, crowd: Crowd, stream: socket.socket, source: Source) -> None:
        super().__init__(crowd, stream)
        self.source = source
        self.waiting: dict[int, bytes] = {}
        self.answers = self.files = self.heard = 0
        self._number = 0
        self._bye = 0
        self._stopping = False

    def go_on(self) -> None:
        """Sends as much as may wait for answers."""
        chunks = []
        if not self._number:
            # A first line that is HTTP or TLS would end the connection.
            chunks.append(b"paramsView\n")
            self._number = 1
            self.waiting[1] = b"paramsView"
        while len(self.waiting) < OUTSTANDING and not self._stopping and not self._bye:
            chunk = self.source.next()
            chunks.append(chunk + b"\n")
            for line in chunk.split(b"\n"):
                line = line.removesuffix(b"\r")
                if line:
                    self._number += 1
                    self.waiting[self._number] = line
        if chunks:
            self.send(b"".join(chunks))

    def stop(self) -> None:
        """Sends no more than a goodbye."""
        if not self._stopping:
            self._stopping = True
            self._number += 1
            self.waiting[self._number] = b"quit"
            self.send(b"quit\n")

    def line(self, line: bytes) -> None:
        if line + b"\r\n" == FILE:
            self.files += 1
            return
        message = json.loads(line.decode())
        if message["context"] == "user":
            self.heard += 1
            return
        assert message["context"] == "response", line
        number = message["messageCount"]
        asked = self.waiting.pop(number, None)
        assert asked is not None, f"{line!r} answers nothing, or what was answered before"
        self.answers += 1
        if message.get("status") == "Bye!":
            assert asked.startswith(INTERRUPTS) or asked.decode().split()[0] in GOODBYES, asked
            self._bye = number
        elif len(self.waiting) < OUTSTANDING // 2:
            self.go_on()

    def ended(self) -> None:
        if any(len(line) > LONGEST_MESSAGE for line in self.waiting.values()):
            # Over TCP it is an error, and after a goodbye it is not read.
            assert self._bye or isinstance(self.stream, WebSocketStream), "a long line is no end"
            short = [line for line in self.waiting.values() if len(line) <= LONGEST_MESSAGE]
            self.source.returned += reversed(short)
            return
        assert self._bye, f"the connection was {self.end}, with {list(self.waiting.items())[:3]}"
        unserved = [number for number in self.waiting if number > self._bye]
        self.source.returned += [self.waiting.pop(number) for number in reversed(unserved)]
        assert len(self.waiting) == self.files, f"no answer to {self.waiting}"
        assert all(b"file" in line for line in self.waiting.values()), self.waiting


class FuzzedLineTests(FaultTestCase):
    """Each line gets one answer, or it says goodbye; nothing of it harms the log or others."""

    number = 4

    def test_fuzzed_lines(self) -> None:
        self.begin("--log-params", "--action-timeout=0.2", files={"public/f": FILE})
        used = self.used_memory()
        (bystander,) = self.crowd.gather(1, Bystander, 0.0)
        watch = Stopwatch()
        source = Source(SEED)
        working: set[Fuzzer] = set()
        answers = goodbyes = files = 0
        while working or answers < FUZZED_LINES:
            for each in [each for each in working if each.end]:
                working.discard(each)
                answers, files = answers + each.answers, files + each.files
                goodbyes += 1
            served = answers + sum(each.answers for each in working)
            if served >= FUZZED_LINES:
                for each in working:
                    each.stop()
            while len(working) < FUZZERS and served < FUZZED_LINES:
                each = self.crowd.add(Fuzzer, source)
                working.add(each)
                each.go_on()
            self.crowd.write_batch(0.1)
        seconds = watch.seconds
        bystander.close()
        grown = self.used_memory() - used
        # Its turn comes at the latest when all lines that may wait at once have been served.
        self.assertGreater(bystander.answers, FUZZED_LINES / (FUZZERS * OUTSTANDING))
        self.assertLess(grown, MOST_GROWTH)
        self.finish()
        lines = self.assert_log_is_printable()
        self.note(
            f"{FUZZED_LINES:,} fuzzed lines: HTTP, TLS hellos, telnet and a dozen other "
            "protocols, all bytes, bad UTF-8, 100,000 brackets, huge numbers, `__proto__`, "
            "format strings, terminal escapes, and mutations of these",
            f"{answers:,} answers and {files} files, one for each line, in {seconds:.0f} s; "
            f"{goodbyes:,} connections ended, each by a line that says goodbye"
            f"{' or a message that is too long' if self.web else ''}; another client "
            f"got {bystander.answers:,} answers meanwhile; no traceback, and no control "
            f"character in {lines:,} lines of the log; memory in use grew by {mib(grown)}",
        )

    def assert_log_is_printable(self) -> int:
        """No line of the log does anything but stand there; gives their number.

        Twisted puts a tab before the further lines of an event, such as a stack.
        """
        lines = 0
        with open(self.running.folder / "log.txt", encoding="utf-8", newline="\n") as log:
            for line in log:
                lines += 1
                if not line[:-1].removeprefix("\t").isprintable():
                    self.fail(f"in the log: {line[:1000]!r}")
        return lines


class FuzzedLineTLSTests(FuzzedLineTests):
    """The same over TLS."""

    pair = "ec"


class FuzzedLineWebSocketTests(FuzzedLineTests):
    """The same over WebSocket."""

    web = True
