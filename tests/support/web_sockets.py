"""A client over WebSocket that looks like a socket: lines in, lines out, and content of files."""

from __future__ import annotations

import contextlib
import socket
from typing import Any

UPGRADE = (
    b"GET /ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
TEXT, BINARY, CLOSE = 1, 2, 8


class WebSocketStream:
    """Turns each line that is sent into a message, and each message that comes into a line.

    What is sent goes out as binary messages, which may hold anything, under a mask of zeros. An
    unfinished line waits for its end, as half a message. A WebSocket has no half-open state: to
    shut down one side is to hang up.

    Args:
        stream: A socket that is connected to the web port.
    """

    def __init__(self, stream: socket.socket) -> None:
        self._stream = stream
        self._buffer = bytearray()
        self._unsent = b""
        self._line = b""
        self._ended = False
        stream.sendall(UPGRADE)
        while b"\r\n\r\n" not in self._buffer:
            chunk = stream.recv(65536)
            assert chunk, self._buffer
            self._buffer += chunk
        head, _, self._buffer = self._buffer.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 101 "), head

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def send(self, data: bytes) -> int:
        """Takes all bytes, as long as what was taken before is sent; see `socket.send`."""
        self._flush()
        if self._unsent:
            raise BlockingIOError
        *lines, self._line = (self._line + data).split(b"\n")
        self._unsent = b"".join(_masked(line) for line in lines)
        with contextlib.suppress(BlockingIOError):
            self._flush()
        return len(data)

    def sendall(self, data: bytes) -> None:
        """See `socket.sendall`."""
        self.send(data)
        while self._unsent:
            self._flush()

    def recv(self, size: int) -> bytes:
        """Returns what the messages that have come hold, or b"" at the end."""
        while not self._ended:
            if found := self._messages():
                return found
            if self._ended:
                break
            chunk = self._stream.recv(size)
            if not chunk:
                break
            self._buffer += chunk
        return b""

    def shutdown(self, how: int) -> None:
        """Hangs up."""
        self._stream.shutdown(socket.SHUT_RDWR)

    def _flush(self) -> None:
        while self._unsent:
            self._unsent = self._unsent[self._stream.send(self._unsent) :]

    def _messages(self) -> bytes:
        buffer, start, found = self._buffer, 0, bytearray()
        while len(buffer) - start >= 2:
            size, head = buffer[start + 1], 2
            if size > 125:
                head = 4 if size == 126 else 10
                size = int.from_bytes(buffer[start + 2 : start + head], "big")
            if len(buffer) - start < head + size or (size and len(buffer) - start < head):
                break
            kind = buffer[start] & 0x0F
            content = buffer[start + head : start + head + size]
            start += head + size
            if kind == TEXT:
                found += content + b"\r\n"
            elif kind == BINARY:
                found += content
            elif kind == CLOSE:
                self._ended = True
                break
        del buffer[:start]
        return bytes(found)


def _masked(line: bytes) -> bytes:
    size = len(line)
    if size <= 125:
        head = bytes((0x80 | BINARY, 0x80 | size))
    elif size < 1 << 16:
        head = bytes((0x80 | BINARY, 0x80 | 126)) + size.to_bytes(2, "big")
    else:
        head = bytes((0x80 | BINARY, 0x80 | 127)) + size.to_bytes(8, "big")
    return head + bytes(4) + line
