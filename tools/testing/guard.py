"""Notice unit tests that use the network or start a process: those belong to other folders."""

from __future__ import annotations

import sys
from typing import Any, Final

FOLDER: Final = "tests.unit."

_PROCESS: Final = ("subprocess.Popen", "os.fork", "os.forkpty", "os.posix_spawn", "os.exec")
_NETWORK: Final = ("socket.connect", "socket.bind", "socket.sendto")


class Guard:
    """Collects what the current test does that a unit test may not do.

    Attributes:
        found: What it did, in words; emptied by `begin`.
    """

    def __init__(self) -> None:
        self.found: list[str] = []
        self._watching = False

    def install(self) -> None:
        """Watch this process, for the rest of its life, by an audit hook."""
        sys.addaudithook(self.notice)

    def begin(self, test: str) -> None:
        """Watch a test if it is a unit test.

        Args:
            test: Its id.
        """
        self.found = []
        self._watching = test.startswith(FOLDER)

    def end(self) -> None:
        """Watch no more."""
        self._watching = False

    def notice(self, event: str, arguments: tuple[Any, ...]) -> None:
        """See `sys.addaudithook`."""
        if not self._watching:
            return
        if event in _PROCESS:
            self.found.append(f"a unit test must not start a process ({event})")
        elif event in _NETWORK and isinstance(arguments[1], tuple):
            self.found.append(f"a unit test must not use the network ({event} {arguments[1]})")
