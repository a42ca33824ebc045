"""Tests of `actionhero_tcp.logs.failures`."""

from __future__ import annotations

from twisted.logger import LogEvent, Logger, formatEvent
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp.logs.failures import log_failure


class LogFailureTests(SynchronousTestCase):
    """`log_failure`."""

    def setUp(self) -> None:
        self.events: list[LogEvent] = []
        self.log = Logger("test", observer=self.events.append)

    def test_it_logs_the_operation_and_the_traceback(self) -> None:
        failure = Failure(ValueError("a reason"))
        log_failure(self.log, "cannot greet {who}", failure, who="ada")
        text = formatEvent(self.events[0])
        self.assertEqual("cannot greet ada:", text.splitlines()[0])
        self.assertIn("ValueError: a reason", text)
        self.assertIs(failure, self.events[0]["exception"])

    def test_a_traceback_may_be_given(self) -> None:
        log_failure(self.log, "failed", Failure(ValueError("a reason")), "its last line")
        self.assertEqual("failed:\nits last line", formatEvent(self.events[0]))

    def test_control_characters_do_not_reach_the_log(self) -> None:
        log_failure(self.log, "failed", Failure(ValueError("\x1b[31mred\x07")))
        text = formatEvent(self.events[0])
        self.assertNotIn("\x1b", text)
        self.assertNotIn("\x07", text)
