"""Tests of `actionhero_tcp.plugin.output`."""

from __future__ import annotations

import io
import json
import sys

from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp.errors import StartError
from actionhero_tcp.plugin.output import print_json, print_text


class OutputTests(SynchronousTestCase):
    """Standard output, whatever it is."""

    def output(self, encoding: str) -> io.BytesIO:
        """Takes the place of standard output."""
        taken = io.BytesIO()
        self.patch(sys, "stdout", io.TextIOWrapper(taken, encoding=encoding))
        return taken

    def test_a_text_and_its_end_of_line(self) -> None:
        taken = self.output("utf-8")
        print_text("a ☃")
        self.assertEqual("a ☃\n".encode(), taken.getvalue())

    def test_json_as_it_is(self) -> None:
        taken = self.output("utf-8")
        print_json('{"a":"☃"}')
        self.assertEqual('{"a":"☃"}\n'.encode(), taken.getvalue())

    def test_json_with_escapes_for_ascii(self) -> None:
        taken = self.output("ascii")
        print_json('{"a":"☃"}')
        self.assertEqual({"a": "☃"}, json.loads(taken.getvalue()))
        self.assertIn(rb"\u2603", taken.getvalue())

    def test_without_standard_output_nothing_happens(self) -> None:
        errors = io.StringIO()
        self.patch(sys, "stdout", None)
        self.patch(sys, "stderr", errors)
        print_text("a")
        print_json("{}")
        self.assertEqual("", errors.getvalue())

    def test_a_full_disk_is_told(self) -> None:
        full = open("/dev/full", "w", encoding="utf-8")  # noqa: SIM115
        self.addCleanup(full.close)
        self.patch(sys, "stdout", full)
        error = self.assertRaises(StartError, print_text, "a")
        self.assertEqual("cannot write to standard output: No space left on device", str(error))
