"""What the console shows: answers as JSON, files as text where they are any."""

from __future__ import annotations

import base64
import json
import re
from typing import Any, Final

from ...errors import printable, printable_lines

MOST_OF_A_FILE: Final = 4096
"""So many characters of a file are shown in a terminal."""

_TOKEN: Final = re.compile(
    r'(?P<key>"(?:[^"\\]|\\.)*")(?=:)|(?P<text>"(?:[^"\\]|\\.)*")'
    r"|(?P<number>-?\d[\d.eE+-]*)|(?P<word>\b(?:true|false|null)\b)"
)
_COLOURS: Final = {"key": "34", "text": "32", "number": "36", "word": "35"}
_DIM: Final = "2"
_RED: Final = "31"


def compact(message: object) -> bytes:
    """A message as one line of JSON."""
    text = json.dumps(message, ensure_ascii=False, separators=(",", ":"))
    return text.encode("utf-8", "backslashreplace") + b"\n"


def file_message(content: bytes) -> dict[str, Any]:
    """A file in place of an answer: as text where it is UTF-8, else as Base64."""
    message: dict[str, Any] = {"context": "response", "bytes": len(content)}
    try:
        message["text"] = content.decode()
    except UnicodeDecodeError:
        message["base64"] = base64.b64encode(content).decode()
    return message


def paint(text: str, colour: str) -> str:
    """Text in a colour, for a terminal."""
    return f"\x1b[{colour}m{text}\x1b[0m"


def _paint_token(match: re.Match[str]) -> str:
    return paint(match[0], _COLOURS[match.lastgroup or "word"])


def indented(message: object) -> str:
    """A message as coloured, indented JSON, in which nothing steers the terminal."""
    text = printable_lines(json.dumps(message, ensure_ascii=False, indent=2))
    return _TOKEN.sub(_paint_token, text)


def answered(message: dict[str, Any], number: int, seconds: float) -> str:
    """An answer, and how long it took."""
    text = indented(message)
    return f"{text}\n{paint(f'#{number} · {seconds * 1000:.1f} ms', _DIM)}"


def said(message: dict[str, Any]) -> str:
    """A message of another client, or of the server."""
    if message.get("context") == "user" and {"from", "room", "message"} <= message.keys():
        head = f"{message['from']} in {message['room']}:"
        return f"{paint(printable(head), _DIM)} {printable(str(message['message']))}"
    return indented(message)


def file_shown(content: bytes, seconds: float) -> str:
    """A file's content, or what there is to say of it."""
    size = f"{len(content):,} bytes"
    try:
        text = content.decode()
    except UnicodeDecodeError:
        text, size = "", f"{size}, no text"
    shown = printable_lines(text[:MOST_OF_A_FILE].replace("\r\n", "\n").replace("\t", "    "))
    if len(text) > MOST_OF_A_FILE:
        size += f", of which {MOST_OF_A_FILE:,} characters are shown"
    end = "" if not shown or shown.endswith("\n") else "\n"
    return f"{shown}{end}{paint(f'{size} · {seconds * 1000:.1f} ms', _DIM)}"


def failed(error: object) -> str:
    """The error."""
    return paint(printable(str(error)), _RED)
