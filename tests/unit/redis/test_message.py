"""Tests of `actionhero_tcp.redis.message`: what is told is heard, and nothing else."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp.redis import message
from actionhero_tcp.redis.message import (
    ANNOUNCED,
    ARRIVED,
    JOINED,
    LEFT,
    SAID,
    WITHDRAWN,
    incarnation,
    is_same_process,
)
from tests.support import PROPERTY

WORDS = st.text(st.characters(codec="utf-8"), max_size=20)
LINE = b'{"message":"hi"}\r\n'


class MessageTests(SynchronousTestCase):
    """What one process tells and another one takes in."""

    @PROPERTY
    @given(st.sampled_from([JOINED, LEFT, ARRIVED, ANNOUNCED, WITHDRAWN]), st.lists(WORDS))
    def test_who_comes_and_goes(self, event: str, clients: list[str]) -> None:
        told = message.head("a.1", event, clients)
        self.assertEqual(("a.1", event, clients), message.parse(told))

    @PROPERTY
    @given(st.lists(WORDS, min_size=2, max_size=2) | st.just([]), st.binary(max_size=50))
    def test_what_is_said(self, match: list[str], text: bytes) -> None:
        line = text + b"\r\n"
        told = message.head("a.1", SAID, match) + line
        self.assertEqual(("a.1", SAID, match), message.parse(told))
        self.assertEqual(line, message.line_of(told))

    def test_a_lone_surrogate(self) -> None:
        told = message.head("a.1", SAID, ["k", "\ud800"]) + LINE
        self.assertEqual(("a.1", SAID, ["k", "\ud800"]), message.parse(told))

    def test_a_process_knows_its_own_in_each_incarnation(self) -> None:
        for node in ("ab.1", "ab.22"):
            told = message.head(node, SAID, [])
            self.assertTrue(told.startswith(message.beginning("ab.3")))
            self.assertFalse(told.startswith(message.beginning("a.1")))

    @PROPERTY
    @given(st.binary(max_size=100))
    def test_anything_else_is_no_message(self, junk: bytes) -> None:
        self.assertIsNone(message.parse(junk))


class IdTests(SynchronousTestCase):
    """Ids of processes."""

    def test_the_incarnation(self) -> None:
        for node, number in (("a.1", 1), ("a.12", 12), ("a", 0), ("a.", 0), ("a.x", 0), ("", 0)):
            self.assertEqual(number, incarnation(node), node)
        self.assertEqual(0, incarnation("a." + "9" * 5000))
        self.assertEqual(0, incarnation("a.²"))

    def test_the_process(self) -> None:
        self.assertTrue(is_same_process("a.1", "a.2"))
        self.assertFalse(is_same_process("a.1", "b.1"))
