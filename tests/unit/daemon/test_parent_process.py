"""Tests of `actionhero_tcp.daemon.parent_process`: what the parent process learns."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp.daemon.parent_process import MOST_BYTES, PIPE, ParentProcess


class StarterTests(SynchronousTestCase):
    """A real pipe."""

    def setUp(self) -> None:
        self.reading, writing = os.pipe()
        self.twistd: dict[str, Any] = {PIPE: writing}
        self.starter = ParentProcess(self.twistd)

    def read(self) -> bytes:
        """All that was told; the other end is closed."""
        with os.fdopen(self.reading, "rb") as pipe:
            return pipe.read()

    def test_twistd_tells_nothing_once_it_is_held(self) -> None:
        self.starter.hold()
        self.assertEqual({}, self.twistd)
        self.starter.tell()
        self.assertEqual(b"0", self.read())

    def test_an_error_is_cut_as_twistd_does_it(self) -> None:
        self.starter.hold()
        self.starter.tell("pool.py:3: \u2603" + "x" * 200)
        told = self.read()
        self.assertTrue(told.startswith(b"1 pool.py:3: \\u2603xxx"), told)
        self.assertEqual(MOST_BYTES, len(told))

    def test_it_is_told_once(self) -> None:
        self.starter.hold()
        self.starter.tell("first")
        self.starter.tell("second")
        self.assertEqual(b"1 first", self.read())

    def test_where_the_start_has_failed_no_pid_file_is_left(self) -> None:
        path = Path(self.mktemp())
        path.touch()
        self.twistd["pidfile"] = str(path)
        self.starter.hold()
        for _ in range(2):
            self.starter.leave("no database")
        self.assertFalse(path.exists())
        self.assertEqual(b"1 no database", self.read())

    def test_one_that_is_gone_wants_to_know_nothing(self) -> None:
        os.close(self.reading)
        self.starter.hold()
        self.starter.tell()
        self.assertEqual({}, self.twistd)

    def test_where_nobody_waits_nothing_is_told(self) -> None:
        os.close(self.twistd.pop(PIPE))
        self.starter.tell("not held")
        self.starter.hold()
        self.starter.tell("nobody")
        self.assertEqual(b"", self.read())
