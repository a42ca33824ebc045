"""The request log: a line for each connection and each request, cheap enough to be on.

An event of `twisted.logger` costs 16 µs, as much as a whole request. So these lines are
made by hand and written to the log's own file, as twisted.web does with its access log.
What they are made of is gathered, and the lines are made and written together, at the
latest `FLUSH_SECONDS` after the first.
"""

from __future__ import annotations

import time
from typing import Final

from ..clock import Clock, Timer, stop
from ..connection.connection import Connection, JsonParams, Params
from ..errors import shorten
from .lines import UNSHOWN, Form, TextForm, stamp
from .param_filter import ParamFilter
from .writer import LogWriter

FLUSH_SECONDS: Final = 0.5
FLUSH_LINES: Final = 1000
"""As many lines wait in memory at most."""

_MILLISECONDS: Final = [f"0.{microseconds:03d}" for microseconds in range(1000)]
"""Most requests take less than one. To format a float costs twice as much as to look it up."""

_Entry = tuple[Connection | None, int, str, float, float, str | None]
"""Who, the request's number, its name, when it came, when it was answered, its outcome."""


class RequestLog:
    """Writes who connected, who asked what, how long it took and what came of it.

    Args:
        clock: Calls later.
        writer: Writes the lines.
        with_params: Whether the params of requests are written too.
        form: How the lines look.
        filter: Hides the values of some params.

    Attributes:
        writer: See above.
    """

    def __init__(
        self,
        clock: Clock,
        writer: LogWriter,
        with_params: bool = False,
        form: Form | None = None,
        filter: ParamFilter | None = None,
    ) -> None:
        self._clock = clock
        self._with_params = with_params
        self._form = form or TextForm()
        self._filter = filter or ParamFilter()
        self._entries: list[_Entry] = []
        self._timer: Timer | None = None
        self.writer = writer

    def connected(self, connection: Connection) -> None:
        """Writes that a client has come."""
        self._add(self._form.connected(connection))

    def disconnected(self, connection: Connection, reason: str) -> None:
        """Writes that a client has gone, and why."""
        seconds = time.monotonic() - connection.opened
        self._add(self._form.disconnected(connection, seconds, reason))

    def turned_away(self, remote_address: str, reason: str, error: str | None = None) -> None:
        """Writes that a client has gone that was never welcomed, why, and what was wrong."""
        self._add(self._form.turned_away(remote_address, reason, error))

    def request(
        self,
        connection: Connection,
        number: int,
        name: str,
        started: float,
        finished: float,
        error: str | None = None,
        params: Params | None = None,
    ) -> None:
        """Writes what a client asked, and what came of it.

        Args:
            connection: The client.
            number: The request's number.
            name: The verb or the action; empty where the line named none.
            started: When it came, in seconds by the monotonic clock.
            finished: When it was answered.
            error: What was wrong; None where nothing was.
            params: The action's params.
        """
        outcome = None
        if error is not None or (params and self._with_params):
            outcome = self._outcome(name, error, params)
        self._entries.append((connection, number, name, started, finished, outcome))
        if self._timer is None or len(self._entries) >= FLUSH_LINES:
            self._entries_came()

    def flush(self) -> None:
        """Hands what waits to the writer."""
        stop(self._timer)
        self._timer = None
        if self._entries:
            lines = self._lines()
            self._entries.clear()
            self.writer.put("".join(lines).encode("utf-8", "backslashreplace"), len(lines))

    def _outcome(self, name: str, error: str | None, params: Params | None) -> str:
        """What came of a request, with no value in it that is to be hidden."""
        if isinstance(params, JsonParams):
            params = params.read()
        if error is not None:
            error = self._filter.text(error, params)
            if not name.isidentifier():
                # It may be repeated in the error.
                error = self._filter.assignments(error)
        shown: object = None
        if self._with_params:
            try:
                shown = self._filter.params(params)
            except RecursionError:
                shown = UNSHOWN
        return self._form.outcome(error, shown)

    def _name(self, name: str) -> str:
        return self._form.name(self._filter.assignments(shorten(name)))

    def _add(self, text: str) -> None:
        now = time.monotonic()
        self._entries.append((None, 0, text, now, now, None))
        self._entries_came()

    def _entries_came(self) -> None:
        if self._timer is None:
            self._timer = self._clock.callLater(FLUSH_SECONDS, self.flush)
        if len(self._entries) >= FLUSH_LINES:
            self.flush()

    def _lines(self) -> list[str]:
        """What waits, as text. To make it all at once costs half of one line at a time."""
        form = self._form
        start, ok = form.start, form.ok
        lines: list[str] = []
        earliest = latest = 0.0
        # The wall clock as it is set now, for all of them.
        since_1970 = time.time() - time.monotonic()
        time_text = request = who = name_text = ""
        last: Connection | None = None
        last_name: str | None = None
        whos: dict[Connection, str] = {}
        names: dict[str, str] = {}
        for connection, number, name, started, finished, outcome in self._entries:
            if not earliest <= finished < latest:
                now = int((finished + since_1970) * 1000)
                earliest, latest = now / 1000 - since_1970, (now + 1) / 1000 - since_1970
                time_text = start + stamp(now)
                request = time_text + form.request
            if connection is not last:
                last = connection
                if connection is not None:
                    who = whos.get(connection) or whos.setdefault(connection, form.who(connection))
            if connection is None:
                lines.append(time_text + name)
                continue
            if name is not last_name:
                last_name = name
                name_text = names.get(name) or names.setdefault(name, self._name(name))
            microseconds = int((finished - started) * 1e6 + 0.5)
            if 0 <= microseconds < 1000:
                taken = _MILLISECONDS[microseconds]
            else:
                taken = f"{microseconds / 1000:.3f}"
            lines.append(f"{request}{who}{number}{name_text}{taken}{outcome or ok}")
        return lines
