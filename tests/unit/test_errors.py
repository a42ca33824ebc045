"""The errors, and how text from outside is made safe to show."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp import errors
from actionhero_tcp.errors import ActionError, ClientError, printable, printable_lines, shorten
from tests.support import PROPERTY

ANY_TEXT = st.text(st.characters(exclude_categories=()) | st.characters(categories=["Cc", "Cs"]))
"""Any text, also with lone surrogates in it."""


class ClientErrorTests(SynchronousTestCase):
    """`ClientError` and `ActionError`."""

    def test_holds_its_text(self) -> None:
        error = ClientError("that is wrong")
        self.assertEqual(("that is wrong", "that is wrong"), (error.text, str(error)))

    def test_its_text_is_all_it_says(self) -> None:
        self.assertEqual("that is wrong", str(ClientError("that is wrong", {"code": 404})))

    def test_has_no_further_fields_by_default(self) -> None:
        self.assertEqual({}, ClientError("x").fields)

    def test_holds_a_copy_of_further_fields(self) -> None:
        fields: dict[str, object] = {"code": 404}
        error = ClientError("x", fields)
        fields["code"] = 500
        self.assertEqual({"code": 404}, error.fields)

    def test_default_fields_are_not_shared(self) -> None:
        ClientError("x").fields["code"] = 1
        self.assertEqual({}, ClientError("x").fields)

    def test_an_action_error_is_a_client_error(self) -> None:
        error = ActionError("no such user", {"code": 404})
        self.assertIsInstance(error, ClientError)
        self.assertEqual(("no such user", {"code": 404}), (error.text, error.fields))

    def test_start_and_unserializable_errors_are_not_for_clients(self) -> None:
        for kind in (errors.StartError, errors.UnserializableError):
            self.assertFalse(issubclass(kind, ClientError), kind)


class ShortenTests(SynchronousTestCase):
    """`shorten`."""

    def test_leaves_64_characters(self) -> None:
        self.assertEqual("é" * 64, shorten("é" * 64))

    def test_cuts_after_64_characters(self) -> None:
        self.assertEqual("x" * 64 + "…", shorten("x" * 65))

    def test_cuts_after_another_limit(self) -> None:
        self.assertEqual("abc…", shorten("abcd", 3))
        self.assertEqual("abc", shorten("abc", 3))

    def test_leaves_nothing_as_it_is(self) -> None:
        self.assertEqual("", shorten(""))

    @PROPERTY
    @given(ANY_TEXT, st.integers(0, 10))
    def test_gives_the_beginning(self, text: str, limit: int) -> None:
        short = shorten(text, limit)
        self.assertEqual(text if len(text) <= limit else text[:limit] + "…", short)


class PrintableTests(SynchronousTestCase):
    """`printable` and `printable_lines`."""

    def test_leaves_what_is_printable(self) -> None:
        self.assertEqual("Grüße, ☃ 😀 \\n", printable("Grüße, ☃ 😀 \\n"))

    def test_escapes_what_ends_a_line(self) -> None:
        self.assertEqual(r"a\nb\rc\x85d\u2028e\u2029f", printable("a\nb\rc\x85d\u2028e\u2029f"))

    def test_escapes_what_steers_a_terminal(self) -> None:
        self.assertEqual(r"\x1b[2J\x07\x9b\x7f\x00\t", printable("\x1b[2J\x07\x9b\x7f\x00\t"))

    def test_escapes_what_turns_the_reading_direction(self) -> None:
        self.assertEqual(r"a\u202eb\U000e0001", printable("a\u202eb\U000e0001"))

    def test_escapes_lone_surrogates(self) -> None:
        self.assertEqual(r"\ud800x\udfff", printable("\ud800x\udfff"))

    def test_lines_keep_their_ends(self) -> None:
        self.assertEqual(
            "one\n  two\\r\n\\x1bthree\n", printable_lines("one\n  two\r\n\x1bthree\n")
        )

    @PROPERTY
    @given(ANY_TEXT)
    def test_gives_something_printable(self, text: str) -> None:
        self.assertTrue(printable(text).isprintable())

    @PROPERTY
    @given(ANY_TEXT)
    def test_changes_nothing_else(self, text: str) -> None:
        kept = "".join(c for c in text if c.isprintable())
        if kept == text:
            self.assertEqual(text, printable(text))
        self.assertEqual(kept, printable(kept))

    @PROPERTY
    @given(ANY_TEXT)
    def test_lines_are_as_many_and_printable(self, text: str) -> None:
        lines = printable_lines(text).split("\n")
        self.assertEqual([printable(line) for line in text.split("\n")], lines)
        self.assertTrue(all(line.isprintable() for line in lines))
