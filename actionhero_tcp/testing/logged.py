"""An error in the log of a server fails the test that uses it, as trial has it for failures."""

from __future__ import annotations

from typing import Any, Final
from unittest import TestCase

from twisted.logger import (
    ILogObserver,
    LogEvent,
    Logger,
    LogLevel,
    formatEvent,
    globalLogPublisher,
)
from twisted.python.failure import Failure
from zope.interface import implementer

SERVER: Final = "actionhero_tcp"

_log = Logger()
_watched: set[TestCase] = set()


class LoggedError(Exception):
    """Something that the server has logged as an error: its text, with any traceback.

    An action that raises what is no `ActionError`, or returns what is no JSON, is logged so.
    trial fails a test in which that happens, unless the test takes it:
    ``self.flushLoggedErrors(LoggedError)``.
    """


def report_errors(test: TestCase) -> None:
    """Has trial take what the server logs as errors for errors of a test, up to its end."""
    if test in _watched:
        return
    reporter: Any = _Reporter()
    _watched.add(test)
    globalLogPublisher.addObserver(reporter)
    test.addCleanup(_watched.discard, test)
    test.addCleanup(globalLogPublisher.removeObserver, reporter)


@implementer(ILogObserver)
class _Reporter:
    """Logs errors of the server again as failures, which trial notices."""

    def __call__(self, event: LogEvent) -> None:
        if event.get("log_level") not in (LogLevel.error, LogLevel.critical):
            return
        if "log_failure" in event or event["log_namespace"].split(".")[0] != SERVER:
            return
        error = Failure(LoggedError(formatEvent(event)))
        _log.failure("the server has logged an error", failure=error)
