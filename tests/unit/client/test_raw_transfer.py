"""One file between two marks."""

from __future__ import annotations

import json

from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp.client.content import Content
from actionhero_tcp.client.outcomes import AnswerError
from actionhero_tcp.client.raw_transfer import RawTransfer
from tests.support.conversations import Waiter, answer


class RawTransferTests(SynchronousTestCase):
    """Bytes up to the answer to the second mark."""

    def setUp(self) -> None:
        self.call = Waiter(timeout=5.0)
        self.parts: list[bytes] = []
        self.transfer = RawTransfer(b"file\n", self.call, Content(self.parts.append))
        self.transfer.requested(2)
        self.transfer.begin()

    def end(self) -> bytes:
        """The answer to the second mark."""
        mark = json.loads(self.transfer.end_line)["action"]
        return answer(3, error=f"{mark} is not a known action.")

    def test_ends_at_the_mark(self) -> None:
        self.assertEqual(5.0, self.transfer.deadline)
        self.assertIsNone(self.transfer.feed(b"content", 1.0))
        self.assertEqual(6.0, self.transfer.deadline)
        self.assertEqual(b"rest", self.transfer.feed(self.end() + b"rest", 2.0))
        self.assertFalse(self.transfer.is_doubtful)
        self.transfer.finish(2.0)
        self.assertEqual(([7], b"content"), (self.call.results, b"".join(self.parts)))

    def test_the_marks_are_new_each_time(self) -> None:
        marks = {self.transfer.quiet_mark, self.transfer.begin_mark, self.transfer.end_line}
        self.transfer.repeat()
        marks |= {self.transfer.quiet_mark, self.transfer.begin_mark, self.transfer.end_line}
        self.assertEqual(6, len(marks))

    def test_what_looks_like_an_error_is_asked_for_again(self) -> None:
        self.transfer.feed(answer(2, error="no such file") + self.end(), 1.0)
        self.assertTrue(self.transfer.is_doubtful)
        self.transfer.repeat()
        self.transfer.requested(5)
        self.transfer.begin()
        self.transfer.feed(answer(5, error="no such file") + self.end(), 2.0)
        self.assertFalse(self.transfer.is_doubtful)
        self.transfer.finish(2.0)
        (error,) = self.call.errors
        assert isinstance(error, AnswerError)
        self.assertEqual(("no such file", 5, 2.0), (str(error), error.answer.number, 2.0))
        self.assertEqual([], self.parts)

    def test_given_up(self) -> None:
        self.transfer.feed(b"content", 1.0)
        self.assertIs(self.call, self.transfer.give_up())
        self.transfer.feed(b"more" + self.end(), 2.0)
        self.transfer.finish(2.0)
        self.assertFalse(self.call.done)
