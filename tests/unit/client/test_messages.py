"""Lines of the server to messages."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp.client.messages import MAX_DEPTH, decode, read_slowly, shown


class MessageTests(SynchronousTestCase):
    """The quick way, and the other."""

    def test_both_read_json(self) -> None:
        for read in decode, read_slowly:
            self.assertEqual({"a": [1, "☃"]}, read('{"a":[1,"☃"]}'.encode()))

    def test_half_a_character(self) -> None:
        self.assertRaises(ValueError, decode, b'{"a":"\\ud800"}')
        self.assertEqual({"a": "\ud800"}, read_slowly(b'{"a":"\\ud800"}'))

    def test_what_is_no_json(self) -> None:
        deep = b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1)
        for line in (b"NaN", b"[Infinity]", b"1e400", b"", b"{", b"\xff", deep):
            self.assertIsNone(read_slowly(line), line[:20])

    def test_shown_without_control_characters(self) -> None:
        text = shown(b"\x1b[2J" + b"x" * 100)
        self.assertTrue(text.isprintable())
        self.assertLess(len(text), 80)
