"""The process that has started a daemon in the background, and waits to hear how that went.

It waits at a pipe, into which `twistd` writes before the reactor runs. Hooks of the start have
not run by then; where there are some, it is told here in twistd's place when they have.
"""

from __future__ import annotations

import os
from collections.abc import MutableMapping
from contextlib import suppress
from typing import Any, Final

PIPE: Final = "statusPipe"
"""Where twistd keeps the pipe, among its options."""

MOST_BYTES: Final = 100
"""As much is read from it."""


class ParentProcess:
    """The process that waits, if there is one.

    Args:
        twistd: The options of twistd, which knows the pipe once the daemon has left its terminal.
    """

    def __init__(self, twistd: MutableMapping[str, Any]) -> None:
        self._twistd = twistd
        self._pipe: int | None = None

    def hold(self) -> None:
        """Has it wait until it is told something here."""
        self._pipe = self._twistd.pop(PIPE, None)

    def leave(self, error: str) -> None:
        """Tells it why the daemon cannot start, when nothing else is left of that.

        Args:
            error: What is wrong.
        """
        # twistd would remove it, but the process ends before it comes to that.
        if pid_file := self._twistd.get("pidfile"):
            with suppress(OSError):
                os.unlink(pid_file)
        self.tell(error)

    def tell(self, error: str = "") -> None:
        """Tells it how the start went, where it waits.

        Args:
            error: What is wrong; empty where all is well.
        """
        pipe, self._pipe = self._pipe, None
        if pipe is None:
            return
        text = f"1 {error}" if error else "0"
        with suppress(OSError):  # It is gone, and wants to know nothing.
            os.write(pipe, text.encode("ascii", "backslashreplace")[:MOST_BYTES])
        os.close(pipe)
