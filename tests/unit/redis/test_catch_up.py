"""Tests of `actionhero_tcp.redis.catch_up`."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp.redis.catch_up import MAX_UNREAD_BYTES, CatchUp
from actionhero_tcp.redis.protocol import RedisError


class CatchUpTests(SynchronousTestCase):
    """What is released at once, and what once the subscriber has read it."""

    def setUp(self) -> None:
        self.questions: list[Deferred[str]] = []
        self.forgotten: list[str] = []
        self.catch_up: CatchUp[str] = CatchUp(self.ask, self.forgotten.extend)

    def ask(self) -> Deferred[str]:
        self.questions.append(Deferred())
        return self.questions[-1]

    def test_a_little_is_released_by_the_reply_alone(self) -> None:
        self.catch_up.executed(["a"], MAX_UNREAD_BYTES)
        self.assertEqual(([], ["a"]), (self.questions, self.forgotten))

    def test_much_is_released_once_the_subscriber_has_answered(self) -> None:
        self.catch_up.executed(["a"], MAX_UNREAD_BYTES)
        self.catch_up.executed(["b"], 1)
        self.assertEqual((1, ["a"]), (len(self.questions), self.forgotten))
        self.questions[0].callback("PONG")
        self.assertEqual((1, ["a", "b"]), (len(self.questions), self.forgotten))
        self.catch_up.executed(["c"], 1)
        self.assertEqual((1, ["a", "b", "c"]), (len(self.questions), self.forgotten))

    def test_what_follows_a_question_waits_for_the_next_answer(self) -> None:
        self.catch_up.executed(["a"], MAX_UNREAD_BYTES + 1)
        self.catch_up.executed(["b"], 1)
        self.assertEqual((1, []), (len(self.questions), self.forgotten))
        self.questions[0].callback("PONG")
        self.assertEqual((2, ["a"]), (len(self.questions), self.forgotten))
        self.questions[1].callback("PONG")
        self.assertEqual((2, ["a", "b"]), (len(self.questions), self.forgotten))

    def test_a_lost_connection_releases_all(self) -> None:
        self.catch_up.executed(["a"], MAX_UNREAD_BYTES + 1)
        self.catch_up.executed(["b"], 1)
        for number in range(2):
            self.questions[number].errback(Failure(RedisError("lost")))
        self.assertEqual(["a", "b"], self.forgotten)
