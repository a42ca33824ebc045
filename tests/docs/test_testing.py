"""The examples of docs/testing.md are tests that pass, and the page tells of all that there is."""

from __future__ import annotations

import inspect
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp.testing import FakeClient, FakeServer, RealServer
from tests import support
from tests.docs.test_actions import examples

PAGE = support.ROOT / "docs" / "testing.md"


def trial(folder: Path, *names: str) -> subprocess.CompletedProcess[str]:
    """Runs trial in a project's folder."""
    return subprocess.run(
        [sys.executable, "-m", "twisted.trial", *names],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": "", "PYTHONDONTWRITEBYTECODE": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=support.PATIENCE * 4,
    )


class ExampleTests(SynchronousTestCase):
    """The project that the page makes."""

    def setUp(self) -> None:
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.folder = Path(temporary.name)
        self.text = PAGE.read_text(encoding="utf-8")
        for name, code in examples(PAGE).items():
            self.write(name, code)
        self.write("tests/__init__.py", "")
        (config,) = re.findall(r"(?ms)^```json\n(.*?)^```", self.text)
        self.write("config.json", config)
        (_, menu) = re.findall(r"(?ms)^```text\n(.*?)^```", self.text)
        self.write("public/menu.txt", menu)

    def write(self, name: str, text: str) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def test_all_examples_pass(self) -> None:
        ran = trial(self.folder, "tests")
        self.assertEqual(0, ran.returncode, ran.stdout)
        tests = self.text.count("\n    def test_") + self.text.count("\n    async def test_")
        self.assertGreater(tests, 15)
        self.assertIn(f"PASSED (successes={tests})", ran.stdout)

    def test_those_for_pytest_pass(self) -> None:
        command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-q"]
        ran = subprocess.run(
            [*command, "test_first.py", "test_with_pytest.py"],
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=support.PATIENCE * 2,
        )
        self.assertIn("3 passed", ran.stdout, ran.stdout + ran.stderr)

    def test_they_pass_in_several_processes(self) -> None:
        ran = trial(self.folder, "-j2", "tests.test_greet", "tests.test_menu")
        self.assertEqual(0, ran.returncode, ran.stdout)

    def test_they_can_fail(self) -> None:
        path = self.folder / "actions" / "greet.py"
        path.write_text(path.read_text().replace("Hello", "Goodbye"))
        self.assertIn("FAILED (failures=3", trial(self.folder, "tests").stdout)

    def test_every_example_names_its_file(self) -> None:
        self.assertEqual(self.text.count("\n```python"), len(examples(PAGE)))

    def test_examples_are_formatted(self) -> None:
        command = [str(support.TWISTD.with_name("ruff")), "format", "--check", "--quiet"]
        command += ["--config", str(support.ROOT / "pyproject.toml"), str(self.folder)]
        ran = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.assertEqual(0, ran.returncode, ran.stdout.decode())


class ReferenceTests(SynchronousTestCase):
    """The tables at the end."""

    def test_all_names_are_there(self) -> None:
        reference = PAGE.read_text(encoding="utf-8").partition("## Reference")[2]
        tables = re.findall(r"(?m)(?:^\|.*\n)+", reference)
        for table, kind in zip(tables, (FakeServer, FakeClient, RealServer), strict=True):
            cells = re.findall(r"(?m)^\| (`[^|]*`) \|", table)[kind is not FakeClient :]
            shown = {word for cell in cells for word in re.findall(r"`(\w+)", cell)}
            self.assertEqual(self.public(kind), shown, kind)

    def public(self, kind: Any) -> set[str]:
        """The public names of a class: methods, properties, and attributes that it documents."""
        names = {name for name, _ in inspect.getmembers(kind) if not name.startswith("_")}
        documented = inspect.getdoc(kind).partition("Attributes:")[2]  # type: ignore[union-attr]
        return names | set(re.findall(r"(?m)^    (\w+): ", documented.partition("Raises:")[0]))
