"""docs/asyncio.md, and the service in examples/telemetry."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests import support
from tests.docs.test_actions import examples
from tests.support.integration import OwnDaemonTestCase, Talker, connect

PAGE = support.ROOT / "docs" / "asyncio.md"
EXAMPLE = support.ROOT / "examples" / "telemetry"
BIN = Path(sys.executable).parent


def transcript(page: Path) -> list[tuple[str, dict[str, object]]]:
    """What a page's session sends, and what comes back for each line."""
    _, _, rest = page.read_text(encoding="utf-8").partition("```transcript\n")
    lines = rest.partition("```")[0].splitlines()
    sent = [line.removeprefix("> ") for line in lines if line.startswith("> ")]
    received = [json.loads(line.removeprefix("< ")) for line in lines if line.startswith("< ")]
    return list(zip(sent, received, strict=True))


class PageTests(OwnDaemonTestCase):
    """The page."""

    reactor = "uvloop"

    def test_its_examples(self) -> None:
        running = self.start("--action-timeout=0.5", "--announce-limit=0", files=examples(PAGE))
        client = self.join(running)
        for line, expected in transcript(PAGE):
            self.assertEqual(expected, client.ask(line))
        self.assertEqual(["twisted", "asyncio"], client.ask("both")["done"])
        self.assertIn("did not finish", client.ask("careful")["error"])
        self.stop(running)

    def test_it_quotes_the_error(self) -> None:
        from actionhero_tcp.app.coroutines import NEEDS_ASYNCIO

        self.assertIn(f"AsyncioNeededError: {NEEDS_ASYNCIO}\n", PAGE.read_text("utf-8"))


class TelemetryTests(OwnDaemonTestCase):
    """The example, copied to an empty folder."""

    def setUp(self) -> None:
        self.project = self.folder() / "telemetry"
        skipped = shutil.ignore_patterns("__pycache__", "*.sqlite3*", "_trial_temp*")
        shutil.copytree(EXAMPLE, self.project, ignore=skipped)
        self.patch(os, "environ", {**os.environ, "TELEMETRY_SECRET": "s3cret"})

    def run_in_project(self, *command: str) -> str:
        """Runs a program in the folder, which must go well; gives its output."""
        ran = subprocess.run(
            [str(BIN / command[0]), *command[1:]],
            cwd=self.project,
            capture_output=True,
            text=True,
            timeout=10 * support.PATIENCE,
        )
        self.assertEqual(0, ran.returncode, ran.stdout + ran.stderr)
        return ran.stdout

    def test_its_session(self) -> None:
        options = ("--reactor=uvloop", "--config=config.json", "--port=0")
        with support.daemon(*options, folder=str(self.project)) as running:
            stream = connect(running)
            self.addCleanup(stream.close)
            client = Talker(stream)
            self.assertIn("welcome", client.message())
            for line, expected in transcript(self.project / "README.md"):
                self.assertEqual(expected, client.ask(line))
            self.assertEqual(1, client.ask("history")["readings"][0]["values"][0] // 1)
            self.assertEqual(1, client.ask("summary")["readings"])
            self.stop(running)

    def test_its_own_tests(self) -> None:
        output = self.run_in_project("python", "-m", "twisted.trial", "--reactor=uvloop", "tests")
        self.assertIn("PASSED (successes=3)", output)

    def test_its_types_are_strict(self) -> None:
        self.run_in_project("mypy", "--strict", "actions/telemetry.py")
