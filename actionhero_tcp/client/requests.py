"""Calls to the lines that ask for them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Final

from ..wire import json_writer

_NAMES_KEPT: Final = 1024

QUIT: Final = b"quit\n"
"""The request that ends a connection."""


@lru_cache(_NAMES_KEPT)
def _head(name: str) -> bytes:
    return b'{"action":%b,"params":' % json_writer.dumps(name)


@lru_cache(_NAMES_KEPT)
def bare(name: str) -> bytes:
    """A request for an action that has no params; see `action`."""
    return b'{"action":%b}\n' % json_writer.dumps(name)


@lru_cache(_NAMES_KEPT)
def empty(name: str) -> bytes:
    """A request for an action with no params, which says so; see `action`."""
    return _head(name) + b"{}}\n"


def action(name: str, params: Mapping[str, object]) -> bytes:
    """A request for an action, as JSON.

    Args:
        name: The action's name.
        params: Its params, made of JSON's own types.

    Raises:
        UnserializableError: The params are no JSON; the text says which and why.
    """
    return _head(name) + json_writer.dumps(params) + b"}\n" if params else bare(name)


def verb(word: str, argument: str = "") -> bytes:
    """A request for a verb.

    Raises:
        ValueError: The argument holds a line end, which no line can.
    """
    if "\n" in argument or "\r" in argument:
        raise ValueError(f"{word} takes one line, and this has a line end: {argument[:64]!r}")
    return f"{word} {argument}\n".encode() if argument else f"{word}\n".encode()


def raw(text: str) -> bytes:
    """A line as somebody has typed it, without its end.

    Raises:
        ValueError: It holds a line end, or is empty, which the server does not answer.
    """
    text = text.removesuffix("\r")
    if not text or "\n" in text:
        raise ValueError("a request is one line that is not empty")
    return text.encode("utf-8", "surrogateescape") + b"\n"
