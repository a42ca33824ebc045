"""The request log: a line for each connection and each request, cheap enough to be on.

An event of `twisted.logger` costs 16 µs, as much as a whole request. So these lines are
made by hand and written to the log's own file, as twisted.web does with its access log.
Their parts are collected, and the lines are made together, at the latest
`FLUSH_SECONDS` after the first; a thread writes them.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any, Final, cast

from ..clock import Clock, Timer, stop
from ..connection.connected_client import ConnectedClient
from ..connection.connection import JsonParams, Params
from ..errors import shorten
from .lines import UNSHOWN, Form, TextForm
from .param_filter import ParamFilter
from .request_lines import Answered, Ended, Entry, RequestLines
from .selection import Selection
from .writer import LogWriter

FLUSH_SECONDS: Final = 0.5
FLUSH_LINES: Final = 1024
"""About as many lines wait in memory at most, ready to be written."""

PIECE_LINES: Final = 256
"""About as many lines are made at once. Larger pieces take memory from the system each time, which
costs eight times as much as the copying, and what waits longer costs the garbage collector."""

LEFT_OUT: Final = ""
"""The outcome of a request whose line is not written."""


class RequestLog:
    """Writes who connected, who asked what, how long it took and what came of it.

    Args:
        clock: Calls later.
        writer: Writes the lines.
        with_params: Whether the params of requests are written too.
        form: How the lines look.
        filter: Hides the values of some params.
        selection: Which requests are written; None for all.

    Attributes:
        writer: See above.
        selection: See above.
    """

    def __init__(
        self,
        clock: Clock,
        writer: LogWriter,
        with_params: bool = False,
        form: Form | None = None,
        filter: ParamFilter | None = None,
        selection: Selection | None = None,
    ) -> None:
        self._clock = clock
        self._with_params = with_params
        self._form = form or TextForm()
        self._filter = filter or ParamFilter()
        self.selection = selection
        self._entries: list[Entry] = []
        self._waiting = 0
        self._pieces: list[bytes] = []
        self._made: RequestLines | None = None
        self._timer: Timer | None = None
        self.writer = writer

    def select(self, selection: Selection | None) -> None:
        """Choose which requests are written from now on; None for all."""
        self.selection = selection

    def connected(self, connection: ConnectedClient) -> None:
        """Writes that a client has come."""
        self._add(self._form.connected(connection))

    def disconnected(self, connection: ConnectedClient, reason: str) -> None:
        """Writes that a client has gone, and why."""
        seconds = time.monotonic() - connection.opened
        more = self._fields(connection) if connection.log_fields else ""
        self._add(self._form.disconnected(connection, seconds, reason, more))

    def turned_away(self, remote_address: str, reason: str, error: str | None = None) -> None:
        """Writes that a client has gone that was never welcomed, why, and what was wrong."""
        self._add(self._form.turned_away(remote_address, reason, error))

    def request(self, name: str, started: float, error: str | None, params: Params | None) -> Ended:
        """The entry for a request that was answered just now; for `answered`.

        Args:
            name: The verb or the action; empty where the line named none.
            started: When it came, in seconds by the monotonic clock.
            error: The error; None without one.
            params: The action's params, as they are now.

        Returns:
            Its name, when it came, when it was answered, its outcome as text (None for a mere
            ``ok``, `LEFT_OUT` where it is not written), and whether it failed.
        """
        finished = time.monotonic()
        selection = self.selection
        if selection is not None and not selection.keeps(error is not None, finished - started):
            return name, started, finished, LEFT_OUT, error is not None
        if error is None and not (self._with_params and params):
            return name, started, finished, None, False
        return name, started, finished, self._outcome(name, error, params), error is not None

    def answered(
        self,
        connection: ConnectedClient,
        number: int,
        requests: Sequence[Answered],
        started: float,
        finished: float,
    ) -> None:
        """Writes requests of a client that followed one another, and what came of them.

        Args:
            connection: The client.
            number: The first one's number.
            requests: The entry of each. Verbs between two times have taken equal
                shares of what is between these.
            started: When the first came, in seconds by the monotonic clock.
            finished: When the last was answered.
        """
        if self.selection is not None:
            requests = self._selected(self.selection, requests, started, finished)
            if not any(requests):
                return
        self._entries.append((connection, number, requests, started, finished))
        self._waiting += len(requests)
        if self._timer is None or self._waiting >= PIECE_LINES:
            self._entries_came()

    def flush(self) -> None:
        """Hands what waits to the writer."""
        stop(self._timer)
        self._timer = None
        if self._entries:
            self._make_piece()
        # It keeps clients and names that may have gone.
        self._made = None
        if self._pieces:
            self.writer.put(*self._pieces)
            self._pieces.clear()

    def _outcome(self, name: str, error: str | None, params: Params | None) -> str:
        """The outcome of a request, without values that are to be hidden."""
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

    def _fields(self, connection: ConnectedClient) -> str:
        """The application's fields of a client, without values that are to be hidden."""
        try:
            shown = self._filter.params(connection.log_fields)
        except RecursionError:
            return ""
        return self._form.fields(cast(dict[str, Any], shown))

    def _name(self, name: str) -> str:
        return self._form.name(self._filter.assignments(shorten(name)))

    def _add(self, text: str) -> None:
        now = time.monotonic()
        self._entries.append((None, 0, (text,), now, now))
        self._waiting += 1
        self._entries_came()

    def _entries_came(self) -> None:
        if self._timer is None:
            self._timer = self._clock.callLater(FLUSH_SECONDS, self.flush)
        if self._waiting >= PIECE_LINES:
            self._make_piece()
            if len(self._pieces) * PIECE_LINES >= FLUSH_LINES:
                self.flush()

    def _selected(
        self,
        selection: Selection,
        requests: Sequence[Answered],
        started: float,
        finished: float,
    ) -> list[Answered]:
        """Requests without those that are not to be written."""
        seconds = (finished - started) / len(requests)
        return [
            (each if selection.keeps(False, seconds) else None)
            if type(each) is str
            else (None if each is None or each[3] == LEFT_OUT else each)
            for each in requests
        ]

    def _make_piece(self) -> None:
        """Makes the lines of the entries, all at once: that costs half of one at a time."""
        if self._made is None:
            self._made = RequestLines(self._form, self._name, self._fields)
        text = self._made.make(self._entries)
        self._entries.clear()
        self._waiting = 0
        self._pieces.append(text.encode("utf-8", "backslashreplace"))
