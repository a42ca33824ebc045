"""A real daemon whose wall clock is set while it runs: nothing that it schedules notices."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from typing import Final

from tests.support import PATIENCE, TWISTD, Daemon
from tests.support.integration import OwnDaemonTestCase, request
from tests.support.wall_clock import WallClock

NO_REDIS: Final = "--redis=redis://127.0.0.1:1"
"""Nobody listens there: the workers are alone, and serve."""

STEPS: Final = (-3600, 3600, 0)
"""Where the wall clock is set to, one after the other: an hour back, two forward, one back."""


class ClockTests(OwnDaemonTestCase):
    """Each kind of reactor, and workers."""

    def launch(self, *options: str, reactor: str = "default") -> Daemon:
        """A daemon on a reactor of this kind, once it has started."""
        folder = self.folder()
        with open(folder / "log.txt", "wb") as log:
            process = subprocess.Popen(
                [
                    *(str(TWISTD), f"--reactor={reactor}", "--nodaemon", "--pidfile="),
                    *("actionhero", "--bind-ip=127.0.0.1", "--port=0", *options),
                ],
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=os.environ,
            )
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        running = Daemon(process, folder, 0)
        running.wait_for_log("has started")
        found = re.search(r"listening on 127\.0\.0\.1:(\d+)", running.log)
        assert found is not None
        running.port = int(found[1])
        return running

    def check(self, *options: str, reactor: str = "default") -> None:
        """Timers run, and time limits and durations stay what they are, at each step."""
        clock = WallClock(self, self.folder())
        running = self.launch("--ping-interval=0.2", *options, reactor=reactor)
        client = self.join(running)
        for step in STEPS:
            client.send(request("sleepTest", sleepDuration=300).encode() + b"\n")
            # The ping tells that the server has read the request.
            while client.message().get("context") != "api":
                pass
            clock.set(step)
            answer = client.message()
            while answer["context"] == "api":
                answer = client.message()
            self.assertIn("sleepDelta", answer)
            self.assertLess(abs(answer["sleepDelta"] - 300), PATIENCE * 1000)
        client.close()
        # The daemon has to end by timers, too.
        clock.set(-3600)
        self.assertEqual(-signal.SIGTERM, running.stop())
        durations = re.findall(r" ms=(\S+) ok", running.log)
        self.assertEqual(len(STEPS), len(durations))
        for text in (*durations, *re.findall(r" seconds=(\S+)", running.log)):
            self.assertTrue(0 <= float(text) < PATIENCE * 1000, text)
        self.assertNotIn("follow the wall clock", running.log)

    def test_epoll(self) -> None:
        self.check()

    def test_poll(self) -> None:
        self.check(reactor="poll")

    def test_select(self) -> None:
        self.check(reactor="select")

    def test_asyncio(self) -> None:
        self.check(reactor="asyncio")

    def test_workers(self) -> None:
        self.check("--workers=2", NO_REDIS)
