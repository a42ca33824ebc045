"""Logs an error with its traceback, and the exception for programs that track errors."""

from __future__ import annotations

from typing import Any

from twisted.logger import Logger
from twisted.python.failure import Failure

from ..errors import printable_lines


def log_failure(
    log: Logger, text: str, failure: Failure, traceback: str = "", **fields: Any
) -> None:
    """Log an error.

    Args:
        log: The log.
        text: The failed operation, a format of the fields.
        failure: The error.
        traceback: Its traceback as the log shows it; empty for the whole.
        fields: The fields of the text.
    """
    shown = printable_lines(traceback or failure.getTraceback())
    log.error(text + ":\n{traceback}", traceback=shown, exception=failure, **fields)
