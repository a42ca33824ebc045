"""The frames of WebSocket (RFC 6455), as a server reads and writes them; without a transport.

wsproto, which Twisted's own WebSocket is built on, takes three to five times as much of the
processor for a short message as all else that the server does for it.
"""

from __future__ import annotations

from collections.abc import Iterator
from struct import Struct
from typing import Final

CONTINUATION: Final = 0x0
TEXT: Final = 0x1
BINARY: Final = 0x2
CLOSE: Final = 0x8
PING: Final = 0x9
PONG: Final = 0xA
"""Kinds of frames."""

NORMAL: Final = 1000
PROTOCOL_ERROR: Final = 1002
NOT_UTF_8: Final = 1007
TOO_BIG: Final = 1009
TRY_AGAIN_LATER: Final = 1013
"""Codes with which a connection is closed."""

MAX_CONTROL_BYTES: Final = 125

_FINAL: Final = 0x80
_MASKED: Final = 0x80
_SHORT: Final = 125
_TWO_BYTES: Final = 126
_EIGHT_BYTES: Final = 127
_HEAD_16: Final = Struct("!BBH")
_HEAD_64: Final = Struct("!BBQ")

_TEXT_HEADS: Final = [bytes((_FINAL | TEXT, size)) for size in range(_SHORT + 1)]


class FrameError(Exception):
    """The client's input is no WebSocket, or too much.

    Args:
        code: The code to close the connection with.
        text: What is wrong.
    """

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code


def frame(payload: bytes, kind: int = BINARY) -> bytes:
    """Returns a whole message as one frame.

    Args:
        payload: Its content.
        kind: Its kind.
    """
    size = len(payload)
    if size <= _SHORT:
        return bytes((_FINAL | kind, size)) + payload
    if size < 1 << 16:
        return _HEAD_16.pack(_FINAL | kind, _TWO_BYTES, size) + payload
    return _HEAD_64.pack(_FINAL | kind, _EIGHT_BYTES, size) + payload


def text_frames(lines: bytes) -> bytes:
    """Returns lines that end in ``\\r\\n`` as text messages without these ends."""
    parts = []
    for line in lines.split(b"\r\n"):
        size = len(line)
        if 0 < size <= _SHORT:
            parts.append(_TEXT_HEADS[size])
        elif size:
            head = _HEAD_16 if size < 1 << 16 else _HEAD_64
            length = _TWO_BYTES if size < 1 << 16 else _EIGHT_BYTES
            parts.append(head.pack(_FINAL | TEXT, length, size))
        else:
            continue
        parts.append(line)
    return b"".join(parts)


def close_frame(code: int) -> bytes:
    """Returns the frame that closes a connection."""
    return frame(code.to_bytes(2, "big"), CLOSE)


class FrameReader:
    """Reads a client's frames.

    Args:
        max_bytes: The most bytes of a message, over all its frames.
    """

    __slots__ = ("_buffer", "_kind", "_max_bytes", "_needed", "_parts", "_size")

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._buffer = bytearray()
        self._needed = 2
        self._kind = CONTINUATION
        self._parts: list[bytes] = []
        self._size = 0

    @property
    def held(self) -> int:
        """The bytes that it keeps of a message whose end has not come."""
        return len(self._buffer) + self._size

    def feed(self, data: bytes) -> Iterator[tuple[int, bytes]]:
        """Takes bytes, and yields the messages and control frames that they complete.

        Yields:
            The kind (`TEXT`, `BINARY`, `CLOSE`, `PING` or `PONG`) and the content.

        Raises:
            FrameError: The client breaks the protocol, or a message is too long.
        """
        buffer = self._buffer
        buffer += data
        start = 0
        try:
            while len(buffer) - start >= self._needed:
                found = self._head(start)
                if found is None:
                    continue
                first, begin, size = found
                payload = _unmasked(buffer, begin, size)
                start = begin + size
                self._needed = 2
                message = self._take(first, payload)
                if message is not None:
                    yield message
        finally:
            del buffer[:start]

    def _head(self, start: int) -> tuple[int, int, int] | None:
        """The first byte of a frame, and where its content begins and how long it is.

        None where not all of it is there; then `_needed` says how much it needs.
        """
        buffer = self._buffer
        first, second = buffer[start], buffer[start + 1]
        if not second & _MASKED:
            raise FrameError(PROTOCOL_ERROR, "a frame of a client is not masked")
        size, head = second & 0x7F, 2
        if size > _SHORT:
            head += 2 if size == _TWO_BYTES else 8
            if len(buffer) - start < head:
                self._needed = head
                return None
            size = int.from_bytes(buffer[start + 2 : start + head], "big")
        self._check(first, size)
        self._needed = head + 4 + size
        if len(buffer) - start < self._needed:
            return None
        return first, start + head + 4, size

    def _check(self, first: int, size: int) -> None:
        kind = first & 0x0F
        if first & 0x70:
            raise FrameError(PROTOCOL_ERROR, "a frame uses an extension")
        if kind >= CLOSE:
            if kind > PONG:
                raise FrameError(PROTOCOL_ERROR, f"a frame is of the unknown kind {kind}")
            if size > MAX_CONTROL_BYTES or not first & _FINAL:
                raise FrameError(PROTOCOL_ERROR, "a control frame is too long, or in parts")
            return
        if kind > BINARY:
            raise FrameError(PROTOCOL_ERROR, f"a frame is of the unknown kind {kind}")
        if (kind == CONTINUATION) != (self._kind != CONTINUATION):
            raise FrameError(PROTOCOL_ERROR, "a message begins within another, or has no beginning")
        if self._size + size > self._max_bytes:
            raise FrameError(TOO_BIG, f"a message is longer than {self._max_bytes} bytes")

    def _take(self, first: int, payload: bytes) -> tuple[int, bytes] | None:
        kind = first & 0x0F
        if kind >= CLOSE:
            return kind, payload
        if kind == CONTINUATION:
            kind = self._kind
        if not first & _FINAL:
            self._kind = kind
            self._parts.append(payload)
            # An empty part also takes memory.
            self._size += len(payload) + 64
            return None
        if self._parts:
            payload = b"".join([*self._parts, payload])
            self._parts.clear()
        self._kind, self._size = CONTINUATION, 0
        if kind == TEXT and not payload.isascii():
            try:
                payload.decode()
            except UnicodeDecodeError:
                raise FrameError(NOT_UTF_8, "a text message is not UTF-8") from None
        return kind, payload


def _unmasked(buffer: bytearray, begin: int, size: int) -> bytes:
    """The content of a frame, without its mask, which are the four bytes before it."""
    mask = bytes(buffer[begin - 4 : begin])
    content = bytes(buffer[begin : begin + size])
    if mask == b"\0\0\0\0":
        return content
    key = int.from_bytes((mask * (size // 4 + 1))[:size], "little")
    return (int.from_bytes(content, "little") ^ key).to_bytes(size, "little")
