"""The table, the JSON file and the chart, in docs/."""

from __future__ import annotations

import json
import os
import platform
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

from .rows import Row

HEADINGS = ("work", "req/s", "p50 µs", "p99 µs", "CPU µs", "ratio", "target", "met")
PAGE = Path(__file__).parent.parent / "docs" / "performance.md"
FOLDER = PAGE.parent / "performance"

PACKAGES = ("twisted", "ujson", "pyOpenSSL")


def table(rows: list[Row]) -> str:
    """The rows as a Markdown table."""
    lines = [" | ".join(("", *HEADINGS, "")).strip(), "|" + " --- |" * len(HEADINGS)]
    for row in rows:
        cells = (
            f"{row.group}: `{row.work}`"
            if row.group.endswith("floor")
            else f"{row.group}: {row.work}",
            _number(row.rate, ",.0f"),
            _number(row.p50, ".0f"),
            _number(row.p99, ".0f"),
            _number(row.cpu, ".2f"),
            f"{row.ratio:,.2f} {row.unit}",
            f"{row.target} {row.unit}",
            "yes" if row.met else "**no**",
        )
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _number(value: float | None, form: str) -> str:
    return "" if value is None else format(value, form)


def machine() -> dict[str, Any]:
    """What the numbers were measured on."""
    return {
        "cores": os.cpu_count(),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30),
        "kernel": platform.release(),
        "python": platform.python_version(),
        **{package: version(package) for package in PACKAGES},
    }


def publish(name: str, rows: list[Row], **more: Any) -> None:
    """Writes the rows as JSON and as a chart, and the table into docs/performance.md.

    Args:
        name: The name of the files, and of the place in the page.
        rows: What was measured.
        more: What else the JSON file is to hold.
    """
    FOLDER.mkdir(exist_ok=True)
    document = {"machine": machine(), "rows": [row.as_dict() for row in rows], **more}
    text = json.dumps(document, indent=2, ensure_ascii=False)
    (FOLDER / f"{name}.json").write_text(text + "\n", encoding="utf-8")
    draw(rows, FOLDER / f"{name}.svg")
    page = PAGE.read_text(encoding="utf-8")
    before, begin, rest = page.partition(f"<!-- {name} -->\n")
    _, end, after = rest.partition(f"<!-- end of {name} -->")
    if not end:
        raise SystemExit(f"{PAGE} has no place for {name}")
    PAGE.write_text(before + begin + table(rows) + "\n" + end + after, encoding="utf-8")
    print(f"\nwritten to {PAGE} and {FOLDER}", file=sys.stderr)


def draw(rows: list[Row], path: Path) -> None:
    """Draws the ratios to the floor as bars, each with its target."""
    import pygal

    chosen = [row for row in rows if row.target.startswith(">=") and row.unit == "x"]
    chart = pygal.HorizontalBar(
        title="Ratios, and what was asked for",
        height=60 + 32 * max(len(chosen), 4),
        width=1000,
        truncate_label=60,
        js=[],
        print_values=True,
        value_formatter=lambda value: f"{value:.2f}",
    )
    chosen = chosen[::-1]
    chart.x_labels = [f"{row.group}: {row.work}" for row in chosen]
    chart.add("measured", [round(row.ratio, 2) for row in chosen])
    chart.add("target", [float(row.target.removeprefix(">= ")) for row in chosen])
    chart.render_to_file(str(path))
