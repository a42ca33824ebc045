"""The digests of files."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp.connection import digests
from actionhero_tcp.connection.digests import DigestJob, Digests
from actionhero_tcp.connection.files import FileReader, Files
from actionhero_tcp.errors import FileCutError


class DigestTests(SynchronousTestCase):
    """What is computed, and what is remembered."""

    def setUp(self) -> None:
        self.folder = Path(self.mktemp())
        self.folder.mkdir()
        self.digests = Digests()
        self.files = Files(str(self.folder), "index.html", self.digests)

    def open(self, name: str, content: bytes | None = None) -> FileReader:
        """A file, with this content."""
        if content is not None:
            (self.folder / name).write_bytes(content)
        return self.files.open(name)

    def test_it_is_of_the_whole_file_and_moves_no_reader(self) -> None:
        reader = self.open("a", b"x" * 1_000_000)
        reader.select(999_990, 3)
        self.assertEqual(hashlib.sha256(b"x" * 1_000_000).hexdigest(), DigestJob(reader).run())
        self.assertEqual(b"xxx", reader.read())

    def test_it_is_remembered_until_the_file_changes(self) -> None:
        reader = self.open("a", b"one")
        self.assertIsNone(self.digests.known(reader))
        job = DigestJob(reader)
        self.digests.remember(job, job.run())
        self.assertEqual(hashlib.sha256(b"one").hexdigest(), self.digests.known(self.open("a")))
        self.assertIsNone(self.digests.known(self.open("a", b"two2")))

    def test_one_of_a_file_that_changes_meanwhile_is_not_remembered(self) -> None:
        reader = self.open("a", b"one")
        job = DigestJob(reader)
        digest = (self.folder / "a").write_bytes(b"two2") and job.run()
        self.digests.remember(job, digest)
        self.assertEqual(0, len(self.digests))

    def test_the_table_is_bounded(self) -> None:
        self.patch(digests, "MAX_DIGESTS", 2)
        for name in "abc":
            job = DigestJob(self.open(name, name.encode()))
            self.digests.remember(job, job.run())
        self.assertEqual(2, len(self.digests))
        self.assertIsNone(self.digests.known(self.open("a")))

    def test_one_that_nobody_waits_for_ends_and_leaves_nothing_open(self) -> None:
        before = len(os.listdir("/proc/self/fd"))
        reader = self.open("a", b"one")
        job = DigestJob(reader)
        job.is_cancelled = True
        reader.close()
        self.assertRaises(FileCutError, job.run)
        self.assertEqual(before, len(os.listdir("/proc/self/fd")))

    def test_a_reader_that_was_never_sent_is_closed(self) -> None:
        before = len(os.listdir("/proc/self/fd"))
        self.open("a", b"one")
        self.assertEqual(before, len(os.listdir("/proc/self/fd")))
