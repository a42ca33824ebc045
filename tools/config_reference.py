"""Makes the reference table of docs/configuration.md, and config.example.json.

Both are made from the fields of the configuration, so that they cannot be out of date.

Usage: python -m tools.config_reference [--write]

Without ``--write`` the table is printed; with it, both files are written.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Final

from actionhero_tcp.config.configuration import as_json, fields
from actionhero_tcp.config.field import FieldInfo, plain
from actionhero_tcp.config.sections import Config

ROOT: Final = Path(__file__).parent.parent
PAGE: Final = ROOT / "docs" / "configuration.md"
SAMPLE: Final = ROOT / "config.example.json"

BEGIN: Final = "<!-- made by: python -m tools.config_reference --write -->"
END: Final = "<!-- end of what is made -->"

_TYPES: Final = {
    str: "string",
    int: "whole number",
    float: "number",
    bool: "true or false",
    tuple: "list of strings",
}


def table() -> str:
    """The reference: for each section a table with a row for each field."""
    lines: list[str] = []
    section = ""
    for info in fields():
        if info.section_key != section:
            section = info.section_key
            lines += [
                "",
                f"### {section}",
                "",
                "| key | option | type | default | reload | meaning |",
            ]
            lines.append("| --- | --- | --- | --- | --- | --- |")
        lines.append(_row(info))
    return "\n".join(lines).strip("\n") + "\n"


def page(text: str) -> str:
    """The text of a page, with the table between its markers replaced by the present one.

    Args:
        text: The page as it is.

    Raises:
        ValueError: A marker is missing.
    """
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the page has no {BEGIN} … {END}")
    return f"{before}{BEGIN}\n\n{table()}\n{END}{after}"


def sample() -> str:
    """A config file that holds every key with its default."""
    return as_json(Config()) + "\n"


def _row(info: FieldInfo) -> str:
    default = json.dumps(plain(info.default), ensure_ascii=False)
    live = "yes" if info.live else ""
    cells = (f"`{info.key}`", _option(info), _type(info), f"`{default}`", live, info.help)
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _option(info: FieldInfo) -> str:
    if info.type is bool:
        part = f", `--{info.option}-only`" if info.only else ""
        return f"`--{info.option}`, `--no-{info.option}`{part}"
    return f"`--{info.option}`"


def _type(info: FieldInfo) -> str:
    if info.choices:
        return " or ".join(f"`{choice}`" for choice in info.choices)
    if info.only:
        words = ", ".join(f"`{word}`" for word in info.only)
        return f"{_TYPES[info.type]}, {words}, or a share between 0 and 1"
    name = "path" if info.path else _TYPES[info.type]
    if info.minimum is not None and info.maximum is not None:
        return f"{name}, {info.minimum:g} to {info.maximum:g}"
    if info.minimum is not None:
        return f"{name}, at least {info.minimum:g}"
    if info.maximum is not None:
        return f"{name}, at most {info.maximum:g}"
    return name


def main() -> None:
    """Prints the table, or writes both files."""
    if "--write" in sys.argv[1:]:
        PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
        SAMPLE.write_text(sample(), encoding="utf-8")
    else:
        print(table(), end="")


if __name__ == "__main__":
    main()
