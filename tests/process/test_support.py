"""Tests of `tests.support`: what the tests start does not outlive them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.support import PATIENCE, ROOT, wait_for

STARTED = {
    "redis": """
from tests.support.redis_server import RedisServer
server = RedisServer()
server.start()
process = server.process
""",
    "daemon": """
from tests.support import daemon
context = daemon()
process = context.__enter__().process
""",
}
"""By what they start: programs that leave a process in `process`."""

STOP = """
import signal, time
process.send_signal(signal.SIGSTOP)
print(process.pid, flush=True)
time.sleep(600)
"""


def state(pid: int) -> str:
    """The letter of a process' state in /proc; ``Z`` where there is none."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return "Z"


class OrphanTests(SynchronousTestCase):
    """Tests that are killed before they can clean up."""

    def test_a_stopped_process_ends_with_the_tests(self) -> None:
        folder = Path(self.mktemp()).absolute()
        folder.mkdir()
        for name, start in STARTED.items():
            with subprocess.Popen(
                [sys.executable, "-c", start + STOP],
                cwd=ROOT,
                env={**os.environ, "TMPDIR": str(folder)},
                stdout=subprocess.PIPE,
                text=True,
            ) as tests:
                self.addCleanup(tests.kill)
                assert tests.stdout is not None
                pid = int(tests.stdout.readline())
                wait_for(lambda pid=pid: state(pid) == "T", f"a stopped {name}")
                tests.send_signal(signal.SIGKILL)
                tests.wait(PATIENCE)
                wait_for(lambda pid=pid: state(pid) == "Z", f"the end of {name}")
