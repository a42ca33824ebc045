"""docs/start.md tells of the project that `actionhero-tcp new` makes."""

from __future__ import annotations

import re

from actionhero_tcp.cli.new import TEMPLATE
from tests.process.test_new import NewTestCase
from tests.support import ROOT, daemon
from tests.support.integration import Talker

TEXT = (ROOT / "docs" / "start.md").read_text(encoding="utf-8")


class PageTests(NewTestCase):
    """What the page says."""

    def test_the_table_has_all_files(self) -> None:
        table = TEXT.partition("## What there is")[2].partition("\n## ")[0]
        shown = set(re.findall(r"(?m)^\| `([^`]+)` \|", table))
        files = {str(path.relative_to(TEMPLATE)) for path in TEMPLATE.rglob("*.*")}
        files = {name.replace("__name__", "my-api") for name in files if "__pycache__" not in name}
        without = {"README.md", ".gitignore", "tests/__init__.py"}
        self.assertEqual(files - without | {"Makefile"}, shown)

    def test_the_targets_of_make(self) -> None:
        (row,) = re.findall(r"(?m)^\| `Makefile` \| (.*) \|$", TEXT)
        (targets,) = re.findall(r"(?m)^\.PHONY: help (.*)$", (TEMPLATE / "Makefile").read_text())
        self.assertEqual(targets.split(), re.findall(r"`make (\w+)`", row))

    def test_the_conversation(self) -> None:
        self.new("my-api")
        (shown,) = re.findall(r"(?ms)^\$ nc localhost 5000\n(.*?)^```", TEXT)
        welcome, *lines = shown.splitlines()
        with (
            daemon("--config", "config.json", folder=str(self.folder / "my-api")) as running,
            running.connect() as stream,
        ):
            client = Talker(stream)
            self.assertEqual(welcome, client.line().decode())
            for asked, answer in zip(lines[::2], lines[1::2], strict=True):
                client.send(asked.encode() + b"\n")
                self.assertEqual(answer, client.line().decode())

    def test_the_refusal(self) -> None:
        self.new("my-api")
        error = self.refusal("my-api").replace(str(self.folder), "/home/ada/work")
        self.assertIn(f"\nactionhero-tcp new: {error}\n", TEXT)
