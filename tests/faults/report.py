"""What the tests noted, as the table of docs/reliability.md."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from benchmarks.report import PACKAGES, machine
from tests.support import ROOT

PAGE = ROOT / "docs" / "reliability.md"
BEGIN = "<!-- made by: make faults -->"
END = "<!-- end of what is made -->"

TRANSPORTS = ("TCP", "TLS", "WebSocket")

Rows = dict[tuple[int, str], dict[str, str]]
"""What was seen over each transport, by the scenario's number and what was done."""


def read(notes: Path) -> Rows:
    """The rows of what was noted, in the order of the scenarios.

    Args:
        notes: The file that `FaultTestCase.note` has written.
    """
    found: Rows = {}
    for line in notes.read_text(encoding="utf-8").splitlines():
        note = json.loads(line)
        found.setdefault((note["number"], note["what"]), {})[note["transport"]] = note["seen"]
    return dict(sorted(found.items(), key=lambda row: row[0][0]))


def table(rows: Rows) -> str:
    """The rows as a Markdown table."""
    lines = [
        "| | what is done to it | seen over TCP | seen over TLS | seen over WebSocket |",
        "| --- | --- | --- | --- | --- |",
    ]
    for (number, what), seen in rows.items():
        cells = " | ".join(seen.get(transport, "") for transport in TRANSPORTS)
        lines.append(f"| {number} | {what} | {cells} |")
    return "\n".join(lines)


def place(details: dict[str, Any]) -> str:
    """A line on what the numbers were seen on."""
    versions = ", ".join(f"{name} {details[name]}" for name in PACKAGES)
    return (
        f"Seen on a machine of {details['cores']} cores and {details['memory_gib']} GiB, with "
        f"Linux {details['kernel']}, Python {details['python']}, {versions}."
    )


def filled(page: str, rows: Rows) -> str:
    """A page with the table between its markers.

    Raises:
        ValueError: A marker is missing.
    """
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the page has no {BEGIN} … {END}")
    return f"{before}{BEGIN}\n\n{place(machine())}\n\n{table(rows)}\n\n{END}{after}"


def publish(rows: Rows) -> None:
    """Writes the table into docs/reliability.md."""
    PAGE.write_text(filled(PAGE.read_text(encoding="utf-8"), rows), encoding="utf-8")
