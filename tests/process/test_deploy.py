"""The unit files: what systemd says of them, and whether their command serves."""

from __future__ import annotations

import re
import shlex
import subprocess
from configparser import RawConfigParser
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp.config import sections
from actionhero_tcp.plugin import tap
from tests.support import PATIENCE, ROOT, TWISTD
from tests.support.activation import INET, ActivationTestCase
from tests.support.integration import WELCOME
from tools.system_packages import need

DEPLOY = ROOT / "deploy"
SERVICE = DEPLOY / "actionhero.service"
SOCKET = DEPLOY / "actionhero.socket"

INSTALLED = "/opt/actionhero/.venv/bin/twistd"

EXPOSURE = 1.5
"""What `systemd-analyze security` may find at most; 10 is a service without any protection."""


class Unit(RawConfigParser):
    """A unit file; of settings that stand there several times the last one counts."""

    def __init__(self, path: Path) -> None:
        super().__init__(strict=False, delimiters=("=",), comment_prefixes=("#",))
        self.optionxform = str  # type: ignore[assignment, method-assign]
        self.read_string(path.read_text())


def command() -> list[str]:
    """The command of the service."""
    return shlex.split(Unit(SERVICE)["Service"]["ExecStart"])


class AnalyzeTests(SynchronousTestCase):
    """What systemd-analyze says; it needs no systemd that runs."""

    def analyze(self, *arguments: str) -> str:
        """Its output; it must have nothing to object to."""
        need("systemd-analyze")
        ended = subprocess.run(
            ["systemd-analyze", "--no-pager", *arguments],
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )
        self.assertEqual(ended.returncode, 0, ended.stdout + ended.stderr)
        self.assertEqual(ended.stderr, "")
        return ended.stdout

    def test_the_service_is_well_protected(self) -> None:
        output = self.analyze("security", "--offline=true", str(SERVICE))
        found = re.search(r"Overall exposure level for actionhero.service: ([\d.]+)", output)
        assert found is not None, output
        self.assertLessEqual(float(found[1]), EXPOSURE, output)

    def test_both_units_are_right(self) -> None:
        folder = Path(self.mktemp()).resolve()
        folder.mkdir()
        text = SERVICE.read_text()
        self.assertIn(INSTALLED, text)
        # Where the tests run nothing is installed in /opt.
        (folder / SERVICE.name).write_text(text.replace(INSTALLED, str(TWISTD)))
        (folder / SOCKET.name).write_text(SOCKET.read_text())
        output = self.analyze("verify", str(folder / SERVICE.name), str(folder / SOCKET.name))
        self.assertEqual(output, "")


class ServiceTests(SynchronousTestCase):
    """What the service says, held against what the server does."""

    def setUp(self) -> None:
        self.service = Unit(SERVICE)["Service"]

    def test_its_command_is_that_of_the_docs(self) -> None:
        self.assertEqual(command()[0], INSTALLED)
        self.assertEqual(
            command()[1:5], ["--reactor=uvloop", "--nodaemon", "--pidfile=", "actionhero"]
        )

    def test_its_options_are_those_of_the_server(self) -> None:
        path = Path(self.mktemp()).resolve()
        path.write_text("{}")
        options = tap.Options()
        given = [str(path) if each.startswith("/etc/") else each for each in command()[5:]]
        options.parseOptions(given)
        self.assertEqual(options.configuration.tcp_server.listen, (INET,))
        self.assertEqual(options["config"], str(path))

    def test_it_waits_longer_for_the_end_than_that_may_take(self) -> None:
        limits = sections.Limits()
        longest = limits.drain_timeout + 2 * limits.close_timeout
        self.assertGreater(float(self.service["TimeoutStopSec"]), longest)

    def test_it_tells_systemd_how_it_is(self) -> None:
        self.assertEqual(self.service["Type"], "notify")
        self.assertEqual(self.service["NotifyAccess"], "main")

    def test_memory_may_be_written_and_executed_since_pyopenssl_needs_that(self) -> None:
        self.assertNotIn("MemoryDenyWriteExecute", self.service)

    def test_the_socket_listens_where_the_server_does_by_default(self) -> None:
        server = sections.TcpServer()
        listen = Unit(SOCKET)["Socket"]["ListenStream"]
        self.assertEqual(listen, f"{server.bind_ip}:{server.port}")


class CommandTests(ActivationTestCase):
    """The service's command, with a real process."""

    reactor = "uvloop"

    def test_it_serves(self) -> None:
        held = self.hold_tcp()
        options = " ".join(command()[5:]).replace("/etc/actionhero/", "")
        running = self.activate([held], *shlex.split(options), files={"config.json": "{}"})
        self.assertEqual(self.call(held).line(), WELCOME)
        self.stop(running)
