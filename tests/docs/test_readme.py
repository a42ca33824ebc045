"""README.md: its figures are those that were measured, its pictures exist, it fits its purpose."""

from __future__ import annotations

import json
import re

from twisted.trial.unittest import SynchronousTestCase

from tests.docs.test_quickstart import QUICKSTART
from tests.support import ROOT

TEXT = (ROOT / "README.md").read_text(encoding="utf-8")
MEASURED = json.loads((ROOT / "docs/performance/compared.json").read_text())["medians"]

COLUMNS = ("actionhero-tcp", "asyncio", "FastAPI", "actionHero 29", "NATS")
ROWS = {
    "processor time of a request": ("request_us", "µs"),
    "processor time of a delivery": ("delivery_us", "µs"),
    "memory of an idle connection": ("idle_kib", "KiB"),
}


class ReadmeTests(SynchronousTestCase):
    """What it says."""

    def test_the_figures_are_those_of_the_run(self) -> None:
        for row, (key, unit) in ROWS.items():
            (line,) = re.findall(rf"(?m)^\| {row} \| (.*) \|$", TEXT)
            shown = line.replace("*", "").split(" | ")
            expected = [
                f"{MEASURED[name][key]:.1f} {unit}" if key in MEASURED[name] else "–"
                for name in COLUMNS
            ]
            self.assertEqual(expected, shown, row)

    def test_the_best_figure_is_the_bold_one_where_it_is_not_ours(self) -> None:
        for row, (key, _) in ROWS.items():
            (line,) = re.findall(rf"(?m)^\| {row} \| (.*) \|$", TEXT)
            cells = dict(zip(COLUMNS, line.split(" | "), strict=True))
            best = min((each[key], name) for name, each in MEASURED.items() if key in each)[1]
            bold = [name for name, cell in cells.items() if cell.startswith("**")]
            self.assertEqual([best] if best != COLUMNS[0] else [], bold, row)

    def test_each_picture_exists_and_says_what_it_shows(self) -> None:
        pictures = re.findall(r"!\[([^\]]*)\]\(([^)]+)\)", TEXT)
        self.assertEqual(2, len(pictures))
        for text, path in pictures:
            self.assertGreater(len(text), 20)
            self.assertEqual(b"\x89PNG", (ROOT / path).read_bytes()[:4])

    def test_its_commands_are_those_that_the_first_five_minutes_run(self) -> None:
        page = QUICKSTART.read_text(encoding="utf-8")
        commands = re.findall(r"(?ms)^```sh\n(.*?)^```", TEXT)
        self.assertEqual(["make run\nmake test\n"], commands)
        for command in ("nc localhost 5000", 'make run ARGS="--development-mode"'):
            self.assertIn(command, TEXT)
            self.assertIn(command, page)
        self.assertIn(".venv/bin/actionhero-tcp new ../my-api", TEXT)
        self.assertIn(".venv/bin/actionhero-tcp new ../my-api", page)
