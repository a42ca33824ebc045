"""The beginning of a line."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp.client.fragments import Fragments


class FragmentsTests(SynchronousTestCase):
    """Fragments of one line, up to a limit."""

    def test_join(self) -> None:
        fragments = Fragments(10, self.fail)
        self.assertEqual(b"", fragments.join(b"ab"))
        self.assertEqual(2, fragments.size)
        self.assertEqual(b"abc\nd", fragments.join(b"c\nd"))
        self.assertEqual(0, fragments.size)

    def test_too_long(self) -> None:
        errors: list[object] = []
        fragments = Fragments(3, errors.append)
        fragments.keep(b"abc")
        fragments.keep(b"d")
        self.assertEqual("an answer is longer than 3 bytes", str(errors[0]))
        self.assertEqual(0, fragments.size)
