"""Answers in parts, without a network."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp.client.outcomes import CallTimeout, ConnectionLost, TooManyPending
from actionhero_tcp.client.parts import Parts
from tests.support.conversations import Party, answer, encode


def part(number: int, **fields: int) -> bytes:
    """A part's line."""
    return encode({"context": "stream", **fields, "messageCount": number})


class PartsTests(SynchronousTestCase):
    """What comes of a call whose answer has parts."""

    def setUp(self) -> None:
        self.party, self.woken = Party(), 0
        self.parts = Parts(2, self.wake)
        self.parts.timeout = 10.0
        self.party.protocol.ask(b"tail\n", self.parts)

    def wake(self) -> None:
        self.woken += 1

    def test_parts_come_in_order_and_the_response_ends_them(self) -> None:
        other = self.party.ask()
        self.party.feed(part(1, n=1) + answer(2) + part(1, n=2), 3.0)
        self.party.feed(answer(1, status="OK"), 5.0)
        taken = [self.parts.take(), self.parts.take()]
        self.assertEqual([1, 2], [each["n"] for each in taken if each])
        self.assertIsNone(self.parts.take())
        self.assertEqual((True, None, 3), (self.parts.done, self.parts.error, self.woken))
        self.assertTrue(other.done)

    def test_parts_of_other_calls_are_messages(self) -> None:
        self.party.ask()
        self.party.feed(part(2, n=1) + part(7, n=2))
        self.assertEqual([1, 2], [message["n"] for message in self.party.messages])

    def test_the_time_limit_starts_again_with_each_part(self) -> None:
        self.party.feed(part(1), 8.0)
        self.assertEqual(18.0, self.party.protocol.expire(11.0))
        self.party.protocol.expire(18.0)
        self.assertIsInstance(self.parts.error, CallTimeout)

    def test_only_so_many_may_wait(self) -> None:
        self.party.feed(part(1, n=1) + part(1, n=2) + part(1) * 2 + answer(1))
        self.assertIsInstance(self.parts.error, TooManyPending)
        self.assertIn("max_parts", str(self.parts.error))
        self.assertEqual([1, 2, None], [(self.parts.take() or {}).get("n") for _ in range(3)])

    def test_what_is_dropped_is_not_kept(self) -> None:
        self.party.feed(part(1))
        self.parts.drop()
        self.party.feed(part(1))
        self.assertIsNone(self.parts.take())
        self.party.protocol.lose(ConnectionLost("gone"))
        self.assertEqual(0, self.party.protocol.waiting)
