r"""The wire format: strict JSON in, strict JSON lines out.

Writing is ujson's, which is fast but lenient: it writes ``NaN``, turns a
``Decimal`` into a float and calls methods named ``__json__``. So what an
application hands over is checked first. Reading is the scanner of the standard
library: ujson reads ``-``, ``01``, ``1.`` and raw control characters, and to find
these out beforehand costs more than the strict scanner does (measured, see
docs/architecture.md).

Responses are put together from a *head* (all fields but the last, with no closing
brace) and the request's number, since most heads are constants.
"""

from __future__ import annotations

import json
import json.scanner
from collections.abc import Callable, Mapping
from math import isinf
from typing import Final

import ujson

from ..errors import ClientError, LimitError, UnserializableError, shorten

END_OF_LINE: Final = b"\r\n"
"""What ends every line the server sends."""

# Its type stubs differ in what stands at which position.
_ujson_dumps: Final[Callable[..., str]] = ujson.dumps

_SCALARS: Final = frozenset({str, int, float, bool, type(None)})
_JSON_BLANKS: Final = " \t\r\n"


class _RefusedError(ValueError):
    """A JSON text with a number that is none: NaN, an infinity, 1e400."""


def _refuse_constant(name: str) -> float:
    raise _RefusedError(f"{name} is not JSON")


def _finite(text: str) -> float:
    value = float(text)
    if isinf(value):
        raise _RefusedError(f"the number {shorten(text)} is too large")
    return value


_decoder = json.JSONDecoder(parse_constant=_refuse_constant, parse_float=_finite)
_scan = json.scanner.make_scanner(_decoder)  # type: ignore[arg-type]


def loads(text: str, max_depth: int) -> object:
    """Reads one JSON text, strictly.

    Args:
        text: The text, with no blanks before it.
        max_depth: How deeply objects and lists may be nested.

    Raises:
        ClientError: It is no JSON, or nested too deeply; the text says which.
    """
    try:
        value, end = _scan(text, 0)
    except RecursionError:
        raise _too_deep(max_depth) from None
    except _RefusedError as error:
        raise ClientError(f"the line is not valid JSON: {error}") from None
    except json.JSONDecodeError as error:
        raise ClientError(
            f"the line is not valid JSON: {error.msg.removesuffix(' at')} "
            f"at character {error.pos + 1}"
        ) from None
    except StopIteration as stop:
        raise ClientError(
            f"the line is not valid JSON: Expecting value at character {stop.value + 1}"
        ) from None
    except ValueError:
        raise ClientError("the line is not valid JSON: a number has too many digits") from None
    if end != len(text) and text[end:].strip(_JSON_BLANKS):
        raise ClientError(f"the line is not valid JSON: Extra data at character {end + 1}")
    # Each level takes two characters.
    if len(text) > 2 * max_depth and _depth(value) > max_depth:
        raise _too_deep(max_depth)
    return value


def _too_deep(max_depth: int) -> LimitError:
    return LimitError("maxJsonDepth", f"the JSON is nested deeper than {max_depth} levels")


def _depth(value: object) -> int:
    """How deeply a parsed value is nested; level by level, so that no depth overflows."""
    depth, level = 0, [value]
    while level := [item for item in level if type(item) is dict or type(item) is list]:
        depth += 1
        level = [child for item in level for child in _children(item)]
    return depth


def _children(container: object) -> list[object]:
    if isinstance(container, dict):
        return list(container.values())
    assert isinstance(container, list)
    return container


def dumps_trusted(value: object) -> bytes:
    """Encodes a value that is known to be made of JSON's own types, such as a client's params."""
    return encode(_text(value))


def _text(value: object) -> str:
    # Positional, because ujson takes 400 ns to look at keywords: not ASCII only,
    # no HTML escapes, no escaped slashes, unsorted, no indent, no NaN.
    return _ujson_dumps(value, False, False, False, False, 0, False)


def encode(text: str) -> bytes:
    """JSON text as UTF-8; a lone surrogate, which that cannot carry, as an escape."""
    try:
        return text.encode()
    except UnicodeEncodeError:
        # JSON's escape for a lone surrogate is Python's.
        return text.encode("utf-8", "backslashreplace")


def dumps(value: object) -> bytes:
    """Encodes a value from the application.

    Args:
        value: Made of dict (with str keys), list, tuple, str, int, float, bool and None.

    Raises:
        UnserializableError: It holds anything else, NaN or an infinity, is nested
            too deeply or contains itself.
    """
    text = _checked_text(value)
    try:
        return text.encode()
    except UnicodeEncodeError:
        return encode(text)


def _checked_text(value: object) -> str:
    try:
        if type(value) is dict:
            for key, item in value.items():
                if type(item) not in _SCALARS or type(key) is not str:
                    _check(value, "it")
                    break
        elif type(value) not in _SCALARS:
            _check(value, "it")
        return _ujson_dumps(value, False, False, False, False, 0, False)
    except (OverflowError, ValueError, RecursionError) as error:
        raise UnserializableError(f"it is not JSON: {error}") from None


def _check(value: object, where: str) -> None:
    """Refuses what ujson would write although it is no JSON."""
    if isinstance(value, dict):
        for key, item in value.items():
            if type(key) is not str and not isinstance(key, str):
                raise UnserializableError(f"{where} has the key {key!r}, which is no str")
            if type(item) not in _SCALARS:
                _check(item, key)
    elif isinstance(value, list | tuple):
        for item in value:
            if type(item) not in _SCALARS:
                _check(item, where)
    elif not isinstance(value, str | int | float) or _has_own_encoding(value):
        raise UnserializableError(
            f"{where} holds a value of type {type(value).__name__}, which is no JSON"
        )


def _has_own_encoding(value: object) -> bool:
    return hasattr(value, "__json__") or hasattr(value, "toDict")


def line(message: Mapping[str, object]) -> bytes:
    """One message as a line that a client gets.

    Raises:
        UnserializableError: See `dumps`.
    """
    return dumps(dict(message)) + END_OF_LINE


def message_line(message: object) -> bytes:
    """A message from the application: ``"context":"api"`` is added where it names none.

    Raises:
        UnserializableError: See `dumps`.
    """
    if not isinstance(message, Mapping):
        raise UnserializableError(f"a message is a dict, not of type {type(message).__name__}")
    return line(message if "context" in message else {**message, "context": "api"})


def head(fields: Mapping[str, object]) -> bytes:
    """All of a response but its number: an object with no closing brace, ready for `NUMBERED`."""
    return dumps(dict(fields))[:-1] + (b"," if fields else b"")


NUMBERED: Final = b'%b"messageCount":%d}\r\n'
"""A whole response line, of its head and its request's number."""


_OK_HEAD: Final = b'{"context":"response","status":"OK",'


def result(outcome: object, number: int) -> bytes:
    """The response to an action that succeeded.

    Args:
        outcome: What the action returned: a dict, or None for ``"status":"OK"``.
        number: The request's number.

    Raises:
        UnserializableError: The outcome is no JSON object.
    """
    if type(outcome) is not dict or not outcome:
        return _rare_result(outcome, number)
    if "messageCount" in outcome or "context" in outcome:
        return _rare_result(outcome, number)
    fields = _checked_text(outcome)[1:-1]
    text = f'{{"context":"response",{fields},"messageCount":{number}}}\r\n'
    try:
        return text.encode()
    except UnicodeEncodeError:
        return encode(text)


def _rare_result(outcome: object, number: int) -> bytes:
    if outcome is None:
        return NUMBERED % (_OK_HEAD, number)
    if not isinstance(outcome, dict):
        raise UnserializableError(
            f"it is of type {type(outcome).__name__}; an action returns a dict or None"
        )
    fields = {"context": "response", **outcome}
    fields.pop("messageCount", None)
    return NUMBERED % (head(fields), number)


def error(text: str, number: int, fields: Mapping[str, object] | None = None) -> bytes:
    """The response to a request that failed.

    Raises:
        UnserializableError: The further fields are no JSON.
    """
    body: dict[str, object] = {"context": "response", "error": text}
    if fields:
        body = {**body, **fields, **body}
        body.pop("messageCount", None)
    return NUMBERED % (head(body), number)
