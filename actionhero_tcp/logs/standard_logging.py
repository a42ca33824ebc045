"""Python's `logging` in a daemon: what is logged there comes into the server's log.

Errors of the server also go the other way, with their exceptions, so that programs which track
errors by `logging` hear of them.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, Final

from twisted.logger import (
    ILogObserver,
    LogEvent,
    LogLevel,
    globalLogPublisher,
)
from twisted.python.failure import Failure
from zope.interface import implementer

from . import fields
from .forwarding import LEVELS, Forwarder

RECORD: Final = "log_record"
"""The key under which an event holds the record of `logging` that it was made of."""

FORWARDED: Final = "actionhero_forwarded"
"""The attribute of a record that was made of an event."""

_LEVELS: Final = sorted(((number, level) for level, number in LEVELS.items()), reverse=True)


class StandardHandler(logging.Handler):
    """Hands each record of `logging` to Twisted's log, as one event.

    Args:
        publish: Takes the events.
    """

    def __init__(self, publish: Callable[[LogEvent], object] = globalLogPublisher) -> None:
        super().__init__()
        self._publish = publish

    def emit(self, record: logging.LogRecord) -> None:
        """Hand on a record, unless it was made of an event."""
        if not getattr(record, FORWARDED, False):
            self._publish(event_of(record))


def event_of(record: logging.LogRecord) -> LogEvent:
    """The event of a record: its level, its logger's name, its text, error and fields."""
    event: LogEvent = {
        "log_level": level_of(record.levelno),
        "log_namespace": record.name,
        "log_time": record.created,
        "log_format": "{log_text}",
        "log_text": _text(record),
        "log_fields": fields.of_record(record),
        RECORD: record,
    }
    if record.exc_info and record.exc_info[1] is not None:
        kind, error, traceback = record.exc_info
        event["log_failure"] = Failure(error, kind, traceback)
    return event


def level_of(number: int) -> Any:
    """The level of Twisted's log for one of `logging`; the lower one where that is between two."""
    for least, level in _LEVELS:
        if number >= least:
            return level
    return LogLevel.debug


def _text(record: logging.LogRecord) -> str:
    try:
        text = record.getMessage()
    except Exception:
        text = f"{record.msg!r} {record.args!r}"
    return f"{text}\n{record.stack_info}" if record.stack_info else text


@implementer(ILogObserver)
class ErrorForwarder:
    """Hands the errors of Twisted's log to `logging`, other than those that came from there."""

    def __init__(self) -> None:
        self._forward = Forwarder({FORWARDED: True})

    def __call__(self, event: LogEvent) -> None:
        """Hand on an event, if it is an error."""
        if RECORD not in event and event.get("log_level") in (LogLevel.error, LogLevel.critical):
            self._forward(event)


class StandardLogging:
    """Joins `logging` and the server's log, for the whole process.

    Args:
        level: The name of the least level that is logged; loggers for which the application sets
            another one keep theirs.
    """

    def __init__(self, level: str) -> None:
        self._level = getattr(logging, {"warn": "WARNING"}.get(level, level.upper()))
        self._handler = StandardHandler()
        self._forwarder: Any = ErrorForwarder()

    def install(self) -> None:
        """Begin, in place of one that was installed before."""
        root = logging.getLogger()
        for handler in [each for each in root.handlers if isinstance(each, StandardHandler)]:
            root.removeHandler(handler)
        root.addHandler(self._handler)
        root.setLevel(self._level)
        globalLogPublisher.addObserver(self._forwarder)

    def remove(self) -> None:
        """End; for tests."""
        root = logging.getLogger()
        root.removeHandler(self._handler)
        root.setLevel(logging.WARNING)
        globalLogPublisher.removeObserver(self._forwarder)
