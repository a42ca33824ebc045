"""What a worker learns from its supervisor, and the command that starts it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp.config import sections as configuration
from actionhero_tcp.config.sections import Config
from actionhero_tcp.errors import StartError
from actionhero_tcp.workers import worker
from actionhero_tcp.workers.worker import (
    NOTIFY_DESCRIPTOR,
    REHEARSAL,
    Pipe,
    WorkerSpec,
    command,
    rehearse,
)
from tests.support import PATIENCE, PROPERTY, ROOT

TEXT = st.text(st.characters(exclude_categories=()))


class PlaceTests(SynchronousTestCase):
    """`WorkerSpec`."""

    @PROPERTY
    @given(TEXT, st.lists(TEXT), st.floats(0, 1e9), TEXT)
    def test_it_arrives_as_it_was(
        self, name: str, listen: list[str], seconds: float, path: str
    ) -> None:
        values = {
            ("general", "server_name"): name,
            ("tcp_server", "listen"): tuple(listen),
            ("limits", "drain_timeout"): seconds,
            ("redis", "password"): path,
        }
        sockets = [
            (socket.AF_INET, ("127.0.0.1", 5000)),
            (socket.AF_INET6, ("::", 5000, 0, 0)),
            (socket.AF_UNIX, path),
            (socket.AF_UNIX, b"\0abstract"),
        ]
        place = WorkerSpec(3, configuration.build(values), sockets, seconds)
        self.assertEqual(place, WorkerSpec.decode(place.encode()))

    def test_this_process_is_no_worker(self) -> None:
        self.assertIsNone(worker.place)


class CommandTests(SynchronousTestCase):
    """The command, from the options of `twistd`."""

    def words(self, log_file: str = "", **twistd: Any) -> list[str]:
        """The words of the command of worker 2, after the Python that runs it."""
        program, *words = command(twistd, ("--workers", "3"), log_file, 2)
        self.assertEqual(sys.executable, program)
        self.assertEqual(["-P", "-c", worker.PROGRAM], words[:3])
        self.assertEqual(["actionhero", "--workers", "3"], words[-3:])
        return words[3:-3]

    def test_it_stays_in_the_foreground_and_writes_no_pid(self) -> None:
        twistd = {"nodaemon": 0, "pidfile": "/run/x.pid", "uid": 7, "gid": 7, "umask": 0o22}
        twistd |= {"rundir": ".", "chroot": None, "logfile": None, "reactor": None, "syslog": 0}
        self.assertEqual(["--nodaemon", "--pidfile="], self.words(**twistd))

    def test_what_is_worth_handing_on(self) -> None:
        found = self.words("a.log", reactor="poll", logger="x.y", rundir="there", syslog=0)
        self.assertEqual(
            [
                "--reactor=poll",
                "--logger=x.y",
                f"--logfile={os.getcwd()}/a.log",
                f"--rundir={os.getcwd()}/there",
            ],
            found[2:],
        )

    def test_syslog_tells_them_apart(self) -> None:
        found = self.words(syslog=1, prefix="app")
        self.assertEqual(["--syslog", "--prefix=app-worker-2"], found[2:])

    def test_another_root_is_refused(self) -> None:
        error = self.assertRaises(StartError, self.words, chroot="/srv")
        self.assertEqual(
            "--chroot does not go with --workers: there is no Python in there", str(error)
        )


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
