"""Tests of `actionhero_tcp.server.file_reading`: files that are read in a thread, or not at all."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp.errors import StartError
from actionhero_tcp.server import file_reading
from actionhero_tcp.server.file_reading import MOST_HUNG, READ_SECONDS, FileReading
from tests.support import Reactor


class FileReadingTests(SynchronousTestCase):
    """The threads are called by hand."""

    def setUp(self) -> None:
        self.reactor = Reactor()
        self.threads: list[Callable[[], None]] = []
        self.patch(file_reading, "start_thread", self.threads.append)
        self.outcomes: list[Any] = []
        self.content: Callable[[], str] = lambda: "content"
        self.reading = FileReading(
            self.reactor,
            lambda: self.content(),
            self.outcomes.append,
            lambda error: self.outcomes.append(("failed", error)),
            lambda: self.outcomes.append("done"),
        )

    def run_thread(self) -> None:
        self.threads.pop(0)()

    def test_what_was_read_is_used(self) -> None:
        self.reading.start()
        self.assertEqual([], self.outcomes)
        self.run_thread()
        self.assertEqual(["content", "done"], self.outcomes)
        self.assertEqual([], self.reactor.getDelayedCalls())

    def test_a_file_that_cannot_be_used(self) -> None:
        def refuse() -> str:
            raise StartError("config.json: no")

        self.content = refuse
        self.reading.start()
        self.run_thread()
        self.assertEqual([("failed", "config.json: no"), "done"], self.outcomes)

    def test_an_error_of_our_own_is_logged(self) -> None:
        self.content = lambda: str(1 / 0)
        self.reading.start()
        self.run_thread()
        self.assertEqual([("failed", "an internal error"), "done"], self.outcomes)
        self.assertEqual(1, len(self.flushLoggedErrors(ZeroDivisionError)))

    def test_one_that_is_asked_for_meanwhile_is_done_afterwards_and_once(self) -> None:
        for _ in range(3):
            self.reading.start()
        self.assertEqual(1, len(self.threads))
        self.run_thread()
        self.assertEqual(["content"], self.outcomes)
        self.content = lambda: "newer"
        self.run_thread()
        self.assertEqual(["content", "newer", "done"], self.outcomes)
        self.assertEqual([], self.threads)

    def test_a_disk_that_hangs_and_comes_back(self) -> None:
        self.reading.start()
        self.reactor.advance(READ_SECONDS)
        (kind, text), done = self.outcomes
        self.assertEqual(("failed", "done"), (kind, done))
        self.assertIn("could not be read within 10 s; reload again", text)
        self.outcomes.clear()
        self.reading.start()
        self.threads.pop()()
        self.assertEqual(["content", "done"], self.outcomes)
        # What was read too late may be older than what is used.
        self.run_thread()
        self.assertEqual(["content", "done"], self.outcomes)

    def test_no_more_than_a_few_threads_hang(self) -> None:
        for _ in range(MOST_HUNG):
            self.reading.start()
            self.reactor.advance(READ_SECONDS)
        self.assertEqual(MOST_HUNG, len(self.threads))
        self.outcomes.clear()
        self.reading.start()
        self.assertEqual(MOST_HUNG, len(self.threads))
        (_, text), done = self.outcomes
        self.assertIn("4 earlier ones still wait", text)
        self.assertEqual("done", done)
        self.run_thread()
        self.outcomes.clear()
        self.reading.start()
        self.threads.pop()()
        self.assertEqual(["content", "done"], self.outcomes)

    def test_one_that_is_asked_for_while_another_hangs_is_tried(self) -> None:
        self.reading.start()
        self.reading.start()
        self.reactor.advance(READ_SECONDS)
        self.assertEqual(2, len(self.threads))
        self.threads.pop()()
        self.assertEqual(["content", "done"], self.outcomes[1:])
