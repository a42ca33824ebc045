"""Tests of `actionhero_tcp.workers.worker` with real sockets or processes."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys

from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp.config.sections import Config
from actionhero_tcp.workers.worker import (
    NOTIFY_DESCRIPTOR,
    REHEARSAL,
    Pipe,
    rehearse,
)
from tests.support import PATIENCE, ROOT


class RehearsalTests(SynchronousTestCase):
    """`rehearse`."""

    def rehearse(self, program: str) -> None:
        """A rehearsal of a worker that is this program."""
        self.numbers: list[int] = []

        def words(number: int) -> list[str]:
            self.numbers.append(number)
            return [sys.executable, "-c", "import sys\n" + program]

        rehearse(words, Config(), 2)

    def test_it_gets_its_place(self) -> None:
        self.rehearse(
            "from actionhero_tcp.workers.worker import WorkerSpec\n"
            "place = WorkerSpec.decode(sys.stdin.buffer.read())\n"
            "assert (place.number, len(place.sockets)) == (0, 2), place\n"
            "print('not shown')"
        )
        self.assertEqual([REHEARSAL], self.numbers)

    def test_what_it_says_is_why_there_is_no_start(self) -> None:
        error = self.assertRaises(SystemExit, self.rehearse, "sys.exit('twistd actionhero: no ☃')")
        self.assertEqual("twistd actionhero: no ☃", error.code)

    def test_one_that_says_nothing(self) -> None:
        error = self.assertRaises(SystemExit, self.rehearse, "sys.exit(3)")
        self.assertEqual("a worker would end with status 3", error.code)


PROGRAM = """
import sys
import threading
import time
from actionhero_tcp.workers import worker
%s
worker.watch_supervisor(lambda: 0.1)
print("up", flush=True)
threading.Event().wait()
"""


class ProcessTests(SynchronousTestCase):
    """A process with the descriptor of a worker."""

    def start(self, program: str) -> tuple[subprocess.Popen[bytes], socket.socket]:
        """A process, and the supervisor's end of what it tells."""
        ours, theirs = socket.socketpair()
        self.addCleanup(ours.close)
        ours.settimeout(PATIENCE)
        process = subprocess.Popen(
            [
                sys.executable,
                "-c",
                f"import os; os.dup2({theirs.fileno()}, {NOTIFY_DESCRIPTOR})\n{program}",
            ],
            pass_fds=[theirs.fileno()],
            stdout=subprocess.PIPE,
            cwd=ROOT,
        )
        theirs.close()
        assert process.stdout is not None
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process, ours

    def test_it_tells_its_supervisor(self) -> None:
        program = "from actionhero_tcp.workers import worker\nworker.Pipe().send(b'READY=1')"
        process, ours = self.start(program)
        self.assertEqual(b"READY=1\n", ours.recv(100))
        self.assertEqual(0, process.wait(PATIENCE))
        self.assertEqual("the supervisor", Pipe().name)
        Pipe().close()

    def lost(self, first: str = "") -> int:
        """How a process ends that has lost its supervisor."""
        process, ours = self.start(PROGRAM % first)
        assert process.stdout is not None
        self.assertEqual(b"up\n", process.stdout.readline())
        self.assertIsNone(process.poll())
        ours.close()
        return process.wait(PATIENCE)

    def test_without_its_supervisor_it_is_told_to_stop(self) -> None:
        self.assertEqual(-signal.SIGTERM, self.lost())

    def test_where_it_does_not_stop_it_is_killed(self) -> None:
        first = "import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)"
        self.assertEqual(-signal.SIGKILL, self.lost(first))
