"""The request log: a line for each connection and each request, cheap enough to be on.

An event of `twisted.logger` costs 16 µs, as much as a whole request. So these lines are
made by hand and written to the log's own file, as twisted.web does with its access log.
What they are made of is gathered, and the lines are made and written together, at the
latest `FLUSH_SECONDS` after the first.
"""

from __future__ import annotations

import json
import os
import time
from typing import Final

from twisted.logger import Logger

from .clock import Clock, Timer, stop
from .connection import Connection
from .errors import MAX_ECHOED_CHARACTERS, StartError, printable, shorten

FLUSH_SECONDS: Final = 0.5
FLUSH_LINES: Final = 1000
"""As many lines wait in memory at most."""

MAX_PARAMS_CHARACTERS: Final = 1000
"""As much of a request's params is logged at most, where `log.params` asks for them."""

STANDARD_OUTPUT: Final = 1

_Entry = tuple[float, Connection | None, int, str, float, str]
"""When, who, the request's number, its name, how long it took, its outcome."""

_log = Logger()


class RequestLog:
    """Writes who connected, who asked what, how long it took and what came of it.

    Args:
        clock: Calls later.
        path: The file to append to; empty for standard output.
        with_params: Whether the params of requests are written too.

    Raises:
        StartError: The file cannot be opened; the text names it.
    """

    def __init__(self, clock: Clock, path: str = "", with_params: bool = False) -> None:
        self._clock = clock
        self._with_params = with_params
        self._entries: list[_Entry] = []
        self._timer: Timer | None = None
        self._second = -1
        self._stamp = ""
        self._failing = False
        self._descriptor = _open(path)

    @property
    def goes_nowhere(self) -> bool:
        """Whether the lines go to /dev/null, as a daemon's standard output does."""
        return os.fstat(self._descriptor).st_rdev == os.stat(os.devnull).st_rdev

    def connected(self, connection: Connection) -> None:
        """Writes that a client has come."""
        self._add(f"connect client={connection.id} from={connection.remote_address}")

    def disconnected(self, connection: Connection, reason: str) -> None:
        """Writes that a client has gone, and why."""
        seconds = time.time() - connection.connected_at / 1000
        self._add(
            f"disconnect client={connection.id} from={connection.remote_address} "
            f"requests={connection.requests} seconds={seconds:.3f} reason={_quoted(reason)}"
        )

    def turned_away(self, remote_address: str, reason: str, error: str | None = None) -> None:
        """Writes that a client has gone that was never welcomed, why, and what was wrong."""
        more = "" if error is None else f" error={_quoted(error)}"
        self._add(f"disconnect from={remote_address} reason={_quoted(reason)}{more}")

    def request(
        self,
        connection: Connection,
        number: int,
        name: str,
        started: float,
        finished: float,
        error: str | None = None,
        params: dict[str, object] | None = None,
    ) -> None:
        """Writes what a client asked, and what came of it.

        Args:
            connection: The client.
            number: The request's number.
            name: The verb or the action; empty where the line named none.
            started: When it came, in seconds since 1970.
            finished: When it was answered.
            error: What was wrong; None where nothing was.
            params: The action's params.
        """
        outcome = "ok" if error is None else f"error={_quoted(error)}"
        if params and self._with_params:
            outcome += " params=" + _quoted(params)[:MAX_PARAMS_CHARACTERS]
        self._entries.append((finished, connection, number, name, finished - started, outcome))
        if self._timer is None or len(self._entries) >= FLUSH_LINES:
            self._entries_came()

    def flush(self) -> None:
        """Writes what waits."""
        stop(self._timer)
        self._timer = None
        data = "".join(self._lines()).encode("utf-8", "backslashreplace")
        self._entries.clear()
        try:
            while data:
                data = data[os.write(self._descriptor, data) :]
            self._failing = False
        except OSError as error:
            if not self._failing:
                self._failing = True
                _log.error(
                    "the request log cannot be written, its lines are lost: {reason}",
                    reason=error.strerror,
                )

    def close(self) -> None:
        """Writes what waits, and closes the file."""
        self.flush()
        if self._descriptor != STANDARD_OUTPUT:
            os.close(self._descriptor)

    def _add(self, text: str) -> None:
        self._entries.append((time.time(), None, 0, text, 0.0, ""))
        self._entries_came()

    def _entries_came(self) -> None:
        if self._timer is None:
            self._timer = self._clock.callLater(FLUSH_SECONDS, self.flush)
        if len(self._entries) >= FLUSH_LINES:
            self.flush()

    def _lines(self) -> list[str]:
        """What waits, as text. To make it all at once costs half of one line at a time."""
        lines = []
        millisecond, stamp = -1, ""
        last, who = None, ""
        names: dict[str, str] = {}
        for finished, connection, number, name, seconds, outcome in self._entries:
            now = int(finished * 1000)
            if now != millisecond:
                millisecond, stamp = now, self._time(now)
            if connection is None:
                lines.append(f"{stamp} {name}\n")
                continue
            if connection is not last:
                last = connection
                who = f"client={connection.id} from={connection.remote_address}"
            shown = names.get(name)
            if shown is None:
                shown = names[name] = _shown(name)
            lines.append(
                f"{stamp} request {who} number={number} name={shown} "
                f"ms={seconds * 1000:.3f} {outcome}\n"
            )
        return lines

    def _time(self, milliseconds: int) -> str:
        second, rest = divmod(milliseconds, 1000)
        if second != self._second:
            self._second = second
            self._stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))
        return f"{self._stamp}.{rest:03d}Z"


def _shown(name: str) -> str:
    """A name as a line shows it: plain, or in quotes where it could be taken for more."""
    if name.isidentifier() and len(name) <= MAX_ECHOED_CHARACTERS:
        return name
    return _quoted(shorten(name))


def _quoted(value: object) -> str:
    try:
        text = json.dumps(value, ensure_ascii=False)
    except (TypeError, ValueError, RecursionError):
        text = repr(value)
    return printable(text)


def _open(path: str) -> int:
    if not path:
        return STANDARD_OUTPUT
    try:
        return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o640)
    except OSError as error:
        raise StartError(f"{path}: cannot open the request log: {error.strerror}") from None
    except ValueError as error:
        raise StartError(f"{printable(path)}: cannot open the request log: {error}") from None
