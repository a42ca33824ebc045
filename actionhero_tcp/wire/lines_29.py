"""Lines of the dialect of actionHero 29: what the server sends, and how it splits what it gets."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from random import getrandbits
from typing import Any, Final

from ..errors import UnserializableError
from .framing import INTERRUPTS, TOO_LONG, LineSplitter
from .json_writer import as_builtins, dumps
from .profile import Profile

_END: Final = b'"messageId":%b,"messageCount":%d}\r\n'
_OK: Final = b'{"status":"OK","context":"response",' + _END
_DATA: Final = b'{"status":"OK","context":"response","data":%b,' + _END
_PLAIN: Final = b'{%b,"context":"response",' + _END
_NOTHING: Final = b'{"context":"response",' + _END
_NAMES: Final = frozenset(("context", "messageId", "messageCount"))
_TAILS: Final = (b'"context"', b'"messageId"', b'"messageCount"')

FAREWELL: Final = b'{"status":"Bye","context":"api"}\r\n'
"""The goodbye before the server closes, whatever the reason."""


_ID_TAILS: Final = tuple(b'%03x"' % number for number in range(4096))


def _message_ids() -> Iterator[bytes]:
    """Make UUIDs of version 4, as JSON, which need not be hard to guess.

    The last three digits count up; the others are random, and change when these are used up.
    Each at random would take as long as a whole answer.
    """
    while True:
        digits = b"%028x" % getrandbits(112)
        variant = b"89ab"[getrandbits(2)]
        head = b'"%b-%b-4%b-%c%b-%b' % (
            *(digits[:8], digits[8:12], digits[12:15], variant, digits[15:18], digits[18:27]),
        )
        for tail in _ID_TAILS:
            yield head + tail


_new_message_id: Final = _message_ids().__next__


def message_id(params: Mapping[str, Any]) -> bytes:
    """The id of a request, as JSON: the sticky param, where it is truthy, else a new one."""
    given = params.get("messageId")
    # An empty list or object is true in JavaScript.
    if given is None or not (given or type(given) in (list, dict)):
        return _new_message_id()
    return dumps(given)


def done(id: bytes, number: int) -> bytes:
    """The answer of a verb that has no result."""
    return _OK % (id, number)


def data(value: object, id: bytes, number: int) -> bytes:
    """The answer of a verb with its result."""
    return _DATA % (dumps(value), id, number)


def encoded(value: bytes, id: bytes, number: int) -> bytes:
    """The answer of a verb with its result, which is JSON already."""
    return _DATA % (value, id, number)


def error(text: str, id: bytes, number: int, fields: Mapping[str, object] | None = None) -> bytes:
    """The answer to a request that failed; further fields come before the error.

    Raises:
        UnserializableError: The further fields are no JSON.
    """
    return _answer({**(fields or {}), "error": text}, id, number)


def result(outcome: object, id: bytes, number: int) -> bytes:
    """The answer of an action that succeeded.

    Args:
        outcome: What it returned: anything that is written as a JSON object, or None.
        id: The request's id, as JSON.
        number: The request's number.

    Raises:
        UnserializableError: The outcome is no JSON object.
    """
    if outcome is None:
        return _NOTHING % (id, number)
    if type(outcome) is dict:
        if not _NAMES.isdisjoint(outcome):
            return _answer(outcome, id, number)
        text = dumps(outcome)
    else:
        text = dumps(outcome)
        if text[:1] != b"{":
            raise UnserializableError(
                f"it is of type {type(outcome).__name__}; an action returns an object: a dict, "
                "a Struct, a dataclass or the like, or None"
            )
        if any(tail in text for tail in _TAILS):
            fields: Any = as_builtins(outcome)
            return _answer(fields, id, number)
    if text == b"{}":
        return _NOTHING % (id, number)
    return _PLAIN % (text[1:-1], id, number)


def part(value: object, id: bytes, number: int, context: str) -> bytes:
    """A part of an answer, of a context that these clients pass over.

    Raises:
        UnserializableError: The value is no JSON object.
    """
    fields: Any = {} if value is None else value
    if not isinstance(fields, Mapping):
        fields = as_builtins(value)
    if not isinstance(fields, Mapping):
        raise UnserializableError(f"a part is an object, not of type {type(value).__name__}")
    return _answer(fields, id, number, context)


def _answer(
    fields: Mapping[str, object], id: bytes, number: int, context: str = "response"
) -> bytes:
    """An answer of fields, of which those with the names of ours are replaced."""
    body = {**fields, "context": context}
    body.pop("messageId", None)
    body.pop("messageCount", None)
    return b"%b,%b" % (dumps(body)[:-1], _END % (id, number))


_BY_SERVER: Final = b',"from":0,"context":'


def server_message(line: bytes) -> bytes:
    """A room message in this dialect: the server's own are from ``"0"``.

    Args:
        line: The message in the form of the first dialect.
    """
    message, mark, tail = line.rpartition(_BY_SERVER)
    # A client's text cannot hold the mark, for its quotes are escaped; JSON of the application
    # can, but then the last one is ours.
    if not mark or b'"from":' in tail:
        return line
    return b'%b,"from":"0","context":%b' % (message, tail)


class SplitterOfReturns(LineSplitter):
    """Splits at line feeds, and takes each carriage return for one."""

    __slots__ = ()

    def _without_returns(self, data: bytes) -> bytes:
        return data.replace(b"\r", b"\n")


class DelimiterSplitter(LineSplitter):
    """Splits at a delimiter other than the line feed.

    Args:
        delimiter: The delimiter; a carriage return in the input is a line feed before it is
            looked for.
        longest: How many bytes a line may have, the delimiter aside.
    """

    __slots__ = ("_delimiter", "_limit", "_rest", "_too_long")

    def __init__(self, delimiter: bytes, longest: int) -> None:
        super().__init__(longest)
        self._delimiter = delimiter
        self._limit = longest
        self._rest = bytearray()
        self._too_long = False

    def feed(self, data: bytes) -> list[bytes]:
        """See `LineSplitter.feed`."""
        if data in INTERRUPTS and not self._rest:
            return [data]
        delimiter, rest, lines = self._delimiter, self._rest, list[bytes]()
        searched = max(0, len(rest) - len(delimiter) + 1)
        rest += data.replace(b"\r", b"\n")
        if rest.find(delimiter, searched) >= 0:
            *found, last = bytes(rest).split(delimiter)
            lines = [line if len(line) <= self._limit else TOO_LONG for line in found]
            if self._too_long:
                del lines[0]
                self._too_long = False
            rest[:] = last
        if len(rest) >= self._limit + len(delimiter):
            # As much as may be the beginning of a delimiter stays.
            del rest[: len(rest) - len(delimiter) + 1]
            if not self._too_long:
                lines.append(TOO_LONG)
            self._too_long = True
        self.size = len(rest)
        return lines

    def forget(self) -> None:
        """See `LineSplitter.forget`."""
        super().forget()
        self._rest = bytearray()
        self._too_long = False


def profile_29(delimiter: str = "", max_data_length: int = 0) -> Profile:
    """How clients of this dialect are spoken to.

    Args:
        delimiter: The end of their lines; empty for a line feed.
        max_data_length: The longest line in bytes; 0 for the server's own limit alone.
    """
    ends = delimiter.replace("\r\n", "\n").replace("\r", "\n").encode()
    split: Callable[[int], LineSplitter] = SplitterOfReturns
    if ends not in (b"", b"\n"):
        split = partial(DelimiterSplitter, ends)

    def splitter(longest: int) -> LineSplitter:
        return split(min(longest, max_data_length or longest))

    return Profile(
        new_id=lambda: str(uuid.uuid4()),
        splitter=splitter,
        enters_default_room=False,
        hears_itself=True,
        hears_moves=False,
        server_message=server_message,
        goodbye=FAREWELL,
        idle_goodbye=FAREWELL,
        refusal=lambda text, number: error(text, message_id({}), number),
    )
