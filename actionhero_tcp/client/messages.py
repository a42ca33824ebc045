"""Lines of the server to messages."""

from __future__ import annotations

from typing import Final

import msgspec

from ..errors import ClientError
from ..wire import json_reader

MAX_DEPTH: Final = 500
"""Answers that are nested deeper make no sense."""

SHOWN_BYTES: Final = 64

decode: Final = msgspec.json.Decoder().decode
"""Read a line; raises ValueError or RecursionError for those that `read_slowly` is for."""


def read_slowly(line: bytes) -> object:
    """Read a line that msgspec refuses, such as half a character; None where it is no JSON."""
    try:
        return json_reader.loads(line, MAX_DEPTH)
    except (ClientError, UnicodeDecodeError):
        return None


def shown(line: bytes) -> str:
    """The beginning of a line that is no message, for an error."""
    return ascii(line[:SHOWN_BYTES])[1:]
