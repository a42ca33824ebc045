"""The scripts of docs/client.md print what the page says."""

from __future__ import annotations

import inspect
import os
import re
import subprocess
import sys

from actionhero_tcp import client
from actionhero_tcp.client import aio, blocking
from tests.support import PATIENCE, ROOT
from tests.support.integration import DaemonTestCase

TEXT = (ROOT / "docs" / "client.md").read_text(encoding="utf-8")

HELPERS = (
    *("listen", "close", "fetch"),
    *("connection_ready", "connection_lost", "message_received"),
)
"""Methods that are no calls."""

SCRIPT = re.compile(r"^```python\n# (\S+)\n(.*?)^```\n\n```text\n(.*?)^```$", re.M | re.S)


class PageTests(DaemonTestCase):
    """What the page says."""

    (menu,) = re.findall(r"`public/menu\.txt`:\n\n```text\n(.*?)```", TEXT, re.S)
    files = {"public/menu.txt": menu}
    options = ("--announce-limit=0",)

    def test_the_scripts(self) -> None:
        scripts = SCRIPT.findall(TEXT)
        self.assertEqual(TEXT.count("```python"), len(scripts))
        self.assertGreater(len(scripts), 3)
        for name, code, output in scripts:
            code = code.replace('"localhost", 5000', f'"localhost", {self.daemon.port}')
            # Some write files.
            ran = subprocess.run(
                [sys.executable, "-c", code],
                capture_output=True,
                text=True,
                timeout=PATIENCE,
                cwd=self.mktemp_folder(),
            )
            self.assertEqual((output, ""), (ran.stdout, ran.stderr), name)

    def mktemp_folder(self) -> str:
        """A new folder."""
        os.makedirs(folder := self.mktemp())
        return folder

    def test_every_call_is_in_the_table(self) -> None:
        table = TEXT.partition("## The calls")[2].partition("\n\nA param")[0]
        for kind in client.Client, aio.Client, blocking.Client:
            for name, _ in inspect.getmembers(kind, inspect.isfunction):
                if not name.startswith("_") and name not in HELPERS:
                    self.assertIn(f"`{name}(", table)

    def test_the_defaults(self) -> None:
        limits = client.Limits()
        table = TEXT.partition("## Limits")[2]
        self.assertIn(f"calls without an answer | {limits.max_pending:,} |", table)
        self.assertIn(f"| {limits.max_line_bytes // 2**20} MiB |", table)
        self.assertIn(f"| {limits.max_file_bytes // 2**20} MiB |", table)

    def test_all_errors_are_there(self) -> None:
        table = TEXT.partition("## Errors")[2].partition("\n## ")[0]
        for name in client.__all__:
            if isinstance(found := getattr(client, name), type) and issubclass(found, Exception):
                self.assertIn(f"`{name}`", table)
