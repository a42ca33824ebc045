"""The last warnings and errors of the server's log, for the live page."""

from __future__ import annotations

from collections import deque
from typing import Final

from twisted.logger import (
    ILogObserver,
    LogEvent,
    LogLevel,
    LogPublisher,
    eventAsText,
    globalLogPublisher,
)
from zope.interface import implementer

from ..errors import printable_lines

MAX_EVENTS: Final = 100
"""So many events are kept; an older one goes."""

MAX_CHARACTERS: Final = 4000
"""The characters of one event that are kept; a long stack is cut at its beginning."""


@implementer(ILogObserver)
class RecentEvents:
    """Keeps the last warnings and errors.

    Args:
        publisher: Publishes the events of the log.
    """

    def __init__(self, publisher: LogPublisher = globalLogPublisher) -> None:
        self._publisher = publisher
        self._events: deque[dict[str, object]] = deque(maxlen=MAX_EVENTS)
        self._count = 0

    def __call__(self, event: LogEvent) -> None:
        """Keeps an event where it is a warning, an error or worse."""
        level = event.get("log_level")
        if level is None or level < LogLevel.warn:
            return
        self._count += 1
        text = printable_lines(eventAsText(event, includeTimestamp=False, includeSystem=False))
        self._events.append(
            {
                "number": self._count,
                "at": int(event["log_time"] * 1000),
                "level": level.name,
                "text": text if len(text) <= MAX_CHARACTERS else "…" + text[-MAX_CHARACTERS:],
            }
        )

    def latest(self) -> list[dict[str, object]]:
        """Returns the events that are kept, the latest first."""
        return list(reversed(self._events))

    def start(self) -> None:
        """Listens to the log."""
        self._publisher.addObserver(self)  # type: ignore[arg-type]

    def stop(self) -> None:
        """Listens no more."""
        self._publisher.removeObserver(self)  # type: ignore[arg-type]
