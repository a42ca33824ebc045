"""Tests of `tools.system_packages`: what is said of missing programs."""

from __future__ import annotations

import os
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tools import system_packages


class NeedTests(SynchronousTestCase):
    """Programs that are there, and programs that are not."""

    def setUp(self) -> None:
        self.place = Path(self.mktemp()).absolute()
        (self.place / "bin").mkdir(parents=True)
        self.patch(os, "environ", {**os.environ, "PATH": "/nowhere"})
        # Neither apt-get nor any other program of the machine.
        self.patch(system_packages, "SYSTEM_FOLDERS", ())

    def test_an_unpacked_program_is_found(self) -> None:
        program = self.place / "bin" / "nft"
        program.write_text("#!/bin/sh\n")
        program.chmod(0o755)
        system_packages.need("nft", place=self.place)
        self.assertIn(str(self.place / "bin"), os.environ["PATH"].split(":"))

    def test_what_is_missing_is_named_with_the_command_that_installs_it(self) -> None:
        error = self.assertRaises(
            SystemExit, system_packages.need, "tmux", "systemd-analyze", place=self.place
        )
        self.assertIn("missing: tmux, systemd-analyze\n", str(error))
        command = "    sudo apt-get install --no-install-recommends systemd tmux\n"
        self.assertIn(command, str(error))
