"""The console in a real terminal, which is tmux's."""

from __future__ import annotations

import os
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp.cli.console import history


class HistoryTests(SynchronousTestCase):
    """The file of the history."""

    def test_is_cut_where_it_is_long(self) -> None:
        path = Path(self.mktemp())
        path.write_text("".join(f"line {n}\n" for n in range(3000)))
        lines = list(history.LineHistory(path).load_history_strings())
        self.assertEqual((1000, "line 2999"), (len(lines), lines[0]))
        self.assertEqual(1000, len(path.read_text().splitlines()))

    def test_a_file_that_cannot_be_used_does_no_harm(self) -> None:
        kept = history.LineHistory(Path("/proc/nonexistent/history"))
        self.assertEqual([], list(kept.load_history_strings()))
        kept.store_string("roomView")

    def test_where_it_is(self) -> None:
        self.patch(os, "environ", {"XDG_STATE_HOME": "/x"})
        self.assertEqual(Path("/x/actionhero-tcp/history"), history.default_path())
        self.patch(os, "environ", {"HOME": "/home/ada"})
        path = Path("/home/ada/.local/state/actionhero-tcp/history")
        self.assertEqual(path, history.default_path())
