"""A FIFO where a running daemon expects a file: it says so, and nobody waits."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from tests.support import Daemon
from tests.support.integration import OwnDaemonTestCase, Talker, secure

ACTION = """
from actionhero_tcp import action


@action
def broken(api, connection):
    raise ValueError("the text as it was loaded")
"""


class FifoTests(OwnDaemonTestCase):
    """Paths that are read again while clients are served."""

    def replace(self, path: Path) -> None:
        """Puts a FIFO in the place of a file, in one step."""
        fifo = path.with_name("fifo")
        os.mkfifo(fifo)
        fifo.rename(path)

    def wait_for_log(self, running: Daemon, text: str) -> None:
        """Waits until the log says something."""
        running.wait_for_log(text)

    def test_the_config_file(self) -> None:
        running = self.start("--config=config.json", files={"config.json": "{}"})
        client = self.join(running)
        self.replace(running.folder / "config.json")
        running.process.send_signal(signal.SIGHUP)
        self.wait_for_log(running, "cannot read the config file: Not a regular file")
        self.assertIn("randomNumber", client.ask("randomNumber"))
        client.close()
        self.stop(running)

    def test_a_key(self) -> None:
        running = self.start(pair="ec")
        self.replace(running.folder / "certs" / "server-key.pem")
        running.process.send_signal(signal.SIGHUP)
        self.wait_for_log(running, "cannot read the private key: Not a regular file")
        stream = secure(running)
        self.addCleanup(stream.close)
        client = Talker(stream)
        client.message()
        self.assertIn("randomNumber", client.ask("randomNumber"))
        client.close()
        self.stop(running)

    def test_an_action_file_in_development_mode(self) -> None:
        running = self.start("--development-mode", files={"actions/a.py": ACTION})
        client = self.join(running)
        self.replace(running.folder / "actions" / "a.py")
        self.wait_for_log(running, "cannot read the action file: Not a regular file")
        # Its traceback shows the file's text.
        self.assertIn("error", client.ask("broken"))
        self.wait_for_log(running, 'raise ValueError("the text as it was loaded")')
        client.close()
        running.process.send_signal(signal.SIGTERM)
        self.assertEqual(-signal.SIGTERM, running.process.wait())

    def test_an_action_file_at_the_start(self) -> None:
        folder = self.folder({"actions/b.py": ""})
        self.replace(folder / "actions" / "b.py")
        line = self.refusal(folder)
        self.assertIn("b.py: cannot read the action file: Not a regular file\n", line)

    def test_the_config_file_may_be_a_pipe_at_the_start(self) -> None:
        # A shell gives its here-document as a pipe.
        launcher = ("sh", "-c", 'exec "$@" <<END\n{}\nEND\n', "sh")
        running = self.start("--config=/dev/stdin", launcher=launcher)
        self.join(running).close()
        self.stop(running)
