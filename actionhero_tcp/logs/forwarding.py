"""Hands the server's log to Python's `logging`, for programs that embed a server."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Mapping
from typing import Any, Final

from twisted.logger import (
    ILogObserver,
    LogEvent,
    LogLevel,
    eventAsText,
    globalLogBeginner,
)
from zope.interface import implementer

from ..errors import printable_lines
from ..net import twisted_log
from .fields import RESERVED, exception_of, of_event, renamed

LEVELS: Final = {
    LogLevel.debug: logging.DEBUG,
    LogLevel.info: logging.INFO,
    LogLevel.warn: logging.WARNING,
    LogLevel.error: logging.ERROR,
    LogLevel.critical: logging.CRITICAL,
}
"""The level of `logging` for each level of Twisted's log."""


LEGACY: Final = "log_legacy"
"""The namespace of what Twisted itself logs by its older API."""


def forward_logs() -> bool:
    """Hand all that Twisted's log hears to `logging`, unless the program has started that log.

    Returns:
        Whether that has begun now. It lasts until the process ends.
    """
    if twisted_log.has_begun():
        return False
    show = warnings.showwarning
    forwarder: Any = Forwarder()
    globalLogBeginner.beginLoggingTo([forwarder], redirectStandardIO=False)
    # Twisted's log takes the program's warnings as well; they stay where the program has them.
    warnings.showwarning = show
    return True


@implementer(ILogObserver)
class Forwarder:
    """Logs each event by the logger of its namespace, such as ``actionhero_tcp.server.service``.

    Args:
        extra: Attributes of each record, beside the event's fields.
    """

    def __init__(self, extra: Mapping[str, object] | None = None) -> None:
        self._extra = dict(extra or {})

    def __call__(self, event: LogEvent) -> None:
        """Log an event."""
        namespace = str(event.get("log_namespace", LEGACY))
        logger = logging.getLogger("twisted" if namespace == LEGACY else namespace)
        level = LEVELS.get(event.get("log_level", LogLevel.info), logging.INFO)
        if not logger.isEnabledFor(level):
            return
        text = eventAsText(
            event, includeTraceback=False, includeTimestamp=False, includeSystem=False
        )
        failure = exception_of(event)
        error: Any = None
        if failure is not None:
            error = (failure.type, failure.value, failure.getTracebackObject())
            # The error has its traceback; the text need not repeat it.
            shown = event.get("traceback")
            if isinstance(shown, str):
                text = text.removesuffix(shown).rstrip(":\n")
        extra = renamed(of_event(event), RESERVED) | self._extra
        logger.log(level, "%s", printable_lines(text), exc_info=error, extra=extra)
