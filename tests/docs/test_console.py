"""docs/console.md tells of what the console does."""

from __future__ import annotations

import argparse
import re
import subprocess

from actionhero_tcp.cli import console
from actionhero_tcp.cli.console.history import MOST_LINES
from actionhero_tcp.cli.console.shown import MOST_OF_A_FILE
from tests.process.cli.test_piped import PROGRAM
from tests.support import PATIENCE, ROOT
from tests.support.integration import DaemonTestCase

TEXT = (ROOT / "docs" / "console.md").read_text(encoding="utf-8")


class PageTests(DaemonTestCase):
    """What the page says."""

    def test_the_pipe(self) -> None:
        ((command, output),) = re.findall(r"(?s)```sh\n(printf .*?)```\n\n```text\n(.*?)```", TEXT)
        command = command.replace(
            "actionhero-tcp console", f"{PROGRAM} console 127.0.0.1:{self.daemon.port}"
        )
        ran = subprocess.run(command, shell=True, capture_output=True, text=True, timeout=PATIENCE)
        self.assertEqual((output, "", 0), (ran.stdout, ran.stderr, ran.returncode))

    def test_the_options(self) -> None:
        parser = argparse.ArgumentParser(add_help=False)
        console.configure(parser)
        known = set(re.findall(r"--[a-z-]+", parser.format_help()))
        table = TEXT.partition("| option |")[2].partition("\n\n")[0]
        self.assertEqual(known, set(re.findall(r"--[a-z][a-z-]+", table)))

    def test_the_limits(self) -> None:
        self.assertIn(f"the last {MOST_LINES:,} are kept", TEXT)
        self.assertIn(f"the first {MOST_OF_A_FILE:,} characters", TEXT)
