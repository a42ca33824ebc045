"""Tests of `actionhero_tcp.logs.fields`."""

from __future__ import annotations

import logging
from typing import Any

from twisted.logger import LogEvent, Logger
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp.logs import fields


class EventTests(SynchronousTestCase):
    """Events of Twisted's log."""

    def event(self, log: Any) -> LogEvent:
        """The event that a function logs."""
        events: list[LogEvent] = []
        log(Logger("test", observer=events.append))
        return events[0]

    def test_the_fields_are_those_that_were_given(self) -> None:
        event = self.event(lambda log: log.info("hello {who}", who="ada", count=1))
        self.assertEqual({"who": "ada", "count": 1}, fields.of_event(event))
        self.assertIsNone(fields.exception_of(event))

    def test_an_error_is_no_field(self) -> None:
        failure = Failure(ValueError("x"))
        event = self.event(lambda log: log.failure("failed", failure, count=1))
        self.assertEqual({"count": 1}, fields.of_event(event))
        self.assertIs(failure, fields.exception_of(event))

    def test_an_error_may_be_given_as_a_field(self) -> None:
        failure = Failure(ValueError("x"))
        for key in ("exception", "failure"):
            self.assertIs(failure, fields.exception_of({key: failure}))
            self.assertIsNone(fields.exception_of({key: "a text"}))


class RecordTests(SynchronousTestCase):
    """Records of Python's `logging`."""

    def test_the_fields_are_the_extra_ones(self) -> None:
        record = logging.getLogger("x").makeRecord(
            "x", logging.INFO, "file.py", 1, "hello", (), None, extra={"who": "ada"}
        )
        record.message, record.asctime = "hello", "now"
        self.assertEqual({"who": "ada"}, fields.of_record(record))


class RenamedTests(SynchronousTestCase):
    """`renamed`."""

    def test_names_that_are_taken_get_an_underscore(self) -> None:
        found = fields.renamed({"time": 1, "who": 2}, frozenset({"time", "level"}))
        self.assertEqual({"time_": 1, "who": 2}, found)
