"""A wall clock that a test sets while a daemon runs."""

from __future__ import annotations

import os
from pathlib import Path
from unittest.mock import patch

from twisted.trial.unittest import SynchronousTestCase

_SHIFTED = """
import os
import time

_wall = time.time
_offset = os.open(os.environ["WALL_CLOCK_OFFSET"], os.O_RDONLY | os.O_CLOEXEC)


def _shifted():
    return _wall() + float(os.pread(_offset, 32, 0))


time.time = _shifted
time.time_ns = lambda: int(_shifted() * 1e9)
"""


class WallClock:
    """The wall clock of the processes that start from now on, until the test is over.

    Python reads it through `sitecustomize`, so it takes no rights and no compiler.

    Args:
        test: The test.
        folder: A folder of the test's own.
    """

    def __init__(self, test: SynchronousTestCase, folder: Path) -> None:
        self._offset = folder / "offset"
        self._offset.touch()
        self.set(0)
        (folder / "sitecustomize.py").write_text(_SHIFTED)
        path = os.pathsep.join(filter(None, [str(folder), os.environ.get("PYTHONPATH", "")]))
        patched = patch.dict(os.environ, PYTHONPATH=path, WALL_CLOCK_OFFSET=str(self._offset))
        patched.start()
        test.addCleanup(patched.stop)

    def set(self, seconds: float) -> None:
        """Sets it so many seconds ahead of the true time."""
        # In place and in one write: the processes keep the file open.
        with open(self._offset, "r+b", buffering=0) as offset:
            offset.write(f"{seconds:+032.3f}".encode())
