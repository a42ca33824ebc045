"""The file of a log."""

from __future__ import annotations

import errno
import os
import threading
from pathlib import Path
from select import PIPE_BUF

from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp.errors import StartError
from actionhero_tcp.logs import file as logfile
from actionhero_tcp.logs.file import LogFile


class LogFileTestCase(SynchronousTestCase):
    """Has a path in a folder of its own."""

    def setUp(self) -> None:
        self.folder = Path(self.mktemp()).resolve()
        self.folder.mkdir()
        self.path = self.folder / "x.log"

    def make(self, path: Path | str | None = None) -> LogFile:
        """A log's file; the test's own path by default."""
        made = LogFile(str(self.path if path is None else path), "the log")
        self.addCleanup(made.close)
        return made

    def descriptors(self) -> int:
        """How many files this process has open."""
        return len(os.listdir("/proc/self/fd"))


class WriteTests(LogFileTestCase):
    """Opening and writing."""

    def test_appends(self) -> None:
        self.path.write_text("before\n")
        self.make().write(b"after\n")
        self.assertEqual("before\nafter\n", self.path.read_text())

    def test_its_group_may_read_a_new_file_and_others_not(self) -> None:
        for umask in (0, 0o022, 0o077):
            self.path.unlink(missing_ok=True)
            before = os.umask(umask)
            self.addCleanup(os.umask, before)
            self.make()
            os.umask(before)
            self.assertEqual(0o640, self.path.stat().st_mode & 0o777)

    def test_the_rights_of_a_file_that_is_there_stay(self) -> None:
        self.path.touch()
        self.path.chmod(0o604)
        self.make().reopen()
        self.assertEqual(0o604, self.path.stat().st_mode & 0o777)

    def test_goes_on_where_the_system_took_a_part(self) -> None:
        really_write = os.write
        for size in (1, 3, 4, 9, 10):
            self.patch(
                os, "writev", lambda file, lots, s=size: really_write(file, b"".join(lots)[:s])
            )
            self.make().write(b"0123", b"", b"456789")
            self.assertEqual(b"0123456789", self.path.read_bytes())
            self.path.unlink()

    def test_a_file_gets_all_lots_in_one_call(self) -> None:
        descriptor = os.open(self.path, os.O_CREAT | os.O_WRONLY)
        self.addCleanup(os.close, descriptor)
        self.patch(logfile, "STANDARD_OUTPUT", descriptor)
        lots = [b"x" * PIPE_BUF + b"\n"] * 4
        calls: list[int] = []
        really_write = os.writev
        self.patch(os, "writev", lambda file, lots: calls.append(1) or really_write(file, lots))
        self.make("").write(*lots)
        self.make().write(*lots)
        self.assertEqual(2, len(calls))
        self.assertEqual(b"".join(lots * 2), self.path.read_bytes())

    def test_a_pipe_gets_whole_lines_that_no_other_process_can_break(self) -> None:
        reader, writer = os.pipe()
        self.addCleanup(os.close, reader)
        self.addCleanup(os.close, writer)
        self.patch(logfile, "STANDARD_OUTPUT", writer)
        pieces: list[bytes] = []
        self.patch(os, "writev", lambda _, lots: pieces.extend(lots) or sum(map(len, lots)))
        lines = [b"%d " % n + b"x" * (n % 200) + b"\n" for n in range(1000)]
        lines += [b"y" * 10_000 + b"\n", b"z\n", b"no end" * 1000]
        self.make("").write(b"".join(lines))
        self.assertEqual(b"".join(lines), b"".join(pieces))
        self.assertLess(len(pieces), 100)
        for piece in pieces[:-1]:
            self.assertTrue(piece.endswith(b"\n"))
            self.assertTrue(len(piece) <= PIPE_BUF or piece == lines[-3], len(piece))

    def test_says_what_cannot_be_written(self) -> None:
        error = self.assertRaises(OSError, self.make("/dev/full").write, b"x")
        self.assertEqual(errno.ENOSPC, error.errno)

    def test_says_what_cannot_be_opened(self) -> None:
        self.path.touch()
        for path, reason in (
            (self.folder / "nope" / "x.log", "No such file or directory"),
            (self.path / "x.log", "Not a directory"),
            (self.folder, "Is a directory"),
            ("/", "Is a directory"),
        ):
            error = self.assertRaises(StartError, LogFile, str(path), "the log")
            self.assertEqual(f"{path}: cannot open the log: {reason}", str(error))

    def test_a_name_that_no_file_can_have(self) -> None:
        for name in ("a\0b", "a\ud800b"):
            error = self.assertRaises(StartError, LogFile, str(self.folder / name), "the log")
            self.assertTrue(str(error).isprintable(), str(error))

    def test_is_not_handed_on_to_programs_that_are_started(self) -> None:
        made = self.make()
        self.assertFalse(os.get_inheritable(made._descriptor))
        made.reopen()
        self.assertFalse(os.get_inheritable(made._descriptor))

    def test_knows_whether_it_goes_nowhere(self) -> None:
        for path, nowhere in ((self.path, False), ("/dev/null", True), ("/dev/full", False)):
            self.assertIs(nowhere, self.make(path).goes_nowhere)

    def test_closing_closes_it(self) -> None:
        before = self.descriptors()
        made = LogFile(str(self.path), "the log")
        self.assertEqual(before + 1, self.descriptors())
        made.close()
        self.assertEqual(before, self.descriptors())


class ReopenTests(LogFileTestCase):
    """Opening anew what was moved away."""

    def test_goes_on_in_a_new_file(self) -> None:
        made = self.make()
        made.write(b"1\n")
        moved = self.path.rename(self.folder / "x.log.1")
        made.write(b"2\n")
        made.reopen()
        made.write(b"3\n")
        self.assertEqual("1\n2\n", moved.read_text())
        self.assertEqual("3\n", self.path.read_text())

    def test_goes_on_in_the_same_file_where_it_was_not_moved(self) -> None:
        made = self.make()
        made.write(b"1\n")
        made.reopen()
        made.write(b"2\n")
        self.assertEqual("1\n2\n", self.path.read_text())

    def test_leaves_no_descriptor_behind(self) -> None:
        made = self.make()
        before = self.descriptors()
        for _ in range(10):
            made.reopen()
        self.assertEqual(before, self.descriptors())

    def test_keeps_the_old_file_where_there_can_be_no_new_one(self) -> None:
        made = self.make()
        moved = self.folder.rename(self.folder.with_suffix(".moved"))
        error = self.assertRaises(StartError, made.reopen)
        self.assertEqual(f"{self.path}: cannot open the log: No such file or directory", str(error))
        made.write(b"still\n")
        self.assertEqual("still\n", (moved / "x.log").read_text())
        self.folder.mkdir()
        made.reopen()
        made.write(b"new\n")
        self.assertEqual("new\n", self.path.read_text())

    def test_a_relative_path_stays_what_it_was_when_the_working_folder_changes(self) -> None:
        self.addCleanup(os.chdir, os.getcwd())
        os.chdir(self.folder)
        made = self.make("x.log")
        os.chdir("/")
        self.path.unlink()
        made.reopen()
        made.write(b"here\n")
        self.assertEqual("here\n", self.path.read_text())

    def test_loses_nothing_that_another_thread_writes_meanwhile(self) -> None:
        made = self.make()
        lines = [b"%d\n" % number for number in range(3000)]
        writer = threading.Thread(target=lambda: [made.write(line) for line in lines])
        writer.start()
        moved = 0
        while writer.is_alive():
            moved += 1
            self.path.rename(self.folder / f"{moved:06d}")
            made.reopen()
        writer.join()
        files = [*sorted(self.folder.glob("0*")), self.path]
        self.assertEqual(b"".join(lines), b"".join(file.read_bytes() for file in files))


class StandardOutputTests(LogFileTestCase):
    """An empty path."""

    def setUp(self) -> None:
        super().setUp()
        self.reader, self.writer = os.pipe()
        self.addCleanup(os.close, self.reader)
        self.addCleanup(os.close, self.writer)

    def test_means_standard_output(self) -> None:
        self.assertEqual(1, logfile.STANDARD_OUTPUT)
        self.patch(logfile, "STANDARD_OUTPUT", self.writer)
        self.make("").write(b"out")
        self.assertEqual(b"out", os.read(self.reader, 10))

    def test_stays_open_and_is_never_opened_anew(self) -> None:
        self.patch(logfile, "STANDARD_OUTPUT", self.writer)
        made = self.make("")
        made.reopen()
        made.close()
        os.write(self.writer, b"open")
        self.assertEqual(b"open", os.read(self.reader, 10))
