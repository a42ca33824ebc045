"""An error in the log of a server fails the test that uses it, as trial has it for failures."""

from __future__ import annotations

from typing import Any, Final
from unittest import TestCase

from twisted.logger import (
    ILogObserver,
    LogEvent,
    Logger,
    LogLevel,
    eventAsText,
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
    ``self.flushLoggedErrors(LoggedError)``. A ``with`` block of a `FakeServer` raises it at its
    end, unless the test takes it from ``server.errors``.
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
        if _is_error(event) and "log_failure" not in event:
            error = Failure(LoggedError(formatEvent(event)))
            _log.failure("the server has logged an error", failure=error)


def _is_error(event: LogEvent) -> bool:
    """Whether the server has logged an event as an error."""
    is_ours = str(event.get("log_namespace", "")).split(".")[0] == SERVER
    return is_ours and event.get("log_level") in (LogLevel.error, LogLevel.critical)


class ErrorWatch:
    """Notices what the server logs as errors while a ``with`` block of a test runs.

    Attributes:
        errors: The errors.
    """

    def __init__(self) -> None:
        self.errors: list[LoggedError] = []
        self._observer: Any = self._notice

    def start(self) -> None:
        """Begin."""
        globalLogPublisher.addObserver(self._observer)

    def stop(self, error: BaseException | None = None) -> None:
        """End.

        Args:
            error: The exception of the block, which is not to be replaced.

        Raises:
            LoggedError: The first error that is left.
        """
        globalLogPublisher.removeObserver(self._observer)
        if self.errors and error is None:
            raise self.errors[0]

    def _notice(self, event: LogEvent) -> None:
        if _is_error(event):
            text = eventAsText(event, includeTimestamp=False, includeSystem=False)
            self.errors.append(LoggedError(text))
