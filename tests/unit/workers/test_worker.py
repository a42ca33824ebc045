"""What a worker learns from its supervisor, and the command that starts it."""

from __future__ import annotations

import os
import socket
import sys
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp.config import configuration
from actionhero_tcp.errors import StartError
from actionhero_tcp.workers import worker
from actionhero_tcp.workers.worker import (
    WorkerSpec,
    command,
)
from tests.support import PROPERTY

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
