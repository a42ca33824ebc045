"""More clients than the process has file descriptors."""

from __future__ import annotations

import re
import socket
from typing import Final

from tests.faults.counts import CROWDED_WAVES
from tests.faults.crowd import BATCH, Crowd, Peer
from tests.faults.harness import FaultTestCase, Stopwatch, server_log
from tests.support.integration import WELCOME, open_files, request

DESCRIPTORS = 100
SERVED = DESCRIPTORS // 2
"""So many clients does it let in: with so low a limit, half of it is kept for files."""

CONNECTS = 300
FILES = 20
"""So many files does an action open at a time."""

LATE = 40
"""So many connect when nothing is left."""

REFUSED = (
    b'{"context":"response","error":"the server has as many connections as it can hold; '
    b'try again later","messageCount":0}\r\n'
)

REFUSAL: Final = re.compile(r"refused \d+ connections|as many files open as it may")
"""What the log says of them. A busy machine makes it say other things as well."""

ACTIONS = """
import os

from actionhero_tcp import action

kept = []


@action
def store(api, connection, *, count: int):
    opened = []
    try:
        for number in range(count):
            opened.append(open(f"stored-{number}", "w"))
            opened[-1].write("x")
    finally:
        for each in opened:
            each.close()


@action
def eat(api, connection):
    while True:
        try:
            kept.append(os.open("/dev/null", os.O_RDONLY))
        except OSError:
            return {"kept": len(kept)}


@action
def release(api, connection):
    while kept:
        os.close(kept.pop())
"""


class Guest(Peer):
    """Connects, and sees what becomes of it.

    Attributes:
        got: What it was sent so far.
    """

    def __init__(self, crowd: Crowd, stream: socket.socket) -> None:
        super().__init__(crowd, stream)
        self.got = b""
        self.send(b"roomChange guests\n")

    def received(self, data: bytes) -> None:
        self.got += data

    @property
    def welcomed(self) -> bool:
        """Whether it is let in."""
        return self.got.startswith(WELCOME)

    @property
    def action_done(self) -> bool:
        """Whether it knows."""
        return self.welcomed or bool(self.end)


class DescriptorTests(FaultTestCase):
    """It serves those it has, lets the others go, and recovers."""

    number = 6
    launcher = ("prlimit", f"--nofile={DESCRIPTORS}:{DESCRIPTORS}")

    def crowd_in(self, count: int) -> list[Guest]:
        """So many guests connect; gives them when all know what becomes of them."""
        guests = []
        for number in range(1, count + 1):
            guests.append(self.crowd.add(Guest))
            if number % BATCH == 0 or number == count:
                self.crowd.until(lambda: all(each.action_done for each in guests), "a decision")
        return guests

    def log_lines(self) -> int:
        """How many lines of the server's log are about clients that it does not take."""
        return sum(1 for line in server_log(self.running) if REFUSAL.search(line))

    def assert_serves(self) -> None:
        """Actions open files, and so does `file`."""
        self.assertNotIn("error", self.observer.ask_json("store", count=FILES))
        self.observer.send(request("file", fileName="file").encode() + b"\n")
        self.assertEqual(self.observer.read(7), b"content")

    def test_more_than_it_can_hold(self) -> None:
        files = {"actions/hungry.py": ACTIONS, "public/file": b"content"}
        self.begin("--no-log-requests", files=files)
        idle, lines = self.state(), self.log_lines()
        watch = Stopwatch()
        told = dropped = most = 0
        for _ in range(CROWDED_WAVES):
            guests = self.crowd_in(CONNECTS)
            served = [each for each in guests if each.welcomed]
            self.assertEqual(len(served), SERVED - 1, "with the observer as many as there is room")
            most = max(most, len(open_files(self.running)))
            self.assert_serves()
            for each in guests:
                if not each.welcomed:
                    self.assertIn(each.got, (REFUSED, b""))
                    told += each.got == REFUSED
                    dropped += each.got == b""
            for each in served:
                self.assertEqual(each.end, "")
                each.close()
            self.assert_back(idle)
        logged, seconds = self.log_lines() - lines, watch.seconds
        self.assertLessEqual(logged, seconds + 1)
        self.assertEqual(self.closed()["too many connections"], told + dropped)
        self.note(
            f"A limit of {DESCRIPTORS} open files, {CONNECTS} clients that connect, "
            f"{CROWDED_WAVES} times over",
            f"{SERVED} are served, and {most} descriptors open; of the others {told:,} were told "
            f"so and {dropped:,} dropped; meanwhile an action opened {FILES} files at once and "
            f"`file` sent one; when they had gone, all was as before; lines in the log: {logged} "
            f"in {seconds:.1f} s",
        )
        self.finish()

    def test_none_left_at_all(self) -> None:
        files = {"actions/hungry.py": ACTIONS, "public/file": b"content"}
        self.begin("--no-log-requests", files=files)
        (early,) = self.crowd_in(1)
        kept = self.observer.ask("eat")["kept"]
        self.assertEqual(len(open_files(self.running)), DESCRIPTORS)
        lines, watch = self.log_lines(), Stopwatch()
        late = self.crowd_in(LATE)
        self.assertEqual({each.got for each in late}, {b""})
        self.assertEqual(self.observer.ask("detailsView")["status"], "OK")
        logged, seconds = self.log_lines() - lines, watch.seconds
        self.assertLessEqual(logged, seconds + 1)
        self.assertNotIn("EMFILE", "".join(server_log(self.running)))
        self.assertEqual(self.closed(), {"no file descriptor": LATE})
        self.observer.ask("release")
        self.assert_serves()
        self.assertTrue(all(each.welcomed for each in self.crowd_in(LATE)))
        self.assertEqual(early.end, "")
        self.note(
            f"An action takes all that is left of {DESCRIPTORS} descriptors; "
            f"{LATE} clients connect",
            f"it got {kept}; those who were there are served on; all {LATE} are dropped, within "
            f"{seconds:.1f} s, with {logged} lines in the log; when the action gives them back, "
            "clients are let in again, and files opened",
        )
        self.finish()


class DescriptorTLSTests(DescriptorTests):
    """The same over TLS."""

    pair = "ec"
