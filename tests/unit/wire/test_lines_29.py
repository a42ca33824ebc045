"""Lines of the dialect of actionHero 29, and how its input is split."""

from __future__ import annotations

import json
import uuid

from hypothesis import assume, given
from hypothesis import strategies as st
from msgspec import Struct
from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp.errors import UnserializableError
from actionhero_tcp.wire import json_lines, lines_29
from actionhero_tcp.wire.framing import INTERRUPTS, TOO_LONG
from tests.support import PROPERTY

PART = st.binary(max_size=12).map(lambda part: part.translate(None, b"\x04\xff"))
"""Anything but what begins an interrupt, which is one where it comes as a chunk of its own."""


class Typed(Struct):
    """A response with a field of the name of one of ours."""

    a: int
    messageId: str


class AnswerTests(SynchronousTestCase):
    def test_names_of_ours_are_replaced(self) -> None:
        self.assertEqual(
            lines_29.result({"a": 1, "messageId": 2, "context": "x"}, b'"m"', 3),
            b'{"a":1,"context":"response","messageId":"m","messageCount":3}\r\n',
        )

    def test_nothing_is_no_field(self) -> None:
        for outcome in (None, {}):
            self.assertEqual(
                lines_29.result(outcome, b'"m"', 3),
                b'{"context":"response","messageId":"m","messageCount":3}\r\n',
            )

    def test_names_of_ours_are_replaced_in_typed_objects(self) -> None:
        self.assertEqual(
            lines_29.result(Typed(a=1, messageId="x"), b'"m"', 3),
            b'{"a":1,"context":"response","messageId":"m","messageCount":3}\r\n',
        )

    def test_ids_are_uuids_that_never_come_again(self) -> None:
        made = [json.loads(lines_29.message_id({})) for _ in range(10_000)]
        self.assertEqual(len(made), len(set(made)))
        for text in made:
            self.assertEqual((text, 4), (str(uuid.UUID(text)), uuid.UUID(text).version))

    def test_what_is_no_object_is_refused(self) -> None:
        self.assertRaises(UnserializableError, lines_29.result, [1], b'"m"', 1)

    def test_what_a_client_says_stays_as_it_is(self) -> None:
        line = json_lines.line(
            {"message": 'x,"from":0,"context":', "room": "r", "from": "me", "context": "user"}
        )
        self.assertEqual(lines_29.server_message(line), line)


class SplitterTests(SynchronousTestCase):
    def test_a_carriage_return_ends_a_line(self) -> None:
        splitter = lines_29.profile_29().splitter(100)
        lines = splitter.feed(b"a\r\nb\rc\n\rd")
        self.assertEqual([line for line in lines if line], [b"a", b"b", b"c"])

    @given(st.lists(st.sampled_from([b"\r", b"\n", b"\r\n", b"a", b"bc"])), st.integers(1, 5))
    @PROPERTY
    def test_carriage_returns_end_lines_wherever_the_bytes_are_cut(
        self, parts: list[bytes], size: int
    ) -> None:
        data = b"".join(parts) + b"\n"
        splitter = lines_29.profile_29().splitter(100)
        chunks = [data[start : start + size] for start in range(0, len(data), size)]
        found = [line for chunk in chunks for line in splitter.feed(chunk)]
        self.assertEqual(found, data.replace(b"\r", b"\n").split(b"\n")[:-1])

    @given(st.lists(PART, max_size=12), st.integers(1, 8))
    @PROPERTY
    def test_a_delimiter_is_found_wherever_the_bytes_are_cut(
        self, parts: list[bytes], size: int
    ) -> None:
        data = b"<END>".join(parts) + b"<END>"
        # What telnet sends for Ctrl-C or Ctrl-D is a line by itself.
        chunks = [data[start : start + size] for start in range(0, len(data), size)]
        assume(not set(chunks) & set(INTERRUPTS))
        whole = data.replace(b"\r", b"\n").split(b"<END>")[:-1]
        splitter = lines_29.profile_29("<END>").splitter(1000)
        found = [line for chunk in chunks for line in splitter.feed(chunk)]
        self.assertEqual(found, whole)

    def test_a_line_that_is_too_long_is_told_once(self) -> None:
        splitter = lines_29.profile_29("<END>", 10).splitter(1000)
        found = [line for _ in range(30) for line in splitter.feed(b"x")]
        found += splitter.feed(b"<END>abc<END>")
        self.assertEqual(found, [TOO_LONG, b"abc"])
