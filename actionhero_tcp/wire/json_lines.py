"""Lines of JSON: what the server sends.

Responses are put together from a *head* (all fields but the last, with no closing
brace) and the request's number, since most heads are constants.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

import msgspec

from .. import close_reasons
from ..errors import UnserializableError
from .json_writer import NEWLINE, as_builtins, check, dumps, encode

END_OF_LINE: Final = b"\r\n"
"""The end of every line that the server sends."""


def line(message: Mapping[str, object]) -> bytes:
    """One message as a line that a client gets.

    Raises:
        UnserializableError: See `json_writer.dumps`.
    """
    return dumps(dict(message)) + END_OF_LINE


GOODBYE: Final = line({"status": "Server going down NOW", "context": "api"})
"""The goodbye to clients when the server stops."""

IDLE_GOODBYE: Final = line(
    {"status": "Bye!", "reason": close_reasons.IDLE_TIMEOUT, "context": "api"}
)
"""The goodbye to a client that was silent for too long."""


def message_line(message: object) -> bytes:
    """A message from the application: ``"context":"api"`` is added where it names none.

    Args:
        message: What is written as a JSON object.

    Raises:
        UnserializableError: It is not; or see `json_writer.dumps`.
    """
    fields = message if isinstance(message, Mapping) else as_builtins(message)
    if not isinstance(fields, Mapping):
        raise UnserializableError(f"a message is a dict, not of type {type(message).__name__}")
    return line(fields if "context" in fields else {**fields, "context": "api"})


def head(fields: Mapping[str, object]) -> bytes:
    """All of a response but its number: an object with no closing brace, ready for `NUMBERED`."""
    return dumps(dict(fields))[:-1] + (b"," if fields else b"")


NUMBERED: Final = b'%b"messageCount":%d}\r\n'
"""A whole response line, of its head and its request's number."""


_OK_HEAD: Final = b'{"context":"response","status":"OK",'
_START: Final = b'{"context":"response",'


def result(outcome: object, number: int) -> bytes:
    """The response to an action that succeeded.

    Args:
        outcome: What the action returned: anything that is written as a JSON object, or None
            for ``"status":"OK"``.
        number: The request's number.

    Raises:
        UnserializableError: The outcome is no JSON object.
    """
    kind: Any = type(outcome)
    if kind is dict:
        if "context" in outcome or "messageCount" in outcome:  # type: ignore[operator]
            return _renamed_result(outcome, number)
    elif outcome is None:
        return NUMBERED % (_OK_HEAD, number)
    elif not _is_plain(kind):
        return _other_result(outcome, number)
    # As `dumps`, without the call: every response comes by here.
    try:
        text: bytes = encode(outcome)
    except Exception:
        text = dumps(outcome)
    if text.find(b"null") >= 0 or NEWLINE in text:
        text = check(outcome, text)
    if text == b"{}":
        return NUMBERED % (_START, number)
    return b'{"context":"response",%b,"messageCount":%d}\r\n' % (text[1:-1], number)


@lru_cache(maxsize=1024)
def _is_plain(kind: type) -> bool:
    """Whether a class is a `Struct`, written as an object, without fields of our names."""
    if not issubclass(kind, msgspec.Struct) or kind.__struct_config__.array_like:
        return False
    names = {kind.__struct_config__.tag_field, *kind.__struct_encode_fields__}
    return names.isdisjoint(("context", "messageCount"))


def _other_result(outcome: object, number: int) -> bytes:
    """The response where what was returned is neither a dict nor a plain `Struct`."""
    text = dumps(outcome)
    if text[:1] != b"{":
        raise UnserializableError(
            f"it is of type {type(outcome).__name__}; an action returns an object: a dict, "
            "a Struct, a dataclass or the like, or None"
        )
    return _renamed_result(as_builtins(outcome), number)


def _renamed_result(fields: Any, number: int) -> bytes:
    """A result whose fields may have names that are ours."""
    fields = {"context": "response", **fields}
    fields.pop("messageCount", None)
    return NUMBERED % (head(fields), number)


def part(value: object, number: int, context: str = "stream") -> bytes:
    """A part of the answer to an action.

    Args:
        value: What the action yielded: anything that is written as a JSON object, or None for
            a part without fields.
        number: The request's number.
        context: The part.

    Raises:
        UnserializableError: It is no JSON object.
    """
    fields: Any = {} if value is None else value
    if type(fields) is not dict:
        if dumps(value)[:1] != b"{":
            raise UnserializableError(
                f"it is of type {type(value).__name__}; an action yields objects: a dict, "
                "a Struct, a dataclass or the like"
            )
        fields = as_builtins(value)
    own = {"context": context}
    body = {**own, **fields, **own}
    body.pop("messageCount", None)
    return NUMBERED % (head(body), number)


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
