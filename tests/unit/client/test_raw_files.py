"""Files of a server that sends no header, without a network."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp.client.outcomes import AnswerError, CallTimeout, FileTooLarge
from actionhero_tcp.client.settings import Limits
from tests.support import PROPERTY
from tests.support.conversations import ModelServer, Party, answer, encode
from tests.unit.client.test_protocol import CONTENTS, SAID, cut


class FileTests(SynchronousTestCase):
    """Files, which come raw and without a length."""

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
