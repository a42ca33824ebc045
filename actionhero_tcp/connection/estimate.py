"""Estimates, from above, how many bytes the memory takes for what was received as text.

The figures were measured with `tracemalloc` on CPython 3.11: an empty list within a list takes
83 bytes for two bytes of text, an object with one member 192 for seven, a short string 72 for
five. So the estimate counts the signs of JSON in the text, which costs a few µs for 64 KiB, where
a walk through the parsed value would cost milliseconds.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

LINE_BYTES: Final = 48
"""A short `bytes` object and its place in a queue, beside its content."""

SOME_BYTES: Final = 1024
"""What is there once, whatever the size: the first block of a queue, the objects around a text."""

PARAM_BYTES: Final = 256
"""A sticky param, beside the text of its key and value: two strings and an entry of a dict."""

REQUEST_BYTES: Final = 2048
"""A request whose action runs: its Deferred, timer, coroutine and connection face."""

WIDEST: Final = 4
"""Bytes that each character of a string takes in which one is beyond U+FFFF."""

SHORT: Final = 256
"""A text of no more bytes is not looked through; it counts as if it were the dearest."""

_MOST: Final = 48
"""Nested lists take the most memory for each byte of text."""

_SIGNS: Final = ((b",", 40), (b'"', 16), (b":", 40), (b"[", 88), (b"{", 96))
"""The bytes of a value, half a string, a member, a list and an object."""


def json_bytes(text: bytes) -> int:
    """The most that the value of a JSON text takes, the text in any case included.

    Args:
        text: The text; it need not be JSON.
    """
    if len(text) <= SHORT:
        return SOME_BYTES + len(text) * _MOST
    wide = not text.isascii() or b"\\u" in text
    size = len(text) * (WIDEST if wide else 1) + SOME_BYTES
    for sign, cost in _SIGNS:
        size += text.count(sign) * cost
    return size


def params_bytes(params: Mapping[str, Any]) -> int:
    """The most that a request with sticky params takes, with what its inputs make of them.

    Args:
        params: The params: texts, and numbers. A text may hold JSON, which an input of a list
            or of an object parses.
    """
    size = 0
    for value in params.values():
        size += PARAM_BYTES
        if type(value) is str and value:
            size += json_bytes(value.encode("utf-8", "surrogatepass"))
    return size


def lines_bytes(lines: Iterable[bytes]) -> int:
    """The memory of lines in a queue."""
    return SOME_BYTES + sum(len(line) + LINE_BYTES for line in lines)
