"""Strict JSON in.

msgspec reads what comes from the network. It refuses some texts that JSON allows (lone
surrogates as escapes), and its errors are worded for Python, so whatever it refuses is read
again by the scanner of the standard library, which decides and words the error.
"""

from __future__ import annotations

import gc
import json
import json.scanner
import re
from collections.abc import Callable
from itertools import accumulate
from math import isinf
from typing import Final

import msgspec

from ..errors import ClientError, LimitError, shorten

_JSON_BLANKS: Final = " \t\r\n"

_STRINGS: Final = re.compile(rb'"(?:[^"\\]++|\\.)*+"')
_BRACES_TO_BRACKETS: Final = bytes.maketrans(b"{}", b"[]")
_NO_BRACKETS: Final = bytes(byte for byte in range(256) if byte not in b"[]{}")
_STEPS: Final = {ord("["): 1, ord("]"): -1}
_INNER_LEVELS: Final = 3

LONG_TEXT: Final = 4096
"""So many characters may be a thousand objects, which Python's collector would look through."""


class _RefusedError(ValueError):
    """A JSON text with a number that is none: NaN, an infinity, 1e400."""


def _refuse_constant(name: str) -> float:
    raise _RefusedError(f"{name} is not JSON")


def _finite(text: str) -> float:
    value = float(text)
    if isinf(value):
        raise _RefusedError(f"the number {shorten(text)} is too large")
    return value


_decode: Callable[[str | bytes], object] = msgspec.json.Decoder().decode
_decoder = json.JSONDecoder(parse_constant=_refuse_constant, parse_float=_finite)
_scan = json.scanner.make_scanner(_decoder)  # type: ignore[arg-type]


def loads(text: str | bytes, max_depth: int) -> object:
    """Read one JSON text, strictly.

    Args:
        text: The text, with no blanks before it; bytes are UTF-8.
        max_depth: How deeply objects and lists may be nested.

    Raises:
        ClientError: It is no JSON, or nested too deeply; the text says which.
        UnicodeDecodeError: The bytes are not UTF-8.
    """
    try:
        value = _decode(text) if len(text) < LONG_TEXT else _decode_long(text)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        value = _read_slowly(text if isinstance(text, str) else text.decode(), max_depth)
    if may_be_deeper(text, max_depth) and _depth(_as_bytes(text)) > max_depth:
        raise _too_deep(max_depth)
    return value


def _decode_long(text: str | bytes) -> object:
    """Read a text that may hold many objects, without the collector.

    It would look through all objects of the process again and again while they are made, which
    takes four times as long as to read them, and find nothing.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        return _decode(text)
    finally:
        if was_on:
            gc.enable()


def may_be_deeper(text: str | bytes, max_depth: int) -> bool:
    """Whether a JSON text could be nested deeper than that; False is certain."""
    # Each level takes two characters.
    if len(text) <= 2 * max_depth:
        return False
    if isinstance(text, str):
        return text.count("[") + text.count("{") > max_depth
    return text.count(b"[") + text.count(b"{") > max_depth


def _read_slowly(text: str, max_depth: int) -> object:
    """Read what msgspec has refused, or word the error."""
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
    return value


def _as_bytes(text: str | bytes) -> bytes:
    return text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass")


def _too_deep(max_depth: int) -> LimitError:
    return LimitError("maxJsonDepth", f"the JSON is nested deeper than {max_depth} levels")


def _depth(text: bytes) -> int:
    """How deeply a JSON text is nested, which has been found to be valid.

    It looks at brackets alone: to walk through the values takes longer than to read them.
    """
    if b'"' in text:
        outside = _STRINGS.sub(b"", text) if b"\\" in text else b"".join(text.split(b'"')[::2])
    else:
        outside = text
    brackets = outside.translate(_BRACES_TO_BRACKETS, _NO_BRACKETS)
    # Most are innermost ones, or around those: without these all others are one less deep.
    inner = 0
    while brackets and inner < _INNER_LEVELS:
        brackets = brackets.replace(b"[]", b"")
        inner += 1
    return inner + max(accumulate(map(_STEPS.__getitem__, brackets)), default=0)
