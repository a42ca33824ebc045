"""Tests of SECURITY.md: each promise names tests, and each of these exists."""

from __future__ import annotations

import re

from twisted.python.reflect import namedAny
from twisted.trial.unittest import SynchronousTestCase

from tests import support

PAGE = support.ROOT / "SECURITY.md"
_NAME = re.compile(r"`(tests\.[\w.]+)`")


class SecurityTests(SynchronousTestCase):
    """The section of promises."""

    def test_each_promise_names_tests_that_exist(self) -> None:
        promised = PAGE.read_text().split("## What is promised")[1].split("\n## ")[0]
        promises = [line for line in promised.splitlines() if line.startswith("- ")]
        self.assertEqual(11, len(promises))
        for promise in promises:
            names = _NAME.findall(promise)
            self.assertTrue(names, promise)
            for name in names:
                namedAny(name)
