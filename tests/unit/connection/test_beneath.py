"""Paths that cannot lead out of a folder, by the kernel's own way and step by step."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import stat
import threading
from pathlib import Path

from twisted.trial.unittest import SkipTest, SynchronousTestCase

from actionhero_tcp.connection import beneath

_RENAME_EXCHANGE = 2
_AT_FDCWD = -100


def exchange(one: Path, other: Path) -> None:
    """Swaps two files in one step."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.renameat2(_AT_FDCWD, bytes(one), _AT_FDCWD, bytes(other), _RENAME_EXCHANGE):
        raise OSError(ctypes.get_errno(), "renameat2")


class BeneathTests(SynchronousTestCase):
    """`open_beneath`, by `openat2` where the kernel has it."""

    def setUp(self) -> None:
        base = Path(self.mktemp()).absolute()
        self.root, self.outside = base / "root", base / "outside"
        (self.root / "a" / "b").mkdir(parents=True)
        self.outside.mkdir()
        (self.root / "page").write_bytes(b"page")
        (self.root / "a" / "b" / "page").write_bytes(b"deep page")
        (self.outside / "page").write_bytes(b"secret")

    def link(self, path: str, target: str | Path) -> None:
        (self.root / path).symlink_to(target)

    def content(self, path: str) -> bytes:
        with beneath.folder(str(self.root)) as root:
            descriptor = beneath.open_beneath(root, path)
        try:
            return os.read(descriptor, 100)
        finally:
            os.close(descriptor)

    def refused(self, path: str) -> int | None:
        """Checks that there is no such file; gives the number of the error."""
        before = os.listdir("/proc/self/fd")
        with beneath.folder(str(self.root)) as root:
            error = self.assertRaises(OSError, beneath.open_beneath, root, path)
        self.assertEqual(len(before), len(os.listdir("/proc/self/fd")))
        return error.errno

    def test_files(self) -> None:
        for path in ("page", "./page", "a/../page", "a/b/../../page", ".//page"):
            self.assertEqual(b"page", self.content(path), path)
        self.assertEqual(b"deep page", self.content("a/b/page"))

    def test_a_folder_can_be_opened(self) -> None:
        for path in (".", "a", "a/", "a/.", "a/b/.."):
            with beneath.folder(str(self.root)) as root:
                descriptor = beneath.open_beneath(root, path)
                self.assertTrue(stat.S_ISDIR(os.fstat(descriptor).st_mode), path)
                os.close(descriptor)

    def test_links_that_stay_inside(self) -> None:
        self.link("to-file", "page")
        self.link("to-folder", "a/b")
        self.link("a/up", "../page")
        self.link("a/b/far-up", "../../to-folder/page")
        self.link("twice", "a/up")
        self.link("absolute", self.root / "page")
        self.link("absolute-folder", self.root / "a")
        self.link("itself", self.root)
        for path, content in (
            ("to-file", b"page"),
            ("to-folder/page", b"deep page"),
            ("a/up", b"page"),
            ("a/b/far-up", b"deep page"),
            ("twice", b"page"),
            ("absolute", b"page"),
            ("absolute-folder/b/page", b"deep page"),
            ("itself/page", b"page"),
            ("absolute-folder/../page", b"page"),
        ):
            self.assertEqual(content, self.content(path), path)

    def test_links_that_lead_out(self) -> None:
        self.link("file", "../outside/page")
        self.link("folder", "../outside")
        self.link("absolute", self.outside / "page")
        self.link("above", "..")
        self.link("alike", str(self.root) + "-too/page")
        (self.root.parent / "root-too").mkdir()
        (self.root.parent / "root-too" / "page").write_bytes(b"secret")
        paths = (
            "file",
            "folder/page",
            "absolute",
            "above/outside/page",
            "alike",
            "..",
            "../root/page",
        )
        for path in paths:
            self.refused(path)

    def test_what_there_is_not(self) -> None:
        self.link("dangling", "nothing")
        self.link("loop", "loop")
        for path in ("nope", "a/nope", "nope/page", "dangling"):
            self.assertEqual(errno.ENOENT, self.refused(path), path)
        for path in ("page/", "page/.", "page/x"):
            self.assertEqual(errno.ENOTDIR, self.refused(path), path)
        self.assertEqual(errno.ELOOP, self.refused("loop"))

    def test_what_no_path_can_hold(self) -> None:
        with beneath.folder(str(self.root)) as root:
            for path in ("a\0b", "\ud800"):
                self.assertRaises(ValueError, beneath.open_beneath, root, path)

    def test_a_fifo_does_not_block(self) -> None:
        os.mkfifo(self.root / "pipe")
        self.assertEqual(b"", self.content("pipe"))

    def test_folders_that_are_swapped_for_links_leak_nothing(self) -> None:
        swapped, link = self.root / "a" / "b", self.root / "a" / "link"
        link.symlink_to(self.outside)
        ended = threading.Event()

        def swap() -> None:
            while not ended.is_set():
                exchange(swapped, link)

        swapper = threading.Thread(target=swap)
        swapper.start()
        seen: set[bytes] = set()
        try:
            for _ in range(3000):
                with contextlib.suppress(OSError):
                    seen.add(self.content("a/b/page"))
        finally:
            ended.set()
            swapper.join()
        self.assertEqual({b"deep page"}, seen)


class WalkTests(BeneathTests):
    """The same where there is no `openat2`."""

    def setUp(self) -> None:
        super().setUp()

        def missing(root: int, path: str) -> int:
            raise OSError(errno.ENOSYS, "Function not implemented")

        self.patch(beneath, "_openat2", missing)


class KernelTests(SynchronousTestCase):
    """`openat2` itself."""

    def test_it_is_used(self) -> None:
        with beneath.folder("/") as root:
            try:
                os.close(beneath._openat2(root, "proc/self/status"))
            except OSError as error:
                if error.errno in (errno.ENOSYS, errno.EPERM):
                    raise SkipTest("this kernel has no openat2") from None
                # A link in /proc is a magic one.
                self.assertIn(error.errno, (errno.ELOOP, errno.EXDEV))
