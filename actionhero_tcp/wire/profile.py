"""How clients of one dialect are spoken to beside the answers to their requests.

The server's parts ask a client's profile and never its dialect's name.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from . import json_lines
from .framing import LineSplitter


def _hex_id() -> str:
    return uuid.uuid4().hex


def _as_it_is(line: bytes) -> bytes:
    return line


@dataclass(frozen=True, slots=True, eq=False)
class Profile:
    """The server's behaviour and messages for clients of a dialect, without a request.

    Attributes:
        new_id: Makes the id of a client.
        splitter: Makes what splits a client's bytes; takes the longest line in bytes.
        enters_default_room: Whether a client is in ``general.defaultChatRoom`` from its welcome on.
        hears_itself: Whether a client gets what it says to a room.
        hears_moves: Whether a client hears who enters and leaves its rooms.
        one_line_at_a_time: Whether a client gets one line in a packet at most.
        server_message: Makes its form of what the server says to a room, of the form of 2012.
        goodbye: The goodbye to a client when the server stops.
        idle_goodbye: The goodbye to a client that was silent for too long.
        refusal: Writes an error that answers no request of a welcomed client, of its text and
            number.
    """

    new_id: Callable[[], str] = _hex_id
    splitter: Callable[[int], LineSplitter] = LineSplitter
    enters_default_room: bool = True
    hears_itself: bool = False
    hears_moves: bool = True
    one_line_at_a_time: bool = False
    server_message: Callable[[bytes], bytes] = _as_it_is
    goodbye: bytes = json_lines.GOODBYE
    idle_goodbye: bytes = json_lines.IDLE_GOODBYE
    refusal: Callable[[str, int], bytes] = json_lines.error

    @property
    def is_plain(self) -> bool:
        """Whether room messages reach such a client as they are written for the first dialect."""
        return self.hears_moves and self.server_message is _as_it_is


PROFILE_2012: Final = Profile()
