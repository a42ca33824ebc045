"""The server's own log: what `twisted.logger` hears of it and of Twisted, as lines of a file."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from twisted.logger import (
    ILogObserver,
    LogEvent,
    LogLevel,
    eventAsText,
    formatEventAsClassicLogText,
)
from twisted.python.failure import Failure
from zope.interface import implementer

from ..config.sections import Log
from ..errors import StartError, printable
from .fields import of_event, renamed
from .file import LogFile
from .lines import UNSHOWN, as_json, stamp
from .writer import MAX_QUEUED_BYTES, LogWriter

BACKGROUND_FILE: Final = "twistd.log"
"""Where twistd logs in the background unless it is told otherwise; in the working folder."""

_TAKEN: Final = frozenset({"time", "level", "namespace", "worker", "message", "traceback"})
"""The parts of a line beside the fields of a logger."""

_BETWEEN_BLANKS: Final = re.compile(r"[^\n\t]+")


@implementer(ILogObserver)
class ServerLog:
    """Writes events, each at once, in a thread once the server runs.

    Args:
        path: The file to append to; empty for standard output.
        json: Whether to write JSON, one object a line, instead of text.
        worker: The number of the worker that writes; 0 where there are none.
        max_queued_bytes: See `LogWriter`.
        level: The name of the least level that is written.

    Attributes:
        writer: Writes the lines.

    Raises:
        StartError: The file cannot be opened; the text names it.
    """

    def __init__(
        self,
        path: str = "",
        json: bool = False,
        worker: int = 0,
        max_queued_bytes: int = MAX_QUEUED_BYTES,
        level: str = "debug",
    ) -> None:
        self._level = LogLevel.levelWithName(level)
        self._format = json_line if json else text_line
        self._worker = worker
        self.writer = LogWriter(LogFile(path, "the server's log"), max_queued_bytes)

    def __call__(self, event: LogEvent) -> None:
        """Writes an event, if its level is high enough."""
        if event.get("log_level", LogLevel.info) < self._level:
            return
        data = self._format(event, self._worker).encode("utf-8", "backslashreplace")
        if data:
            self.writer.put(data)


def start(
    settings: Log,
    twistd: Mapping[str, Any],
    worker: int = 0,
) -> ServerLog | None:
    """The server's own log, for `twistd` to take as its observer.

    Args:
        settings: Its settings.
        twistd: The options of twistd, which say where it goes otherwise.
        worker: The number of the worker that writes; 0 where there are none.

    Returns:
        The log; None where the options of twistd take it elsewhere.

    Raises:
        StartError: Its file cannot be opened.
    """
    path = destination(settings.file, twistd)
    if path is None:
        return None
    json, most = settings.format == "json", settings.max_queued_bytes
    return ServerLog(path, json, worker, most, settings.level)


def destination(file: str, twistd: Mapping[str, Any]) -> str | None:
    """Where the server's own log goes; see `start`.

    Returns:
        Its file; empty for standard output, None for elsewhere.

    Raises:
        StartError: It cannot go there.
    """
    if twistd.get("logger") or twistd.get("syslog"):
        return None
    in_background = not twistd.get("nodaemon", True)
    path = file or twistd.get("logfile") or (BACKGROUND_FILE if in_background else "")
    if path == "-":
        if in_background:
            raise StartError("a daemon in the background has no standard output to log to")
        path = ""
    return str(path)


def text_line(event: LogEvent, worker: int = 0) -> str:
    """An event as `twistd` writes it, with control characters and the like as escapes.

    Its text may have several lines; all but the first begin with a tab.

    Args:
        event: The event.
        worker: The number of the worker that writes, which is put before the namespace.
    """
    text = formatEventAsClassicLogText(event) or ""
    if worker:
        text = text.replace(" [", f" [worker {worker}, ", 1)
    return _BETWEEN_BLANKS.sub(lambda match: printable(match[0]), text)


def json_line(event: LogEvent, worker: int = 0) -> str:
    """An event as one JSON object on a line: ``time``, ``level``, ``namespace``, ``message``.

    A traceback is in ``traceback``, not in the message. The fields that a logger was given follow.

    Args:
        event: The event.
        worker: The number of the worker that writes, for ``worker``.
    """
    message = eventAsText(
        event, includeTraceback=False, includeTimestamp=False, includeSystem=False
    )
    traceback = _traceback(event)
    if not message and not traceback:
        return ""
    if traceback:
        message = message.removesuffix(traceback).rstrip(":\n")
    level = event.get("log_level")
    fields: dict[str, object] = {
        "time": stamp(int((event.get("log_time") or 0) * 1000)),
        "level": level.name if level is not None else "info",
        "namespace": str(event.get("log_namespace", "-")),
    }
    if worker:
        fields["worker"] = worker
    fields["message"] = message
    if traceback:
        fields["traceback"] = traceback
    named = event.get("log_fields") or of_event(event)
    for key, value in renamed(named, _TAKEN).items():
        try:
            as_json(value)
        except Exception:
            value = UNSHOWN
        fields[key] = value
    return as_json(fields) + "\n"


def _traceback(event: LogEvent) -> str:
    """An event's traceback: of a failure, of a failure of the older API, or as text."""
    failure = event.get("log_failure") or event.get("failure")
    if isinstance(failure, Failure):
        return failure.getTraceback()
    return str(event.get("traceback", ""))
