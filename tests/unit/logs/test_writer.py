"""`LogWriter`: a log that takes nothing holds up nobody."""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from twisted.logger import Logger, formatEvent
from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp.logs import file as logfile
from actionhero_tcp.logs import writer
from actionhero_tcp.logs.file import LogFile
from actionhero_tcp.logs.writer import LogWriter
from tests.support import PATIENCE

LINE = b"x" * 99 + b"\n"


class WriterTestCase(SynchronousTestCase):
    """Makes writers, and hears what they log.

    Attributes:
        events: What was logged, as text.
        dropped: The counts that writers were called with.
    """

    def setUp(self) -> None:
        self.path = Path(self.mktemp()).absolute()
        self.events: list[str] = []
        self.dropped: list[int] = []
        logger = Logger("test", observer=lambda event: self.events.append(formatEvent(event)))
        self.patch(writer, "_log", logger)

    def make(self, path: str | None = None, most: int = 1000, start: bool = True) -> LogWriter:
        """A writer, closed at the end of the test."""
        file = LogFile(str(self.path) if path is None else path, "the log")
        made = LogWriter(file, most, self.dropped.append)
        if start:
            made.start()
        return made

    def wait(self, made: LogWriter) -> None:
        """Waits until all that a writer was given is written."""
        written = threading.Event()
        made.call(written.set)
        self.assertTrue(written.wait(PATIENCE))

    def close(self, made: LogWriter) -> None:
        """Closes a writer, and waits for its end."""
        made.close(lambda: None)
        if made._thread is not None:
            made._thread.join(PATIENCE)
            self.assertFalse(made._thread.is_alive())


class ThreadTests(WriterTestCase):
    """A writer that was started."""

    def test_writes_in_order_between_its_calls(self) -> None:
        made, seen = self.make(), []
        made.put(b"1\n")
        made.call(lambda: seen.append(self.path.read_bytes()))
        made.put(b"2\n")
        self.close(made)
        self.assertEqual(([b"1\n"], b"1\n2\n"), (seen, self.path.read_bytes()))

    def test_a_call_that_fails_does_not_end_it(self) -> None:
        made = self.make()
        made.call(lambda: 1 // 0)
        made.put(b"1\n")
        self.close(made)
        self.assertEqual(b"1\n", self.path.read_bytes())
        self.assertIn("a call between its lines failed", self.events[0])

    def test_is_started_once(self) -> None:
        made = self.make()
        thread = made._thread
        made.start()
        self.assertIs(thread, made._thread)
        self.close(made)

    def test_takes_nothing_once_it_is_closed(self) -> None:
        made = self.make()
        self.close(made)
        made.put(b"1\n")
        self.assertEqual(b"", self.path.read_bytes())


class StuckTests(WriterTestCase):
    """A pipe whose reader has stopped."""

    def setUp(self) -> None:
        super().setUp()
        self.reader, self.writer = os.pipe()
        self.addCleanup(os.close, self.reader)
        self.addCleanup(os.close, self.writer)
        self.patch(logfile, "STANDARD_OUTPUT", self.writer)

    def fill(self) -> None:
        """Writes until the pipe is full."""
        os.set_blocking(self.writer, False)
        for size in (4096, 1):
            try:
                while True:
                    os.write(self.writer, b" " * size)
            except BlockingIOError:
                pass
        os.set_blocking(self.writer, True)

    def drain(self, made: LogWriter) -> bytes:
        """Reads on until the writer has ended; gives what came."""
        parts: list[bytes] = []
        os.set_blocking(self.reader, False)
        ended = threading.Event()
        made.close(ended.set)
        while not ended.wait(0.001):
            parts.append(self.read())
        parts.append(self.read())
        return b"".join(parts).lstrip(b" ")

    def read(self) -> bytes:
        """What the pipe holds."""
        try:
            return os.read(self.reader, 1 << 20)
        except BlockingIOError:
            return b""

    def test_what_does_not_fit_is_dropped_counted_and_told_once_it_flows(self) -> None:
        made = self.make("")
        self.fill()
        for _ in range(25):
            made.put(LINE)
        self.assertEqual([1] * 15, self.dropped)
        self.assertEqual([], self.events)
        self.assertEqual(LINE * 10, self.drain(made))
        self.assertEqual(["the log is written again; 15 lines were lost"], self.events)

    def test_a_piece_that_is_larger_than_the_queue_waits_by_itself(self) -> None:
        made = self.make("", most=10)
        self.fill()
        made.put(LINE * 3)
        made.put(LINE * 2)
        self.assertEqual([2], self.dropped)
        self.assertEqual(LINE * 3, self.drain(made))

    def test_nobody_waits_for_it_at_the_end_for_longer_than_told(self) -> None:
        made = self.make("")
        self.fill()
        made.put(LINE)
        made.settle(0.01)
        made.put(LINE)
        self.assertEqual(LINE * 2, self.drain(made))

    def test_before_the_start_it_waits_for_no_reader(self) -> None:
        made = self.make("", start=False)
        made.put(LINE)
        self.assertEqual(LINE, self.read_now())
        self.fill()
        made.put(LINE)
        made.start()
        self.assertEqual(LINE, self.drain(made))

    def read_now(self) -> bytes:
        """What the pipe holds, which is something."""
        return os.read(self.reader, 1000)

    def test_at_the_end_each_piece_is_written_before_the_next_step(self) -> None:
        made = self.make("")
        made.settle(PATIENCE)
        for _ in range(3):
            made.put(LINE)
            self.assertEqual(LINE, self.read_now())
        self.close(made)

    def test_what_the_writer_itself_says_at_the_end_waits_for_nobody(self) -> None:
        made = self.make("")
        made.settle(PATIENCE)
        made.call(lambda: made.put(LINE))
        self.wait(made)
        self.wait(made)
        self.assertEqual(LINE, self.read_now())
        self.close(made)


class FifoTests(WriterTestCase):
    """A FIFO in place of a file."""

    def test_is_opened_whether_or_not_somebody_reads_it(self) -> None:
        os.mkfifo(self.path)
        made = self.make()
        made.put(LINE)
        self.wait(made)
        reader = os.open(self.path, os.O_RDONLY | os.O_NONBLOCK)
        self.addCleanup(os.close, reader)
        self.assertEqual(LINE, os.read(reader, 1000))
        made.call(made.file.reopen)
        made.put(LINE)
        self.wait(made)
        self.assertEqual(LINE, os.read(reader, 1000))
        self.close(made)


class FailureTests(WriterTestCase):
    """A disk that takes nothing."""

    def fail(self, *arguments: Any) -> Any:
        """Stands in for a disk that is full."""
        raise OSError(errno.ENOSPC, "No space left on device")

    def test_is_told_once_and_what_was_lost_when_it_works_again(self) -> None:
        made = self.make(start=False)
        patch = self.patch(os, "writev", self.fail)
        for _ in range(3):
            made.put(LINE * 2)
        patch.restore()
        made.put(LINE)
        self.assertEqual(LINE, self.path.read_bytes())
        self.assertEqual(
            [
                "the log cannot be written, its lines are lost: No space left on device",
                "the log is written again; 6 lines were lost",
            ],
            self.events,
        )
        self.assertEqual([], self.dropped)

    def test_a_log_that_hears_of_its_own_failure_fails_no_deeper(self) -> None:
        made = self.make(start=False)
        heard: list[Callable[[], object]] = []

        def observe(event: Any) -> None:
            heard.append(event)
            made.put(LINE)

        self.patch(writer, "_log", Logger("test", observer=observe))
        patch = self.patch(os, "writev", self.fail)
        made.put(LINE)
        self.assertEqual(1, len(heard))
        patch.restore()
        made.put(LINE)
        # What it says of the lines lost is a line of it.
        self.assertEqual(2, len(heard))
        self.assertEqual(LINE * 2, self.path.read_bytes())
