"""The service in examples/fleet: its tests pass, its types are strict, and it serves."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp.testing.certificates import make
from tests import support
from tests.support import wait_for

EXAMPLE = support.ROOT / "examples" / "fleet"


class FleetTests(SynchronousTestCase):
    """The example, copied to an empty folder."""

    def setUp(self) -> None:
        self.project = Path(self.mktemp()).absolute()
        shutil.copytree(EXAMPLE, self.project, ignore=shutil.ignore_patterns("__pycache__"))

    def run_module(self, *arguments: str) -> str:
        """Runs a module in the folder, which must go well; gives its output."""
        ran = subprocess.run(
            [sys.executable, "-m", *arguments],
            cwd=self.project,
            capture_output=True,
            text=True,
            timeout=5 * support.PATIENCE,
        )
        self.assertEqual(0, ran.returncode, ran.stdout + ran.stderr)
        return ran.stdout

    def test_its_own_tests(self) -> None:
        output = self.run_module("pytest", "-q", "-p", "no:cacheprovider")
        self.assertIn("8 passed", output)

    def test_its_types_are_strict(self) -> None:
        self.run_module("mypy", "--strict", "fleet")

    def test_its_readme_names_its_files(self) -> None:
        text = (self.project / "README.md").read_text("utf-8")
        named = set(re.findall(r"(?m)^\| `([^`]+)` \|", text))
        files = {str(path.relative_to(self.project)) for path in self.project.rglob("*.py")}
        beside = {"fleet/__init__.py", "fleet/__main__.py", "tests/__init__.py"}
        self.assertEqual(files - beside - {"tests/conftest.py"}, named)

    def test_it_serves_until_it_is_told_to_stop(self) -> None:
        make(self.project / "certs")
        for name, old, new in (
            ("config.json", '"port": 5000', '"port": 0, "bindIP": "127.0.0.1"'),
            ("fleet/service.py", "http_port: int = 8080", "http_port: int = 0"),
        ):
            path = self.project / name
            text = path.read_text("utf-8")
            self.assertIn(old, text)
            path.write_text(text.replace(old, new))
        log = self.project / "log.txt"
        with open(log, "wb") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", "fleet"],
                cwd=self.project,
                stdout=output,
                stderr=output,
                env={**os.environ, "FLEET_TOKEN": "operators"},
            )
        try:
            wait_for(
                lambda: process.poll() is not None or "fleet has started" in log.read_text(),
                "a start",
            )
            # It handles signals from before that.
            process.terminate()
            self.assertEqual(0, process.wait(support.PATIENCE), log.read_text())
            self.assertIn("fleet has stopped", log.read_text())
        finally:
            if process.poll() is None:
                process.kill()
            process.wait()
