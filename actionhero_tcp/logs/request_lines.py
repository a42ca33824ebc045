"""Makes the lines of many requests at once, from parts that they share."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

from ..connection.connected_client import ConnectedClient
from .lines import Form, stamp

Ended = tuple[str, float, float, str | None, bool]
"""The arguments of `RequestLog.request`."""

Answered = str | Ended | None
"""What there is to say of a request: the name of a verb that was answered without an error; what
`RequestLog.request` gives; or None where it is not logged, or not yet."""

Entry = tuple[ConnectedClient | None, int, Sequence[Any], float, float]
"""A client, the number of its first request, what there is to say of each, when the first came and
when the last was answered; or a line's text and time."""


class RequestLines:
    """Makes lines. It keeps the parts of those made before, with their clients.

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
        self._names = _Texts(name)
        self._clients = _Texts(lambda connection: form.request + form.who(connection))
        # The wall clock as it is set now, for all of them.
        self._since_1970 = time.time() - time.monotonic()

    def make(self, entries: Iterable[Entry]) -> str:
        """Make the lines of entries, in their order."""
        names, clients, ok = self._names, self._clients, self._form.ok
        lines: list[str] = []
        append = lines.append
        now, begin, end = "", 0.0, 0.0
        for connection, number, requests, started, finished in entries:
            if not begin <= finished < end:
                now, begin, end = self._stamp(finished)
            if connection is None:
                append(now + requests[0])
                continue
            client = clients[connection]
            if connection.log_fields:
                client = self._form.request + self._form.who(connection, self._fields(connection))
            if len(requests) > 1:
                lines += self._several(now + client, number, requests, started, finished)
                continue
            request, outcome = requests[0], ok
            if type(request) is not str:
                if request is None:
                    continue
                request, started, finished, text, _ = request
                outcome = text or ok
            taken = TAKEN[int((finished - started) * 1e6 + 0.5)]
            append(f"{now}{client}{number}{names[request]}{taken}{outcome}")
        return "".join(lines)

    def _stamp(self, finished: float) -> tuple[str, float, float]:
        """A time as text, and from when to when it is that, by the monotonic clock."""
        since = self._since_1970
        milliseconds = int((finished + since) * 1000)
        begin = milliseconds / 1000 - since
        return self._form.start + stamp(milliseconds), begin, begin + 0.001

    def _several(
        self,
        begin: str,
        number: int,
        requests: Sequence[Answered],
        started: float,
        finished: float,
    ) -> list[str]:
        """The lines of requests of one client that followed one another."""
        first, names, ok = requests[0], self._names, self._form.ok
        thousands, numbers = _numbers(number, len(requests))
        begin += thousands
        if type(first) is str and requests.count(first) == len(requests):
            end = f"{names[first]}{_each(finished - started, requests)}{ok}"
            return [begin, f"{end}{begin}".join(numbers), end]
        lines: list[str] = []
        verbs: list[str] = []
        for end, request in zip(numbers, requests, strict=True):
            if type(request) is tuple:
                name, came, ended, outcome, _ = request
                if verbs:
                    lines += _ended(verbs, came - started, ok)
                    verbs.clear()
                started = ended
                taken = TAKEN[int((ended - came) * 1e6 + 0.5)]
                lines.append(f"{begin}{end}{names[name]}{taken}{outcome or ok}")
            elif type(request) is str:
                verbs.append(f"{begin}{end}{names[request]}")
        if verbs:
            lines += _ended(verbs, finished - started, ok)
        return lines


def _ended(verbs: Sequence[str], seconds: float, ok: str) -> list[str]:
    """The lines of verbs that took so many seconds together."""
    end = _each(seconds, verbs) + ok
    return [verb + end for verb in verbs]


def _each(seconds: float, verbs: Sequence[object]) -> str:
    """The milliseconds of each of so many verbs."""
    return TAKEN[int(seconds / len(verbs) * 1e6 + 0.5)]


def _numbers(first: int, count: int) -> tuple[str, Sequence[str]]:
    """Numbers that follow one another: what all of them begin with, and the rest of each."""
    thousands, rest = divmod(first, len(_ENDS))
    if thousands and rest + count <= len(_ENDS):
        return str(thousands), _ENDS[rest : rest + count]
    return "", [str(number) for number in range(first, first + count)]


_ENDS: Final = tuple(f"{number:03d}" for number in range(1000))
"""To make a text of a number costs more than to copy the rest of the line."""


class _Texts(dict[Any, str]):
    """Texts by what they are made of, each made once."""

    def __init__(self, make: Callable[[Any], str]) -> None:
        self._make = make

    def __missing__(self, key: Any) -> str:
        text = self[key] = self._make(key)
        return text


class _Taken(dict[int, str]):
    """Milliseconds to the microsecond, by microseconds; those of short times are kept."""

    def __missing__(self, microseconds: int) -> str:
        text = f"{microseconds / 1000:.3f}"
        if 0 <= microseconds < 1000:
            self[microseconds] = text
        return text


TAKEN: Final = _Taken()
"""To format a number costs twice as much as to look it up, and most requests take less than one
millisecond."""
