"""The lines that were typed, from one time to the next."""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Final

from prompt_toolkit.history import History

MOST_LINES: Final = 1000
"""So many lines are kept; the oldest ones go first."""


def default_path() -> Path:
    """Where the lines are kept."""
    home = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(home) / "actionhero-tcp" / "history"


class LineHistory(History):
    """The lines, in a file that only its owner may read; not those that begin with a blank.

    Where the file cannot be read or written, there is a history for this time only.

    Args:
        path: The file.
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path

    def load_history_strings(self) -> Iterable[str]:
        """The lines, the latest first; a file that has grown long is cut."""
        lines: list[str] = []
        with suppress(OSError):
            lines = self._path.read_text("utf-8", "replace").split("\n")[:-1]
            if len(lines) > MOST_LINES:
                lines = lines[-MOST_LINES:]
                self._write("w", lines)
        return lines[::-1]

    def store_string(self, string: str) -> None:
        """Keeps a line."""
        if string.strip() and not string.startswith((" ", "\t")):
            with suppress(OSError):
                self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                self._write("a", [string])

    def _write(self, mode: str, lines: list[str]) -> None:
        def private(path: str, flags: int) -> int:
            return os.open(path, flags, 0o600)

        with open(self._path, mode, encoding="utf-8", errors="replace", opener=private) as stream:
            stream.writelines(f"{line}\n" for line in lines)
