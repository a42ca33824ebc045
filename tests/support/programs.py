"""Programs that embed a server, each as a process."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.support import PATIENCE, WITH_PARENT, wait_for
from tests.support.integration import Talker


class Program:
    """A program that serves on a free port of 127.0.0.1, and ends with its test.

    Args:
        test: The test.
        path: The program.
    """

    def __init__(self, test: SynchronousTestCase, path: Path) -> None:
        self._test = test
        self._log = path.with_suffix(".log")
        with open(self._log, "wb") as log:
            self.process = subprocess.Popen(
                [*WITH_PARENT, sys.executable, path.name],
                cwd=path.parent,
                stdout=log,
                stderr=log,
                env={**os.environ, "PYTHONUNBUFFERED": "1"},
            )
        test.addCleanup(self._end)
        wait_for(lambda: self.has_ended or "has started" in self.log, "a start")

    @property
    def log(self) -> str:
        """All that it has printed."""
        return self._log.read_text("utf-8")

    @property
    def has_ended(self) -> bool:
        """Whether it has ended."""
        return self.process.poll() is not None

    def connect(self) -> Talker:
        """A client of its server, which has read the welcome."""
        found = re.search(r"listening on 127\.0\.0\.1:(\d+)", self.log)
        assert found, self.log
        stream = socket.create_connection(("127.0.0.1", int(found[1])), PATIENCE)
        self._test.addCleanup(stream.close)
        client = Talker(stream)
        assert "welcome" in client.message()
        return client

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Sends it a signal, and returns its status when it has ended."""
        self.process.send_signal(number)
        return self.process.wait(PATIENCE)

    def _end(self) -> None:
        if not self.has_ended:
            self.process.kill()
        self.process.wait()
