"""Answers and errors."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp import client
from actionhero_tcp.client.outcomes import (
    Answer,
    AnswerError,
    CallTimeout,
    ConnectionLost,
    FileTooLarge,
    LimitReached,
    TooManyPending,
)


class OutcomeTests(SynchronousTestCase):
    """What a call gives."""

    def test_errors_are_those_of_python_too(self) -> None:
        self.assertIsInstance(ConnectionLost(), ConnectionError)
        self.assertIsInstance(CallTimeout(), TimeoutError)
        answer = Answer({"error": 7, "more": 8})
        error = AnswerError(answer)
        self.assertEqual(("7", 8), (str(error), error.answer["more"]))

    def test_limits_have_a_base(self) -> None:
        for kind in TooManyPending, FileTooLarge:
            self.assertTrue(issubclass(kind, LimitReached))

    def test_names_of_an_earlier_release(self) -> None:
        for name, kind in (
            ("NoAnswerError", CallTimeout),
            ("LostError", ConnectionLost),
            ("TooMuchError", LimitReached),
        ):
            self.assertIs(kind, getattr(client, name))
            (warning,) = self.flushWarnings()
            self.assertIs(DeprecationWarning, warning["category"])
            self.assertIn(f"{name} is {kind.__name__} now", str(warning["message"]))
        with self.assertRaises(AttributeError):
            client.Nothing  # noqa: B018
