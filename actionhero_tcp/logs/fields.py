"""The fields of an event of Twisted's log, or of a record of Python's `logging`."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, Final

from twisted.logger import LogEvent
from twisted.python.failure import Failure

_OF_EVENTS: Final = frozenset(
    {"exception", "failure", "format", "isError", "message", "printed", "system", "time"}
    | {"traceback", "why", "logLevel"}
)
"""The keys of an event beside its fields, keys that begin with ``log_`` aside."""

RESERVED: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
"""The attributes that every record of `logging` has."""


def of_event(event: LogEvent) -> dict[str, Any]:
    """The fields that were given to Twisted's logger."""
    return {
        key: value
        for key, value in event.items()
        if key not in _OF_EVENTS and not key.startswith("log_")
    }


def of_record(record: logging.LogRecord) -> dict[str, Any]:
    """The fields that were given to a logger of `logging` as ``extra``."""
    return {key: value for key, value in vars(record).items() if key not in RESERVED}


def exception_of(event: LogEvent) -> Failure | None:
    """The error of an event."""
    for key in ("log_failure", "exception", "failure"):
        failure = event.get(key)
        if isinstance(failure, Failure):
            return failure
    return None


def renamed(fields: Mapping[str, Any], taken: frozenset[str]) -> dict[str, Any]:
    """The fields, with an underscore behind names that a line has already."""
    return {f"{key}_" if key in taken else key: value for key, value in fields.items()}
