"""Strict JSON in.

msgspec reads what comes from the network. It refuses some texts that JSON allows (lone
surrogates as escapes), and its errors are worded for Python, so whatever it refuses is read
again by the scanner of the standard library, which decides and words the error.
"""

from __future__ import annotations

import json
import json.scanner
from math import isinf
from typing import Final

import msgspec

from ..errors import ClientError, LimitError, shorten

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


_decode = msgspec.json.Decoder().decode
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
        value: object = _decode(text)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        value = _read_slowly(text if isinstance(text, str) else text.decode(), max_depth)
    if may_be_deeper(text, max_depth) and _depth(value) > max_depth:
        raise _too_deep(max_depth)
    return value


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
