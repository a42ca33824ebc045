"""The daemon as process 1, as in a container: the kernel spares it what it does not handle."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path
from typing import Any

from tests.support import PATIENCE, TWISTD, wait_for
from tests.support.integration import OwnDaemonTestCase

BLOCKS = """
import time
from actionhero_tcp import action


@action(blocking=True)
def block(api, connection):
    time.sleep(1000)
"""


def children(pid: int) -> list[int]:
    """The processes that a process has started."""
    return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


class ProcessOneTests(OwnDaemonTestCase):
    """Signals, from the first moment to the last."""

    as_root = True
    launcher = ("unshare", "--pid", "--fork", "--kill-child")

    def handles(self, pid: int, number: int) -> bool:
        """Whether a process has a handler for a signal."""
        status = Path(f"/proc/{pid}/status").read_text()
        caught = int(status.partition("SigCgt:")[2].split()[0], 16)
        return bool(caught & 1 << number - 1)

    def test_a_signal_while_it_starts_ends_it(self) -> None:
        folder = self.folder()
        # Reading it waits for a writer, who never comes: the start goes no further.
        os.mkfifo(folder / "config.json")
        command = [str(TWISTD), "-n", "--pidfile=", "actionhero", "--config=config.json"]
        for number in (signal.SIGTERM, signal.SIGINT):
            process: Any = subprocess.Popen(
                [*self.launcher, *command],
                cwd=folder,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
            )
            try:
                (daemon,) = wait_for(lambda process=process: children(process.pid), "the daemon")
                wait_for(lambda daemon=daemon: self.handles(daemon, signal.SIGTERM), "a handler")
                os.kill(daemon, number)
                output, _ = process.communicate(timeout=PATIENCE)
            finally:
                process.kill()
                process.wait()
            self.assertEqual((128 + number, b""), (process.returncode, output))

    def test_one_signal_stops_it_gracefully(self) -> None:
        running = self.start(launcher=self.launcher)
        client = self.join(running)
        (daemon,) = children(running.process.pid)
        os.kill(daemon, signal.SIGTERM)
        self.assertIn(b"Server going down NOW", client.rest())
        running.process.wait(PATIENCE)
        self.assertIn("has stopped", running.log)

    def test_a_blocking_action_that_never_returns_does_not_keep_it(self) -> None:
        running = self.start(
            "--drain-timeout=0.1",
            "--close-timeout=0.2",
            files={"actions/block.py": BLOCKS},
            launcher=self.launcher,
        )
        client = self.join(running)
        client.send(b"block\nparamsView\n")
        client.line()
        (daemon,) = children(running.process.pid)
        os.kill(daemon, signal.SIGTERM)
        self.assertEqual(128 + signal.SIGTERM, running.process.wait(PATIENCE))
