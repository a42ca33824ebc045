"""Tests of SECURITY.md: each promise names tests, as many as it has sentences, which exist."""

from __future__ import annotations

import re

from twisted.python.reflect import namedAny
from twisted.trial.unittest import SynchronousTestCase

from tests import support

PAGE = support.ROOT / "SECURITY.md"
_NAME = re.compile(r"`(tests\.[\w.]+)`")
_SENTENCE = re.compile(r"[.!?](?=\s|$)")


class SecurityTests(SynchronousTestCase):
    """The section of promises."""

    def promises(self) -> list[tuple[str, list[str]]]:
        """The text of each promise, and the tests that hold it."""
        promised = PAGE.read_text().split("## What is promised")[1].split("\n## ")[0]
        lines = [line for line in promised.splitlines() if line.startswith("- ")]
        split = [line.partition("*Tests:*") for line in lines]
        return [(text, _NAME.findall(tests)) for text, _, tests in split]

    def test_each_promise_names_tests_that_exist(self) -> None:
        self.assertEqual(12, len(self.promises()))
        for promise, names in self.promises():
            self.assertTrue(names, promise)
            for name in names:
                namedAny(name)

    def test_no_sentence_is_without_a_test(self) -> None:
        for promise, names in self.promises():
            text = promise.replace("**", "")
            self.assertLessEqual(len(_SENTENCE.findall(text)), len(names) + 1, promise)

    def test_it_says_of_send_what_the_operations_say(self) -> None:
        operations = (support.ROOT / "docs" / "operations.md").read_text()
        (row,) = re.findall(r"(?m)^\| `maxOutboxBytes` .*$", operations)
        self.assertIn("`connection.send`", row)
        (held,) = [text for text, _ in self.promises() if "`connection.send`" in text]
        self.assertIn("`limits.maxOutboxBytes`", held)
