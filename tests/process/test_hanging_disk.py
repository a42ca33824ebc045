"""A disk that hangs while the server reads its files again: nobody waits, and it can be retried."""

from __future__ import annotations

import json
import signal
from pathlib import Path

from tests.support import Daemon, wait_for
from tests.support.integration import OwnDaemonTestCase, Talker, secure

NO_REDIS = "--redis=redis://127.0.0.1:1"
"""Nobody listens there: the workers are alone, and serve."""

HANGING = """
import os
import time

FOLDER = {folder!r}
NAMES = {names!r}

# A disk that hangs holds whoever opens a file of it, in the kernel.
def hanging_open(path, *arguments, _open=os.open, **more):
    if str(path).endswith(NAMES) and os.path.exists(FOLDER + "/hangs"):
        _open(FOLDER + "/reached", os.O_CREAT | os.O_WRONLY)
        while os.path.exists(FOLDER + "/hangs"):
            time.sleep(0.01)
    return _open(path, *arguments, **more)

os.open = hanging_open
"""
"""A stand-in for that, which Python loads as it starts."""


class HangingDiskTestCase(OwnDaemonTestCase):
    """A daemon that reads its config file again.

    Attributes:
        names: The files on that disk.
    """

    names: tuple[str, ...] = ()

    def setUp(self) -> None:
        self.disk = self.folder()
        (self.disk / "sitecustomize.py").write_text(
            HANGING.format(folder=str(self.disk), names=self.names)
        )
        self.launcher = ("env", f"PYTHONPATH={self.disk}", "PYTHONDONTWRITEBYTECODE=1")
        self.hangs, self.reached = self.disk / "hangs", self.disk / "reached"

    def begin(self, *options: str) -> Daemon:
        files = {"config.json": '{"limits": {"maxParams": 50}}'}
        return self.start("--config=config.json", *options, files=files, launcher=self.launcher)

    def reload(self, running: Daemon, most: int) -> None:
        """Changes the config file, and has it read."""
        config = Path(running.folder) / "config.json"
        config.write_text(json.dumps({"limits": {"maxParams": most}}))
        running.process.send_signal(signal.SIGHUP)

    def wait_until_it_hangs(self) -> None:
        wait_for(self.reached.exists, "a thread that reads")


class ConfigTests(HangingDiskTestCase):
    """The config file lies on it."""

    names = ("config.json",)

    def test_clients_are_served_while_it_hangs_and_the_reload_ends_after_it(self) -> None:
        running = self.begin()
        client = self.join(running)
        self.hangs.touch()
        self.reload(running, 7)
        self.wait_until_it_hangs()
        for _ in range(20):
            self.assertIn("randomNumber", client.ask("randomNumber"))
        self.join(running).close()
        self.hangs.unlink()
        running.wait_for_log("changed: limits.maxParams")
        client.close()
        self.stop(running)

    def test_it_is_read_once_more_where_that_was_asked_for_meanwhile(self) -> None:
        running = self.begin()
        self.hangs.touch()
        self.reload(running, 7)
        self.wait_until_it_hangs()
        self.reload(running, 8)
        self.hangs.unlink()
        running.wait_for_log("reloaded the certificates and the configuration", 2)
        self.stop(running)

    def test_a_stop_does_not_wait_for_it(self) -> None:
        running = self.begin()
        client = self.join(running)
        self.hangs.touch()
        self.reload(running, 7)
        self.wait_until_it_hangs()
        running.process.send_signal(signal.SIGTERM)
        self.assertEqual("Server going down NOW", client.message()["status"])
        client.close()
        self.assert_ended_well(running)

    def test_workers_and_their_supervisor(self) -> None:
        running = self.begin("--workers=2", NO_REDIS)
        running.wait_for_log("with 2 workers")
        self.hangs.touch()
        self.reload(running, 7)
        self.wait_until_it_hangs()
        client = self.join(running)
        self.assertIn("randomNumber", client.ask("randomNumber"))
        self.hangs.unlink()
        running.wait_for_log("changed: limits.maxParams", 2)
        client.close()
        self.stop(running)


class KeyTests(HangingDiskTestCase):
    """The private key lies on it."""

    names = ("server-key.pem",)

    def test_clients_are_let_in_meanwhile(self) -> None:
        files = {"config.json": "{}"}
        running = self.start("--config=config.json", files=files, pair="ec", launcher=self.launcher)
        self.hangs.touch()
        self.reload(running, 7)
        self.wait_until_it_hangs()
        stream = secure(running)
        self.addCleanup(stream.close)
        client = Talker(stream)
        client.message()
        self.assertIn("randomNumber", client.ask("randomNumber"))
        self.hangs.unlink()
        running.wait_for_log("changed: limits.maxParams")
        client.close()
        self.stop(running)
