"""Tests of `actionhero_tcp.cli.main` with real sockets or processes."""

from __future__ import annotations

import re
import subprocess
import sys

from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp.cli import main
from tests import support

PROGRAM = support.TWISTD.with_name("actionhero-tcp")


class ProcessTests(SynchronousTestCase):
    """The installed command."""

    def run_program(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(PROGRAM), *arguments], capture_output=True, text=True, timeout=support.PATIENCE
        )

    def test_version(self) -> None:
        ran = self.run_program("--version")
        self.assertRegex(ran.stdout, r"\Aactionhero-tcp \d\S* on Twisted \d+\.\S+\n\Z")
        self.assertEqual((0, ""), (ran.returncode, ran.stderr))

    def test_help(self) -> None:
        ran = self.run_program("--help")
        listed = re.findall(r"(?m)^  (\w+)  ", ran.stdout.partition("commands:")[2])
        self.assertEqual([command.name for command in main.COMMANDS], listed)
        self.assertEqual(0, ran.returncode)

    def test_nonsense(self) -> None:
        ran = self.run_program("nonsense")
        self.assertEqual((2, ""), (ran.returncode, ran.stdout))
        self.assertEqual(1, len(ran.stderr.splitlines()))

    def test_what_nobody_reads_is_no_error_with_a_traceback(self) -> None:
        code = "import sys; from actionhero_tcp.cli import main as cli\n"
        code += (
            "import types; sys.modules['actionhero_tcp.cli.x'] = m = types.ModuleType('x', 'X.')\n"
        )
        code += "m.configure = lambda parser: None\n"
        code += "m.run = lambda arguments: print('x' * 1_000_000) or 0\n"
        code += "cli.COMMANDS = (cli.Command('x', 'x', '.x'),)\nsys.exit(cli.main(['x']))\n"
        with subprocess.Popen(
            [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE
        ) as process:
            assert process.stdout is not None
            assert process.stderr is not None
            process.stdout.close()
            self.assertEqual(b"", process.stderr.read())
            self.assertEqual(1, process.wait(support.PATIENCE))
