"""The help of `twistd actionhero`: the options by section, the most used first."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator
from typing import Final

from ..config import configuration
from ..config.field import FieldInfo

MOST_USED: Final = (
    *("port", "bind-ip", "actions", "public", "secure", "cert-file", "key-file", "listen"),
    *("workers", "development-mode", "redis", "web-port", "log-format", "log-file", "request-log"),
)
"""Options that stand before all others, in this order."""

HEADINGS: Final = {
    "general": "General",
    "tcp_server": "Listening and TLS",
    "limits": "Limits",
    "log": "Logs",
    "redis": "Redis",
    "web": "The web port",
}
"""The heading of each section."""

_COLUMN: Final = 28
"""Where what an option means begins."""

_OWN: Final = (
    ("-c, --config=", "the config file (JSON); relative paths in it count from its folder"),
    ("    --check-config", "check everything, print the effective configuration, and end"),
)
_LAST: Final = (
    ("    --help", "show this help, and end"),
    ("    --version", "show the versions of the server and of Twisted, and end"),
)

Entry = tuple[str, str]
"""An option, and what it means."""


def meaning(info: FieldInfo) -> str:
    """Return what a field means, with its default."""
    default = info.default
    if isinstance(default, bool):
        default = "yes" if default else "no"
    elif isinstance(default, tuple):
        default = ", ".join(default)
    return f"{info.help} [default: {default}]" if default != "" else info.help


def only_meaning(info: FieldInfo) -> str:
    """Return what the option means that turns on a part of a flag."""
    return f"a part of what --{info.option} turns on: {', '.join(info.only)}, or a share"


def page(description: str, width: int) -> str:
    """Return the help.

    Args:
        description: What the server does.
        width: The longest line.
    """
    fields = {info.option: info for info in configuration.fields()}
    most = [entry for name in MOST_USED for entry in _entries(fields.pop(name))]
    groups: list[tuple[str, Iterable[Entry]]] = [("Most used", (*_OWN, *most, *_LAST))]
    for section, heading in HEADINGS.items():
        found = [info for info in fields.values() if info.section == section]
        groups.append((heading, [entry for info in found for entry in _entries(info)]))
    parts = [textwrap.fill(description, width)]
    for heading, entries in groups:
        lines = [line for entry in entries for line in _lines(*entry, width)]
        parts.append("\n".join([f"{heading}:", *lines]))
    return "\n\n".join(parts) + "\n"


def _entries(info: FieldInfo) -> Iterator[Entry]:
    """Yield the options of a field."""
    if info.type is not bool:
        yield f"    --{info.option}=", meaning(info)
        return
    yield f"    --{info.option}, --no-{info.option}", meaning(info)
    if info.only:
        yield f"    --{info.option}-only=", only_meaning(info)


def _lines(option: str, text: str, width: int) -> Iterator[str]:
    """Yield the lines of one entry."""
    start = f"  {option}"
    indent = " " * _COLUMN
    wrapped = textwrap.wrap(
        text, max(width - _COLUMN, 20), break_long_words=False, break_on_hyphens=False
    )
    if len(start) >= _COLUMN:
        yield start
    else:
        yield f"{start:{_COLUMN}}{wrapped.pop(0)}"
    for line in wrapped:
        yield indent + line
