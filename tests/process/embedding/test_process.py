"""`Server.run`: a program that serves until it is told to stop."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.support import PATIENCE, wait_for
from tests.support.programs import Program

PROGRAM = """
import asyncio
import sys
{imports}
from actionhero_tcp import Server, action, on_stop
from actionhero_tcp.errors import StartError

@action
async def loop(api, connection):
    try:
        return {{"loop": type(asyncio.get_running_loop()).__module__}}
    except RuntimeError:
        return {{"loop": "none"}}

@on_stop
async def stopped(api):
    print("the hook of the stop has run")

config = {{"tcpServer": {{"port": 0, "bindIP": "127.0.0.1"}}, "general": {general}}}
try:
    Server(actions=[loop], hooks=[stopped], config=config).run()
except StartError as error:
    sys.exit(str(error))
print("run has returned")
"""


class RunTests(SynchronousTestCase):
    """A program that calls it."""

    def path(self, imports: str = "", general: str = "{}") -> Path:
        """A program."""
        path = Path(self.mktemp()).absolute() / "serve.py"
        path.parent.mkdir(parents=True)
        path.write_text(PROGRAM.format(imports=imports, general=general))
        return path

    def test_it_serves_on_asyncio_until_a_signal(self) -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            program = Program(self, self.path())
            client = program.connect()
            self.assertEqual("uvloop", client.ask("loop")["loop"])
            self.assertEqual(0, program.stop(number))
            self.assertIn("the hook of the stop has run", program.log)
            self.assertTrue(program.log.endswith("run has returned\n"), program.log)

    def test_to_import_it_installs_no_reactor(self) -> None:
        """It could not be one of asyncio any more."""
        code = (
            "import sys, actionhero_tcp.embedding.server, actionhero_tcp.testing\n"
            "sys.exit('twisted.internet.reactor' in sys.modules)"
        )
        ran = subprocess.run([sys.executable, "-c", code], timeout=PATIENCE)
        self.assertEqual(0, ran.returncode)

    def test_it_reloads_on_a_signal(self) -> None:
        program = Program(self, self.path())
        program.process.send_signal(signal.SIGHUP)
        wait_for(lambda: "reloaded the certificates" in program.log, "a reload")
        self.assertEqual(0, program.stop())

    def test_it_runs_the_reactor_of_the_program(self) -> None:
        program = Program(self, self.path("from twisted.internet import reactor"))
        self.assertEqual("none", program.connect().ask("loop")["loop"])
        self.assertEqual(0, program.stop())
        self.assertIn("run has returned", program.log)

    def test_requests_are_logged_as_by_the_daemon(self) -> None:
        program = Program(self, self.path())
        program.connect().ask("loop")
        wait_for(lambda: "name=loop" in program.log, "the request in the log")
        self.assertEqual(0, program.stop())

    def test_a_start_that_fails_raises(self) -> None:
        path = self.path(general='{"workers": 2}')
        ran = subprocess.run(
            [sys.executable, str(path)], capture_output=True, text=True, timeout=PATIENCE
        )
        self.assertEqual(1, ran.returncode)
        self.assertIn("general.workers is for twistd actionhero", ran.stderr)
