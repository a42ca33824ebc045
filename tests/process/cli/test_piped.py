"""The console in a pipe: the installed command against the installed daemon."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from tests.process.client.test_blocking import FILES
from tests.support import PATIENCE, TWISTD
from tests.support.integration import DaemonTestCase, OwnDaemonTestCase
from tests.support.ports import reserve
from tests.unit.client.test_protocol import CONTENTS

PROGRAM = str(TWISTD.with_name("actionhero-tcp"))


def talk(*arguments: str, lines: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    """Runs the console with this input."""
    command = [PROGRAM, "console", *arguments]
    return subprocess.run(command, input=lines, capture_output=True, timeout=PATIENCE)


class PipeTests(DaemonTestCase):
    """Lines in, lines out."""

    files = FILES
    options = ("--announce-limit=0",)

    def talk(self, lines: bytes, status: int = 0) -> list[dict[str, Any]]:
        """The answers to these lines."""
        ran = talk(f"127.0.0.1:{self.daemon.port}", lines=lines)
        self.assertEqual((status, b""), (ran.returncode, ran.stderr))
        return [json.loads(line) for line in ran.stdout.splitlines()]

    def test_each_line_has_its_answer_in_order(self) -> None:
        answers = self.talk(b"sleepTest\n\r\n\nsay \xe2\x98\x83\r\nparamsView\ndetailsView")
        self.assertEqual([1, 2, 3, 4], [answer["messageCount"] for answer in answers])
        self.assertEqual("sleepTest", answers[2]["params"]["action"])

    def test_an_error_shows_in_the_status(self) -> None:
        answers = self.talk(b"nope\nroomView\n", status=1)
        self.assertEqual("nope is not a known action.", answers[0]["error"])
        self.assertEqual("defaultRoom", answers[1]["room"])
        self.assertIn("UTF-8", self.talk(b"say \xff\n", status=1)[0]["error"])

    def test_files(self) -> None:
        lines = b"paramAdd fileName=text\nfile\n"
        for name in ("binary", "looks like answers", "empty"):
            request = {"action": "file", "params": {"fileName": name}}
            lines += json.dumps(request).encode() + b"\n"
        _, text, binary, looks, empty = self.talk(lines)
        self.assertEqual(CONTENTS["text"].decode(), text["text"])
        self.assertEqual(len(CONTENTS["binary"]), binary["bytes"])
        self.assertIn("base64", binary)
        self.assertEqual(CONTENTS["looks like answers"].decode(), looks["text"])
        self.assertEqual(0, empty["bytes"])
        (missing,) = self.talk(b'{"action":"file","params":{"fileName":"nope"}}\n', status=1)
        self.assertEqual("The file, nope, is not found.", missing["error"])

    def test_goodbye(self) -> None:
        self.assertEqual(["Bye!"], [answer["status"] for answer in self.talk(b"quit\n")])
        ran = talk(f"127.0.0.1:{self.daemon.port}", lines=b"quit\nroomView\n")
        self.assertEqual((2, 1), (ran.returncode, len(ran.stdout.splitlines())))
        self.assertEqual(1, len(ran.stderr.splitlines()))

    def test_what_others_say_is_no_answer(self) -> None:
        self.assertEqual(1, len(self.talk(b"notify\n")))

    def test_an_answer_that_does_not_come(self) -> None:
        place = f"127.0.0.1:{self.daemon.port}"
        request = b'{"action":"sleepTest","params":{"sleepDuration":60000}}\n'
        ran = talk(place, "--timeout=0.2", lines=request)
        self.assertEqual(1, ran.returncode)
        self.assertIn("within 0.2 seconds", json.loads(ran.stdout)["error"])

    def test_works_without_prompt_toolkit(self) -> None:
        code = (
            "import sys; sys.modules['prompt_toolkit'] = None\n"
            "from actionhero_tcp.cli.main import main\n"
            f"sys.exit(main(['console', '127.0.0.1:{self.daemon.port}']))"
        )
        command = [sys.executable, "-c", code]
        ran = subprocess.run(command, input=b"roomView\n", capture_output=True, timeout=PATIENCE)
        self.assertEqual((0, b""), (ran.returncode, ran.stderr))


class PlaceTests(OwnDaemonTestCase):
    """Other ways to the server, and none."""

    def test_tls(self) -> None:
        running = self.start(pair="ec")
        ca_file = running.folder / "certs" / "server-cert.pem"
        place = f"localhost:{running.port}"
        ran = talk(place, f"--ca={ca_file}", lines=b"roomView\n")
        self.assertEqual((0, b""), (ran.returncode, ran.stderr))
        ran = talk(place, "--tls", lines=b"roomView\n")
        self.assertEqual((2, b""), (ran.returncode, ran.stdout))
        self.assertIn(b"verify failed", ran.stderr)
        ran = talk(place, f"--ca={ca_file}", "--server-name=example.org", lines=b"roomView\n")
        self.assertIn(b"example.org", ran.stderr)

    def test_unix(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "s"
            self.start(f"--listen=unix:{path}")
            ran = talk(f"unix:{path}", lines=b"roomView\n")
            self.assertEqual((0, b""), (ran.returncode, ran.stderr))


class MisuseTests(SynchronousTestCase):
    """What cannot be done is one line and the status 2."""

    def test_errors(self) -> None:
        nobody = f"127.0.0.1:{reserve(self)}"
        for arguments, error in (
            ((nobody,), "refused"),
            (("unix:/nonexistent",), "/nonexistent"),
            (("localhost",), "no host:port"),
            (("--timeout=-1",), "--timeout"),
            (("--cert=x",), "--key"),
            (("--ca=/nonexistent.pem",), "/nonexistent.pem"),
            (("unix:/x", "--tls"), "server_name"),
        ):
            ran = talk(*arguments, lines=b"roomView\n")
            self.assertEqual((2, b""), (ran.returncode, ran.stdout), arguments)
            self.assertEqual(1, len(ran.stderr.splitlines()), ran.stderr)
            self.assertIn(error, ran.stderr.decode())
