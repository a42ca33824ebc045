"""Tests of `actionhero_tcp.daemon.signals` with real sockets or processes."""

from __future__ import annotations

import signal
import subprocess
import sys

from twisted.trial.unittest import SynchronousTestCase

from tests.support import PATIENCE, ROOT


class EndTests(SynchronousTestCase):
    """Processes that end themselves."""

    def end(self, program: str) -> int:
        """The exit status of a program that hangs in a thread."""
        program = (
            "import signal, threading\n"
            "from actionhero_tcp.daemon.signals import end_process, end_process_after\n"
            "threading.Thread(target=threading.Event().wait).start()\n" + program
        )
        return subprocess.run(
            [sys.executable, "-c", program], cwd=ROOT, timeout=PATIENCE
        ).returncode

    def test_at_once(self) -> None:
        self.assertEqual(-signal.SIGTERM, self.end("end_process(signal.SIGTERM)"))

    def test_after_some_time(self) -> None:
        self.assertEqual(-signal.SIGINT, self.end("end_process_after(0.1, signal.SIGINT)"))
