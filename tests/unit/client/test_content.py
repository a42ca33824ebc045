"""The content of a file as it comes."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp.client.content import Content
from actionhero_tcp.client.outcomes import FileTooLarge


class ContentTests(SynchronousTestCase):
    """Bytes that are kept or passed on."""

    def test_is_kept(self) -> None:
        content = Content(None, 6)
        for part in (b"abc", b"", b"def"):
            content.add(part)
        self.assertEqual((b"abcdef", 6, None), (content.result, content.size, content.error))

    def test_too_much_to_keep(self) -> None:
        content = Content(None, 3)
        content.add(b"abc")
        content.add(b"d")
        self.assertIsInstance(content.error, FileTooLarge)
        self.assertIn("max_file_bytes", str(content.error))

    def test_is_passed_on_whatever_its_size(self) -> None:
        parts: list[bytes] = []
        content = Content(parts.append, 1)
        content.check(100)
        content.add(b"abc")
        self.assertEqual(([b"abc"], 3, None), (parts, content.result, content.error))

    def test_progress_counts_from_the_beginning_of_the_file(self) -> None:
        seen: list[Any] = []
        content = Content(None, 100, lambda *how_far: seen.append(how_far), 10)
        content.add(b"abc", 20)
        content.add(b"")
        content.add(b"d")
        self.assertEqual([(13, 20), (14, None)], seen)
        self.assertEqual(14, content.position)

    def test_an_error_of_a_function_is_kept(self) -> None:
        def fail(*_: object) -> None:
            raise OSError("full")

        for content in (Content(fail), Content(None, 100, fail)):
            content.add(b"abc")
            content.add(b"d")
            self.assertEqual("full", str(content.error))

    def test_dropped(self) -> None:
        parts: list[bytes] = []
        content = Content(parts.append)
        content.drop()
        content.add(b"abc")
        self.assertEqual([], parts)
