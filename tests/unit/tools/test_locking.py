"""Tests of `tools.locking`."""

from __future__ import annotations

import fcntl
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tools.locking import locked


class LockedTests(SynchronousTestCase):
    """`locked`."""

    def setUp(self) -> None:
        self.place = Path(self.mktemp()) / "folder"

    def is_held(self) -> bool:
        """Whether somebody else would wait."""
        with open(f"{self.place}.lock", "w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
        return False

    def test_others_wait_until_its_end(self) -> None:
        with locked(self.place):
            self.assertTrue(self.is_held())
        self.assertFalse(self.is_held())
        with locked(self.place):
            self.assertTrue(self.is_held())

    def test_an_error_ends_it(self) -> None:
        with self.assertRaises(ValueError), locked(self.place):
            raise ValueError
        self.assertFalse(self.is_held())
        self.assertFalse(self.place.exists())
