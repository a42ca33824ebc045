"""`read_regular`: nobody waits for what it reads."""

from __future__ import annotations

import errno
import os
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp.regular_file import NOT_REGULAR, read_regular


class ReadTests(SynchronousTestCase):
    """Files, and what stands in their place."""

    def setUp(self) -> None:
        self.folder = Path(self.mktemp()).absolute()
        self.folder.mkdir()

    def refused(self, path: Path | str) -> OSError:
        """The error of a path, which leaves no descriptor behind."""
        before = len(os.listdir("/proc/self/fd"))
        error = self.assertRaises(OSError, read_regular, str(path))
        self.assertEqual(before, len(os.listdir("/proc/self/fd")))
        return error

    def test_a_file_or_a_link_to_one(self) -> None:
        path = self.folder / "file"
        path.write_bytes(b"content")
        (self.folder / "link").symlink_to(path)
        for name in ("file", "link"):
            self.assertEqual(b"content", read_regular(str(self.folder / name)))

    def test_a_fifo(self) -> None:
        os.mkfifo(self.folder / "fifo")
        self.assertEqual(NOT_REGULAR, self.refused(self.folder / "fifo").strerror)

    def test_a_device(self) -> None:
        for path in ("/dev/zero", "/dev/null"):
            self.assertEqual(NOT_REGULAR, self.refused(path).strerror)

    def test_a_folder(self) -> None:
        self.assertEqual(errno.EISDIR, self.refused(self.folder).errno)

    def test_nothing(self) -> None:
        self.assertEqual(errno.ENOENT, self.refused(self.folder / "none").errno)
        self.assertRaises(ValueError, read_regular, "a\0b")
