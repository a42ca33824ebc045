"""`dispatch.verb`: what a verb takes."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp.dispatch.verb import Verb
from actionhero_tcp.errors import ClientError
from tests.support import PROPERTY, make_connection

MESSAGE = "a message"
WORD = "the name of a room"


class VerbTests(SynchronousTestCase):
    """`Verb.answer`."""

    def setUp(self) -> None:
        self.connection = make_connection()
        self.seen: list[tuple[Any, ...]] = []

    def verb(self, takes: str = "", one_word: bool = False) -> Verb:
        def run(*arguments: Any) -> bytes:
            self.seen.append(arguments)
            return b"answer"

        return Verb(run, ("say", "tell"), takes, one_word, "Says something.")

    def refusal(self, verb: Verb, rest: bytes) -> str:
        error = self.assertRaises(ClientError, verb.answer, self.connection, 1, rest)
        self.assertEqual([], self.seen)
        return str(error.text)

    def test_its_name_is_the_word_of_today(self) -> None:
        self.assertEqual("say", self.verb().name)

    def test_without_an_argument(self) -> None:
        verb = self.verb()
        for rest in (b"", b" ", b"\t "):
            self.assertEqual(b"answer", verb.answer(self.connection, 7, rest))
        self.assertEqual([7, 7, 7], [number for _, number, _ in self.seen])

    def test_an_argument_that_it_does_not_take(self) -> None:
        self.assertEqual("say takes no argument", self.refusal(self.verb(), b"x"))

    def test_the_argument_is_all_that_follows(self) -> None:
        self.verb(MESSAGE).answer(self.connection, 1, b" a  b ")
        self.assertEqual([(self.connection, 1, " a  b ")], self.seen)

    def test_an_argument_that_is_missing(self) -> None:
        text = self.refusal(self.verb(MESSAGE), b"")
        self.assertTrue(text.startswith("say takes a message, as in: say "), text)

    def test_one_word_may_have_blanks_around_it(self) -> None:
        self.verb(WORD, one_word=True).answer(self.connection, 1, b" \troom ")
        self.assertEqual("room", self.seen[0][2])

    def test_no_word_or_two_are_refused(self) -> None:
        for rest in (b"", b"  ", b"a b", b"a\tb"):
            self.assertIn("takes the name of a room", self.refusal(self.verb(WORD, True), rest))

    def test_what_is_not_utf_8(self) -> None:
        verb = self.verb(MESSAGE)
        self.assertRaises(UnicodeDecodeError, verb.answer, self.connection, 1, b"\xff")

    @PROPERTY
    @given(st.binary(max_size=20), st.sampled_from(("", MESSAGE, WORD)), st.booleans())
    def test_it_runs_or_refuses(self, rest: bytes, takes: str, one_word: bool) -> None:
        self.seen.clear()
        try:
            answer = self.verb(takes, one_word and bool(takes)).answer(self.connection, 1, rest)
        except (ClientError, UnicodeDecodeError):
            self.assertEqual([], self.seen)
        else:
            self.assertEqual((b"answer", 1), (answer, len(self.seen)))
