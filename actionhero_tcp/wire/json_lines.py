"""Lines of JSON: what the server sends.

Responses are put together from a *head* (all fields but the last, with no closing
brace) and the request's number, since most heads are constants.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from ..errors import UnserializableError
from .json_writer import as_builtins, dumps

END_OF_LINE: Final = b"\r\n"
"""What ends every line the server sends."""


def line(message: Mapping[str, object]) -> bytes:
    """One message as a line that a client gets.

    Raises:
        UnserializableError: See `json_writer.dumps`.
    """
    return dumps(dict(message)) + END_OF_LINE


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
_END: Final = b',"messageCount":%d}\r\n'


def result(outcome: object, number: int) -> bytes:
    """The response to an action that succeeded.

    Args:
        outcome: What the action returned: anything that is written as a JSON object, or None
            for ``"status":"OK"``.
        number: The request's number.

    Raises:
        UnserializableError: The outcome is no JSON object.
    """
    if outcome is None:
        return NUMBERED % (_OK_HEAD, number)
    if type(outcome) is dict:
        if "context" in outcome or "messageCount" in outcome:
            return _renamed_result(outcome, number)
        text = dumps(outcome)
    else:
        text = dumps(outcome)
        if text[:1] != b"{":
            raise UnserializableError(
                f"it is of type {type(outcome).__name__}; an action returns an object: a dict, "
                "a Struct, a dataclass or the like, or None"
            )
        if b'"context":' in text or b'"messageCount":' in text:
            return _renamed_result(as_builtins(outcome), number)
    if text == b"{}":
        return NUMBERED % (_START, number)
    return _START + text[1:-1] + _END % number


def _renamed_result(fields: Any, number: int) -> bytes:
    """A result whose fields may have names that are ours."""
    fields = {"context": "response", **fields}
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
