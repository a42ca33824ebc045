"""The request log: a line for each connection and each request, cheap enough to be on.

An event of `twisted.logger` costs 16 µs, as much as a whole request. So these lines are
made by hand and written to the log's own file, as twisted.web does with its access log.
Their parts are collected, and the lines are made together, at the latest
`FLUSH_SECONDS` after the first; a thread writes them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any, Final, cast

from ..clock import Clock, Timer, stop
from ..connection.connected_client import ConnectedClient
from ..connection.connection import JsonParams, Params
from ..errors import shorten
from .lines import UNSHOWN, Form, TextForm, stamp
from .param_filter import ParamFilter
from .selection import Selection
from .writer import LogWriter

FLUSH_SECONDS: Final = 0.5
FLUSH_LINES: Final = 1024
"""About as many lines wait in memory at most, ready to be written."""

PIECE_LINES: Final = 256
"""About as many lines are made at once. Larger pieces take memory from the system each time, which
costs eight times as much as the copying, and what waits longer costs the garbage collector."""

Answered = str | tuple[str, float, float, str | None, bool] | None
"""What there is to say of a request: the name of a verb that was answered without an error; what
`RequestLog.request` gives; or None where it is not logged, or not yet."""

_Entry = tuple[ConnectedClient | None, int, Sequence[Any], float, float]
"""A client, the number of its first request, what there is to say of each, when the first came and
when the last was answered; or a line's text and time."""


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
        self._selection = selection
        self._entries: list[_Entry] = []
        self._waiting = self._lines = 0
        self._pieces: list[bytes] = []
        self._made: _Lines | None = None
        self._timer: Timer | None = None
        self.writer = writer

    @property
    def keeps_all(self) -> bool:
        """Whether each request is written."""
        return self._selection is None

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

    def request(
        self, name: str, started: float, error: str | None, params: Params | None
    ) -> Answered:
        """The entry for a request that was answered just now; for `answered`.

        Args:
            name: The verb or the action; empty where the line named none.
            started: When it came, in seconds by the monotonic clock.
            error: The error; None without one.
            params: The action's params, as they are now.

        Returns:
            Its name, when it came, when it was answered, its outcome as text (None for a mere
            ``ok``), and whether it failed; None where it is not written.
        """
        finished = time.monotonic()
        selection = self._selection
        if selection is not None and not selection.keeps(error is not None, finished - started):
            return None
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
        if self._selection is not None:
            requests = self._selected(requests, (finished - started) / len(requests))
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
            self.writer.put(*self._pieces, lines=self._lines)
            self._pieces.clear()
            self._lines = 0

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
            if self._lines >= FLUSH_LINES:
                self.flush()

    def _selected(self, requests: Sequence[Answered], seconds: float) -> list[Answered]:
        """Requests without the verbs that are not to be written.

        Args:
            requests: The requests.
            seconds: How long a verb has taken.
        """
        keeps = cast(Selection, self._selection).keeps
        return [
            None if type(each) is str and not keeps(False, seconds) else each for each in requests
        ]

    def _make_piece(self) -> None:
        """Makes the lines of the entries, all at once: that costs half of one at a time."""
        lines: list[str] = []
        if self._made is None:
            self._made = _Lines(self._form, self._name, self._fields)
        for entry in self._entries:
            self._made.add(lines, entry)
        self._entries.clear()
        self._waiting = 0
        self._pieces.append("".join(lines).encode("utf-8", "backslashreplace"))
        self._lines += len(lines)


class _Texts(dict[Any, str]):
    """Texts by what they are made of, each made once."""

    def __init__(self, make: Callable[[Any], str]) -> None:
        self._make = make

    def __missing__(self, key: Any) -> str:
        text = self[key] = self._make(key)
        return text


class _Lines:
    """Makes lines, which have many parts in common.

    Args:
        form: How they look.
        name: Makes the text of a name.
        fields: Makes the text of what the application says of a client.
    """

    def __init__(
        self, form: Form, name: Callable[[str], str], fields: Callable[[ConnectedClient], str]
    ) -> None:
        self._form = form
        self._fields = fields
        self._ok = form.ok
        self._names = _Texts(name)
        self._clients = _Texts(lambda connection: form.request + form.who(connection))
        self._stamps = _Texts(lambda milliseconds: form.start + stamp(milliseconds))
        # The wall clock as it is set now, for all of them.
        self._since_1970 = time.time() - time.monotonic()

    def add(self, lines: list[str], entry: _Entry) -> None:
        """Add the lines of an entry to others."""
        connection, number, requests, started, finished = entry
        begin = self._stamps[int((finished + self._since_1970) * 1000)]
        if connection is None:
            lines.append(begin + requests[0])
            return
        if connection.log_fields:
            form = self._form
            begin += form.request + form.who(connection, self._fields(connection))
        else:
            begin += self._clients[connection]
        names, ok = self._names, self._ok
        if len(requests) == 1 and type(requests[0]) is str:
            taken = _TAKEN[int((finished - started) * 1e6 + 0.5)]
            lines.append(f"{begin}{number}{names[requests[0]]}{taken}{ok}")
            return
        verbs: list[str] = []
        for request in requests:
            if type(request) is str:
                verbs.append(f"{begin}{number}{names[request]}")
            elif request is not None:
                name, came, ended, outcome, _ = request
                if verbs:
                    lines += self._ended(verbs, came - started)
                    verbs.clear()
                started = ended
                taken = _TAKEN[int((ended - came) * 1e6 + 0.5)]
                lines.append(f"{begin}{number}{names[name]}{taken}{outcome or ok}")
            number += 1
        if verbs:
            lines += self._ended(verbs, finished - started)

    def _ended(self, verbs: Sequence[str], seconds: float) -> list[str]:
        """The lines of verbs that took so many seconds together."""
        end = _TAKEN[int(seconds / len(verbs) * 1e6 + 0.5)] + self._ok
        return [verb + end for verb in verbs]


class _Taken(dict[int, str]):
    """Milliseconds to the microsecond, by microseconds; those of short times are kept."""

    def __missing__(self, microseconds: int) -> str:
        text = f"{microseconds / 1000:.3f}"
        if 0 <= microseconds < 1000:
            self[microseconds] = text
        return text


_TAKEN: Final = _Taken()
"""To format a number costs twice as much as to look it up, and most requests take less than one
millisecond."""
