"""The request log: a line for each connection and each request, cheap enough to be on.

An event of `twisted.logger` costs 16 µs, as much as a whole request. So these lines are
made by hand and written to the log's own file, as twisted.web does with its access log.
What they are made of is gathered, and the lines are made together, at the latest
`FLUSH_SECONDS` after the first; a thread writes them.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Final

from ..clock import Clock, Timer, stop
from ..connection.connection import Connection
from ..errors import shorten
from .lines import UNSHOWN, Form, TextForm, stamp
from .param_filter import ParamFilter
from .selection import Selection
from .writer import LogWriter

FLUSH_SECONDS: Final = 0.5
FLUSH_LINES: Final = 1024
"""About as many lines wait in memory at most."""

PIECE_LINES: Final = 256
"""Lines that are put together at once. Larger pieces take memory from the system each time,
which costs eight times as much as the copying."""

_MILLISECONDS: Final = [f"0.{microseconds:03d}" for microseconds in range(1000)]
"""Most requests take less than one. To format a float costs twice as much as to look it up."""

Item = str | tuple[str, str] | float | None
"""One of the items that tell what a client's requests were, in order of their numbers.

A text is the name of a request that was answered. With a second text it is a name and an
outcome that is not merely ``ok``. None is a request that is not logged, or not yet. A number is
the time when those before it were answered: one alone where it is known by itself, or several
one after the other, each of which has taken an equal share.
"""

_Entry = tuple[Connection | None, int, float, Sequence[Item]]
"""Who, the first request's number, when it came, and what followed; or a line's time and text."""


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
        self._waiting = 0
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
        params: dict[str, object] | None = None,
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
        self.answered(
            connection, number, started, (self.item(name, error, params), finished)
        )

    def item(self, name: str, error: str | None, params: dict[str, object] | None) -> Item:
        """What tells of a request that was answered.

        Args:
            name: The verb or the action; empty where the line named none.
            error: What was wrong; None where nothing was.
            params: The action's params, as they are now.
        """
        if error is None and not (params and self._with_params):
            return name
        return name, self._outcome(name, error, params)

    def answered(
        self, connection: Connection, number: int, started: float, items: Sequence[Item]
    ) -> None:
        """Writes what a client's requests were, and what came of them.

        Args:
            connection: The client.
            number: The first request's number.
            started: When it came, in seconds by the monotonic clock.
            items: What followed, up to a time; see `Item`.
        """
        if self._selection is not None:
            items = _selected(items, started, self._selection)
        self._entries.append((connection, number, started, items))
        self._entries_came(len(items))

    def flush(self) -> None:
        """Hands what waits to the writer."""
        stop(self._timer)
        self._timer = None
        entries, self._entries, self._waiting = self._entries, [], 0
        if entries:
            pieces, lines = self._pieces(entries)
            self.writer.put(*pieces, lines=lines)

    def _outcome(self, name: str, error: str | None, params: object) -> str:
        """What came of a request, with no value in it that is to be hidden."""
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
        self._entries.append((None, 0, now, (text,)))
        self._entries_came(1)

    def _entries_came(self, lines: int) -> None:
        self._waiting += lines
        if self._timer is None:
            self._timer = self._clock.callLater(FLUSH_SECONDS, self.flush)
        if self._waiting >= FLUSH_LINES:
            self.flush()

    def _pieces(self, entries: Sequence[_Entry]) -> tuple[list[bytes], int]:
        """The lines of entries, many together, and how many they are.

        To make them at once costs half of one at a time.
        """
        form, ok = self._form, self._form.ok
        pieces: list[bytes] = []
        lines: list[str] = []
        count = 0
        earliest = latest = 0.0
        # The wall clock as it is set now, for all of them.
        since_1970 = time.time() - time.monotonic()
        stamp_text = begin = who = ""
        last: Connection | None = None
        whos: dict[Connection, str] = {}
        names: dict[str, str] = {}
        for connection, number, started, items in entries:
            if len(lines) >= PIECE_LINES:
                count += len(lines)
                pieces.append(_encoded(lines))
                lines.clear()
            if connection is None:
                (text,) = items
                lines.append(f"{form.start}{stamp(int((started + since_1970) * 1000))}{text}")
                continue
            if connection is not last:
                last = connection
                who = whos.get(connection) or whos.setdefault(connection, form.who(connection))
                earliest = latest
            group: list[tuple[int, str, str]] = []
            for item in items:
                if type(item) is not float:
                    if item is not None:
                        name, outcome = (item, ok) if type(item) is str else item
                        text = names.get(name) or names.setdefault(name, self._name(name))
                        group.append((number, text, outcome))
                    number += 1
                    continue
                if not group:
                    started = item
                    continue
                if not earliest <= item < latest:
                    now = int((item + since_1970) * 1000)
                    earliest, latest = now / 1000 - since_1970, (now + 1) / 1000 - since_1970
                    begin = f"{form.start}{stamp(now)}{form.request}{who}"
                microseconds = int((item - started) / len(group) * 1e6 + 0.5)
                if 0 <= microseconds < 1000:
                    taken = _MILLISECONDS[microseconds]
                else:
                    taken = f"{microseconds / 1000:.3f}"
                for one, text, outcome in group:
                    lines.append(f"{begin}{one}{text}{taken}{outcome}")
                group.clear()
                started = item
        pieces.append(_encoded(lines))
        return pieces, count + len(lines)


def _selected(items: Sequence[Item], started: float, selection: Selection) -> list[Item]:
    """Items without the requests that are not to be written."""
    kept: list[Item] = []
    first = 0
    for item in items:
        if type(item) is float:
            names = [each for each in kept[first:] if each is not None]
            seconds = (item - started) / max(len(names), 1)
            for place in range(first, len(kept)):
                each = kept[place]
                if each is not None and not selection.keeps(type(each) is tuple, seconds):
                    kept[place] = None
            started = item
            first = len(kept) + 1
        kept.append(item)
    return kept


def _encoded(lines: Sequence[str]) -> bytes:
    return "".join(lines).encode("utf-8", "backslashreplace")
