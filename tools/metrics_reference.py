"""Makes the table of metrics in docs/web.md.

Usage: python -m tools.metrics_reference [--write]
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, Final

from actionhero_tcp.web.families import FAMILIES, SUPERVISOR_FAMILIES, Family

PAGE: Final = Path(__file__).parent.parent / "docs" / "web.md"
BEGIN: Final = "<!-- metrics -->\n"
HEAD: Final = "| metric | type | labels | meaning |\n| --- | --- | --- | --- |\n"
END: Final = "<!-- end of metrics -->"


def table() -> str:
    """Returns a row for each metric."""
    families: list[Family[Any]] = [*FAMILIES, *SUPERVISOR_FAMILIES]
    rows = [(each.sample_name, each.kind, each.labels, each.help) for each in families]
    return HEAD + "".join(
        f"| `{name}` | {kind} | {', '.join(f'`{label}`' for label in labels)} | {help} |\n"
        for name, kind, labels, help in sorted(rows)
    )


def page(text: str) -> str:
    """Returns the text of the page with the table of now.

    Raises:
        ValueError: The page has no place for it.
    """
    before, found, rest = text.partition(BEGIN)
    _, ended, after = rest.partition(END)
    if not found or not ended:
        raise ValueError(f"{PAGE.name} has no {BEGIN.strip()} … {END}")
    return before + BEGIN + table() + END + after


def main() -> None:
    """Prints the table, or writes it."""
    if "--write" in sys.argv[1:]:
        PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    else:
        print(table(), end="")


if __name__ == "__main__":
    main()
