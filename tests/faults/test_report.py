"""The table of docs/reliability.md."""

from __future__ import annotations

import json
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.faults import report


class ReportTests(SynchronousTestCase):
    """From notes to a page."""

    def notes(self, *notes: tuple[int, str, str, str]) -> Path:
        path = Path(self.mktemp())
        keys = ("number", "what", "transport", "seen")
        lines = [json.dumps(dict(zip(keys, note, strict=True))) + "\n" for note in notes]
        path.write_text("".join(lines))
        return path

    def test_rows_in_the_order_of_the_scenarios(self) -> None:
        rows = report.read(
            self.notes((7, "b", "TLS", "x"), (1, "a", "TLS", "y"), (1, "a", "TCP", "z"))
        )
        self.assertEqual(
            [
                "| | what is done to it | seen over TCP | seen over TLS | seen over WebSocket |",
                "| --- | --- | --- | --- | --- |",
                "| 1 | a | z | y |  |",
                "| 7 | b |  | x |  |",
            ],
            report.table(rows).split("\n"),
        )

    def test_only_what_is_between_the_markers_is_replaced(self) -> None:
        rows = report.read(self.notes((1, "a", "TCP", "z")))
        page = report.filled(f"before {report.BEGIN} old {report.END} after", rows)
        self.assertTrue(page.startswith(f"before {report.BEGIN}\n\nSeen on a machine of "))
        self.assertTrue(page.endswith(f"| 1 | a | z |  |  |\n\n{report.END} after"))

    def test_a_page_without_markers_is_refused(self) -> None:
        self.assertRaises(ValueError, report.filled, "nothing", {})

    def test_the_page_has_its_markers_and_a_row_for_each_scenario(self) -> None:
        page = report.PAGE.read_text(encoding="utf-8")
        self.assertIn("| --- |", page.partition(report.BEGIN)[2].partition(report.END)[0])
        numbers = {int(path.name[5:7]) for path in Path(report.__file__).parent.glob("test_??_*")}
        for number in numbers:
            self.assertIn(f"\n| {number} | ", page)
