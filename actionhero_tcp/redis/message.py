"""Messages between processes over the channel of a room, and their senders.

A message is a line of JSON, ``[node, event, words]``, and for what was said the line that the
listeners get after it. It begins with the node, so that each process knows its own.
"""

from __future__ import annotations

from typing import Final

import ujson

JOINED: Final = "joined"
LEFT: Final = "left"
ARRIVED: Final = "arrived"
"""Joined, to be announced later; or never, should it leave before."""
ANNOUNCED: Final = "announced"
WITHDRAWN: Final = "withdrawn"
"""Left without having been announced."""
SAID: Final = "said"
SAID_EXCEPT: Final = "saidExcept"
"""Said by the application to all but some clients, whose ids are the words."""

_MEMBERSHIP: Final = (JOINED, LEFT, ARRIVED, ANNOUNCED, WITHDRAWN)


Happening = tuple[str, str, list[str]]
"""What came from elsewhere: the process, what it is, and the clients;
of what was said the match, if there is one, or the clients that do not get it."""


def head(node: str | None, event: str, words: list[str]) -> bytes:
    """The first line of a message."""
    text: str = ujson.dumps([node, event, words], ensure_ascii=False)
    return text.encode("utf-8", "surrogatepass") + b"\n"


def beginning(node: str) -> bytes:
    """The prefix of all messages of a process, in each of its incarnations."""
    return f'["{node.partition(".")[0]}.'.encode()


def line_of(message: bytes) -> bytes:
    """The text, as its listeners get it."""
    return message[message.index(b"\n") + 1 :]


def parse(message: bytes) -> Happening | None:
    """The content of a message; None if it is none of ours."""
    first, _, line = message.partition(b"\n")
    try:
        node, event, words = ujson.loads(first)
    except (ValueError, TypeError):
        return None
    if not isinstance(node, str) or not isinstance(words, list):
        return None
    if not all(isinstance(word, str) for word in words):
        return None
    if event == SAID:
        well = len(words) in (0, 2) and line.endswith(b"\r\n")
    elif event == SAID_EXCEPT:
        well = line.endswith(b"\r\n")
    else:
        well = event in _MEMBERSHIP
    return (node, event, words) if well else None


def is_same_process(node: str, other: str) -> bool:
    """Whether two ids are those of one process, be it in two incarnations."""
    return node.partition(".")[0] == other.partition(".")[0]


def incarnation(node: str) -> int:
    """The how manieth incarnation of its process an id is; 0 where it is no such id."""
    number = node.partition(".")[2]
    return int(number) if number.isdecimal() and len(number) < 20 else 0
