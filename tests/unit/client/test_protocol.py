"""The client's side of the protocol, without a network."""

from __future__ import annotations

import random
from itertools import pairwise
from math import inf
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp.client.outcomes import (
    AnswerError,
    CallTimeout,
    ConnectionLost,
    TooManyPending,
)
from actionhero_tcp.client.settings import Limits
from tests.support import PROPERTY
from tests.support.conversations import Party, answer, encode

SAID = {"message": "hi", "room": "r", "from": "x", "context": "user", "sentAt": 1}


class AnswerTests(SynchronousTestCase):
    """Requests and their answers."""

    def setUp(self) -> None:
        self.party = Party()

    def test_requests_go_out_as_they_are_in_one_piece(self) -> None:
        self.party.ask(b"paramsView\n")
        self.party.ask(b"roomView\n")
        self.assertEqual(b"paramsView\nroomView\n", self.party.protocol.take())
        self.assertEqual(b"", self.party.protocol.take())
        self.assertEqual(2, self.party.protocol.sent)

    def test_answers_find_their_calls_in_any_order(self) -> None:
        calls = [self.party.ask() for _ in range(3)]
        self.party.feed(answer(3, a=3) + answer(1, a=1) + answer(2, a=2))
        self.assertEqual([[1], [2], [3]], [[r["a"] for r in call.results] for call in calls])
        self.assertEqual(0, self.party.protocol.waiting)

    def test_an_answer_is_the_whole_response_with_its_number_and_its_time(self) -> None:
        self.party.ask()
        call = self.party.ask(started=2.0)
        self.party.feed(answer(2, status="OK"), now=2.5)
        (got,) = call.results
        self.assertEqual({"context": "response", "status": "OK", "messageCount": 2}, got)
        self.assertEqual((2, 0.5), (got.number, got.seconds))

    def test_an_error_has_the_servers_text_and_the_whole_response(self) -> None:
        call = self.party.ask(started=1.0)
        self.party.feed(answer(1, error="no such user", code=404), now=4.0)
        (error,) = call.errors
        assert isinstance(error, AnswerError)
        self.assertEqual("no such user", str(error))
        self.assertEqual((404, 1, 3.0), (error.answer["code"], error.answer.number, 3.0))

    def test_what_answers_nothing_is_heard(self) -> None:
        messages: list[dict[str, Any]] = [
            SAID,
            {"welcome": "hello", "context": "api", "messageCount": 0},
            {"status": "keep-alive", "context": "api"},
            {"ticket": True, "context": "response"},
            {"context": "response", "error": "full", "messageCount": 0},
            {"messageCount": 1, "context": "api"},
            {"messageCount": 1},
            {"messageCount": "1", "context": "response"},
            {"messageCount": [1], "context": "response"},
            {"messageCount": True, "context": "response"},
            {"messageCount": 1.0, "context": "response"},
            {},
        ]
        call = self.party.ask()
        self.party.feed(b"".join(map(encode, messages)))
        self.assertEqual(messages, self.party.messages)
        self.assertFalse(call.done)
        self.party.feed(answer(1))
        self.assertTrue(call.done)

    def test_numbers_that_are_none_are_no_answer(self) -> None:
        for number in (b"NaN", b"Infinity", b"-Infinity", b"1e400", b"01", b"-"):
            self.setUp()
            call = self.party.ask()
            line = b'{"context":"response","a":%b,"messageCount":1}\r\n' % number
            self.party.feed(line)
            self.assertFalse(call.done)
            (error,) = self.party.faults
            self.assertIn("what is no message", str(error))

    def test_half_a_character_is_one_that_json_can_write(self) -> None:
        call = self.party.ask()
        self.party.feed(b'{"context":"response","a":"\\ud800","messageCount":1}\r\n')
        self.assertEqual("\ud800", call.results[0]["a"])

    def test_an_answer_that_nobody_waits_for_is_counted(self) -> None:
        call = self.party.ask()
        self.party.feed(answer(1) + answer(1) + answer(7))
        self.assertEqual(1, len(call.results))
        self.assertEqual(2, self.party.protocol.late)
        self.assertEqual([], self.party.messages)

    def test_what_is_no_message_is_a_fault(self) -> None:
        for line in (b"nonsense", b"", b"[1]", b'{"a":', b"7", b'{"a":"\xff"}'):
            party = Party()
            party.feed(line + b"\r\n")
            (error,) = party.faults
            self.assertIsInstance(error, ConnectionLost)
            self.assertIn("no message", str(error), line)
            self.assertTrue(str(error).isprintable())

    def test_an_endless_line_is_a_fault(self) -> None:
        party = Party(Limits(max_line_bytes=100))
        party.feed(b'{"a":"' + b"x" * 94)
        self.assertEqual([], party.faults)
        party.feed(b"x")
        self.assertIn("longer than 100 bytes", str(party.faults[0]))

    def test_a_line_may_drip_in(self) -> None:
        call = self.party.ask()
        line = answer(1, text="☃" * 2000)
        for index in range(len(line)):
            self.assertFalse(call.done)
            self.party.feed(line[index : index + 1])
        self.assertEqual("☃" * 2000, call.results[0]["text"])

    @PROPERTY
    @given(st.data())
    def test_lines_may_be_cut_anywhere(self, data: st.DataObject) -> None:
        party = Party()
        calls = [party.ask() for _ in range(8)]
        numbers = data.draw(st.permutations(range(1, 9)))
        lines = [answer(number, n=number, t="é\n") for number in numbers]
        said = data.draw(st.lists(st.integers(0, 8), max_size=4))
        for place in said:
            lines.insert(place, encode(SAID))
        for chunk in cut(b"".join(lines), data):
            party.feed(chunk)
        self.assertEqual(list(range(1, 9)), [call.results[0]["n"] for call in calls])
        self.assertEqual(len(said), len(party.messages))


class LimitTests(SynchronousTestCase):
    """How many wait, and for how long."""

    def test_only_so_many_can_wait(self) -> None:
        party = Party(Limits(max_pending=2))
        party.ask()
        party.ask_file("a")
        error = self.assertRaises(TooManyPending, party.ask)
        self.assertIn("max_pending", str(error))
        self.assertRaises(TooManyPending, party.ask_file, "b")
        party = Party(Limits(max_pending=2))
        party.ask()
        party.ask()
        self.assertRaises(TooManyPending, party.ask)
        party.feed(answer(2))
        party.ask()
        self.assertRaises(TooManyPending, party.ask)

    def test_a_call_waits_for_as_long_as_it_may(self) -> None:
        party = Party()
        patient, hasty = party.ask(timeout=10), party.ask(started=1, timeout=2)
        self.assertEqual(3, party.protocol.expire(2.9))
        self.assertEqual(10, party.protocol.expire(3))
        self.assertIsInstance(hasty.errors[0], CallTimeout)
        self.assertIsInstance(hasty.errors[0], TimeoutError)
        self.assertEqual("no answer has come within 2 seconds", str(hasty.errors[0]))
        party.feed(answer(2) + answer(1))
        self.assertEqual((1, 1), (len(patient.results), party.protocol.late))
        self.assertEqual(([], 1), (hasty.results, len(hasty.errors)))
        self.assertEqual(inf, party.protocol.expire(99))

    def test_all_fail_when_the_connection_is_lost(self) -> None:
        party = Party()
        calls = [party.ask(), party.ask_file("a"), party.ask(), party.ask_file("b")]
        party.protocol.lose(ConnectionLost("gone"))
        self.assertEqual([["gone"]] * 4, [list(map(str, call.errors)) for call in calls])
        self.assertEqual(0, party.protocol.waiting)


def cut(data: bytes, draw: st.DataObject) -> list[bytes]:
    """The data in pieces, cut at drawn places."""
    places = sorted(draw.draw(st.lists(st.integers(0, len(data)), max_size=12)))
    edges = [0, *places, len(data)]
    return [data[a:b] for a, b in pairwise(edges)]


def lookalikes(number: int) -> bytes:
    """Lines that look like answers, to all numbers around this one."""
    found = b"".join(answer(number + n, status="OK") for n in range(-3, 6))
    return found + answer(number, error="x is not a known action.") + encode(SAID)


CONTENTS: dict[str, bytes] = {
    "empty": b"",
    "text": b"hello\r\nworld\n",
    "no end": b"no line end",
    "binary": random.Random(6).randbytes(300_000),
    "looks like answers": lookalikes(3),
    "one answer": answer(2, status="OK"),
    "line ends": b"\r\n" * 5000,
    "braces": b'{"context":"response","error":"',
    "nearly": b'{"context":"response","error":"0123456789abcdef0123456789abcdef is not a known ',
    **{f"an error {n}": answer(n, error="The file, x, is not found.") for n in range(1, 12)},
}
