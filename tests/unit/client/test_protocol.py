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
    FileTooLarge,
    TooManyPending,
)
from actionhero_tcp.client.settings import Limits
from tests.support import PROPERTY
from tests.support.conversations import ModelServer, Party, answer, encode

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


class FileTests(SynchronousTestCase):
    """Files, which come raw and with no length."""

    def setUp(self) -> None:
        self.party = Party()
        self.server = ModelServer(CONTENTS)

    def write_batch(self) -> None:
        """Has the server answer what was sent, until nothing more is."""
        while data := self.party.protocol.take():
            self.party.feed(self.server.serve(data))

    def test_every_content_arrives_as_it_is(self) -> None:
        for name, content in CONTENTS.items():
            call = self.party.ask_file(name)
            self.write_batch()
            self.assertEqual([content], call.results, (name, call.errors))
            after = self.party.ask(b"roomView\n")
            self.write_batch()
            self.assertEqual("roomView", after.results[0]["said"])
        self.assertEqual((0, []), (self.party.protocol.late, self.party.faults))

    def test_errors_may_tell_more(self) -> None:
        self.server = ModelServer(CONTENTS, fault="actions/a.py:1: invalid syntax")
        for name, content in CONTENTS.items():
            call = self.party.ask_file(name)
            self.write_batch()
            self.assertEqual([content], call.results, (name, call.errors))
        missing = self.party.ask_file("nope")
        self.write_batch()
        self.assertEqual("The file, nope, is not found.", str(missing.errors[0]))

    def test_all_at_once_among_other_calls(self) -> None:
        calls: list[tuple[Any, Any]] = []
        for name, content in CONTENTS.items():
            calls.append((self.party.ask_file(name), content))
            calls.append((self.party.ask(name.encode() + b"\n"), name))
        self.write_batch()
        for call, expected in calls:
            (result,) = call.results
            self.assertEqual(expected, result if isinstance(result, bytes) else result["said"])
        self.assertEqual([], self.party.messages)

    @PROPERTY
    @given(
        st.sampled_from(sorted(set(CONTENTS) - {"binary", "line ends"})),
        st.booleans(),
        st.data(),
    )
    def test_a_file_may_be_cut_anywhere(self, name: str, busy: bool, data: st.DataObject) -> None:
        more = {"fault": "x\ny"} if busy else {}
        party, server = Party(), ModelServer(CONTENTS, **more)
        before = party.ask(b"before\n") if busy else None
        parts: list[bytes] = []
        call, streamed = party.ask_file(name), party.ask_file(name, parts.append)
        after = party.ask(b"after\n")
        while sent := party.protocol.take():
            for chunk in cut(server.serve(sent), data):
                party.feed(chunk)
        self.assertEqual([CONTENTS[name]], call.results)
        self.assertEqual(CONTENTS[name], b"".join(parts))
        self.assertEqual([len(CONTENTS[name])], streamed.results)
        self.assertEqual("after", after.results[0]["said"])
        self.assertTrue(before is None or before.done)

    def test_whoever_is_told_may_ask_again(self) -> None:
        told: list[Any] = []

        def again(result: Any) -> None:
            told.append(result)
            if len(told) < 4:
                call = self.party.ask_file("text")
                call.succeed = call.fail = again  # type: ignore[method-assign]
                self.party.ask(b"paramsView\n")

        call = self.party.ask_file("nope")
        call.succeed = call.fail = again  # type: ignore[method-assign]
        self.write_batch()
        self.assertEqual([CONTENTS["text"]] * 3, told[1:])
        self.assertEqual((0, []), (self.party.protocol.waiting, self.party.faults))

    def test_a_missing_file_is_an_error(self) -> None:
        call = self.party.ask_file("nope")
        parts: list[bytes] = []
        streamed = self.party.ask_file("nope either", parts.append)
        self.write_batch()
        (error,) = call.errors
        assert isinstance(error, AnswerError)
        self.assertEqual("The file, nope, is not found.", str(error))
        self.assertEqual(error.answer["messageCount"], error.answer.number)
        self.assertEqual("The file, nope either, is not found.", str(streamed.errors[0]))
        self.assertEqual([], parts)

    def test_the_line_is_made_quiet_first(self) -> None:
        slow = self.party.ask(b"slow\n")
        self.party.protocol.take()
        call = self.party.ask_file("text")
        held = self.party.ask(b"held\n")
        mark = self.party.protocol.take()
        self.assertRegex(mark, rb'\A\{"action":"[0-9a-f]{32}"\}\n\Z')
        self.server.number = 1
        # What was asked before may be answered now, and others may speak.
        self.party.feed(encode(SAID) + self.server.serve(mark) + encode(SAID))
        sent = self.party.protocol.take()
        self.assertRegex(
            sent, rb'\A\{"action":"\w{32}"\}\n.+file.+\n\{"action":"\w{32}"\}\nheld\n\Z'
        )
        self.party.feed(encode(SAID) + self.server.serve(sent) + encode(SAID))
        self.assertEqual([CONTENTS["text"]], call.results)
        self.assertEqual(1, len(held.results))
        self.assertFalse(slow.done)
        self.party.feed(answer(1))
        self.assertTrue(slow.done)
        self.assertEqual([SAID] * 4, self.party.messages)

    def test_a_quiet_line_is_used_at_once(self) -> None:
        self.party.ask_file("text")
        self.assertEqual(3, self.party.protocol.take().count(b"\n"))

    def test_after_a_call_has_given_up_the_line_is_not_taken_for_quiet(self) -> None:
        self.party.ask(timeout=1)
        self.party.protocol.expire(1)
        self.party.protocol.take()
        self.party.ask_file("text")
        self.assertEqual(1, self.party.protocol.take().count(b"\n"))

    def test_a_file_larger_than_the_limit_fails_and_is_skipped(self) -> None:
        self.party = Party(Limits(max_file_bytes=1000))
        call, exact = self.party.ask_file("binary"), self.party.ask_file("text")
        parts: list[bytes] = []
        streamed = self.party.ask_file("binary", parts.append)
        self.write_batch()
        self.assertIn("max_file_bytes", str(call.errors[0]))
        self.assertIsInstance(call.errors[0], FileTooLarge)
        self.assertEqual([CONTENTS["text"]], exact.results)
        self.assertEqual(CONTENTS["binary"], b"".join(parts))
        self.assertEqual([len(CONTENTS["binary"])], streamed.results)

    def test_a_file_is_passed_on_as_it_comes(self) -> None:
        parts: list[bytes] = []
        self.party.ask_file("binary", parts.append)
        data = self.server.serve(self.party.protocol.take())
        self.party.feed(data[:100_000])
        self.assertGreater(len(b"".join(parts)), 99_000)

    def test_a_function_that_fails_fails_the_call(self) -> None:
        def sink(part: bytes) -> None:
            raise OSError("the disk is full")

        call, other = self.party.ask_file("binary", sink), self.party.ask()
        self.write_batch()
        self.assertEqual(["the disk is full"], list(map(str, call.errors)))
        self.assertEqual(1, len(other.results))

    def test_the_time_limit_of_a_file_starts_again_with_each_part(self) -> None:
        call = self.party.ask_file("binary", timeout=2)
        data = self.server.serve(self.party.protocol.take())
        self.party.feed(data[:1000], now=1.5)
        self.assertEqual(3.5, self.party.protocol.expire(2.5))
        self.party.feed(data[1000:2000], now=3)
        self.assertEqual(5, self.party.protocol.expire(4.5))
        self.party.protocol.expire(5)
        self.assertIsInstance(call.errors[0], CallTimeout)
        self.assertIn("to its end", str(self.party.faults[0]))

    def test_a_file_that_nobody_waits_for_any_more_is_skipped(self) -> None:
        call = self.party.ask_file("an error 2", timeout=2)
        waiting = self.party.ask_file("text", timeout=3)
        sent = self.party.protocol.take()
        other = self.party.ask(b"other\n")
        self.party.protocol.expire(3)
        self.assertEqual((1, 1), (len(call.errors), len(waiting.errors)))
        self.assertEqual([], self.party.faults)
        self.party.feed(self.server.serve(sent + self.party.protocol.take()))
        self.assertEqual(1, len(other.results))
        self.assertEqual(([], 1), (call.results, len(call.errors)))
        late = self.party.ask_file("text")
        self.write_batch()
        self.assertEqual([CONTENTS["text"]], late.results)

    def test_what_is_held_has_its_time_limit(self) -> None:
        self.party.ask(b"slow\n")
        self.party.ask_file("text")
        held = self.party.ask(b"held\n", timeout=2)
        self.assertEqual(2, self.party.protocol.expire(1))
        self.party.protocol.expire(2)
        self.assertIsInstance(held.errors[0], CallTimeout)
        self.write_batch()
        self.assertEqual([], held.results)
