"""A client over WebSocket that looks like a socket: lines in, lines out, and content of files."""

from __future__ import annotations

import contextlib
import socket
from typing import Any

UPGRADE = (
    b"GET /ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10


class WebSocketStream:
    """Turns each line that is sent into a message, and each message that comes into a line.

    What is sent goes out as binary messages, which may hold anything, under a mask of zeros. An
    unfinished line is a message without its end. Pings are answered as they are read. A WebSocket
    has no half-open state: to shut down one side is to hang up.

    Args:
        stream: A socket that is connected to the web port.
    """

    def __init__(self, stream: socket.socket) -> None:
        self._stream = stream
        self._buffer = bytearray()
        self._unsent = b""
        self._return = b""
        self._within = False
        self._kind = self._left = 0
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
        *lines, rest = (self._return + data).split(b"\n")
        # A return may be the first half of a line's end.
        self._return = b"\r" if rest.endswith(b"\r") else b""
        parts = [self._message(line.removesuffix(b"\r"), final=True) for line in lines]
        if rest := rest.removesuffix(b"\r"):
            parts.append(self._message(rest, final=False))
        self._unsent = b"".join(parts)
        with contextlib.suppress(BlockingIOError):
            self._flush()
        return len(data)

    def sendall(self, data: bytes) -> None:
        """See `socket.sendall`."""
        self.send(data)
        while self._unsent:
            self._flush()

    def recv(self, size: int) -> bytes:
        """Returns what messages hold of what has come, or b"" at the end."""
        while not self._ended:
            if found := self._contents():
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

    def _message(self, content: bytes, *, final: bool) -> bytes:
        kind = CONTINUATION if self._within else BINARY
        self._within = not final
        return _frame(kind, content, final)

    def _contents(self) -> bytes:
        """Takes what is there off the buffer, an unfinished message's content as well."""
        buffer, start, found = self._buffer, 0, bytearray()
        while not self._ended:
            if not self._left:
                head = self._head(start)
                if not head:
                    break
                start += head
            content = buffer[start : start + self._left]
            if self._kind >= CLOSE:
                if len(content) < self._left:
                    break
                self._control(bytes(content))
            start += len(content)
            self._left -= len(content)
            if self._kind in (TEXT, BINARY):
                found += content
            if self._left:
                break
            if self._kind == TEXT:
                found += b"\r\n"
        del buffer[:start]
        return bytes(found)

    def _head(self, start: int) -> int:
        """Reads the head of a frame; gives its length, or 0 where not all of it is there."""
        buffer, head = self._buffer, 2
        if len(buffer) - start < head:
            return 0
        size = buffer[start + 1]
        if size > 125:
            head += 2 if size == 126 else 8
            if len(buffer) - start < head:
                return 0
            size = int.from_bytes(buffer[start + 2 : start + head], "big")
        self._kind, self._left = buffer[start] & 0x0F, size
        return head

    def _control(self, content: bytes) -> None:
        if self._kind == CLOSE:
            self._ended = True
        elif self._kind == PING:
            self._unsent += _frame(PONG, content)
            with contextlib.suppress(OSError):
                self._flush()


def _frame(kind: int, content: bytes, final: bool = True) -> bytes:
    """A frame of a client, under a mask of zeros."""
    size, first = len(content), 0x80 * final | kind
    if size <= 125:
        head = bytes((first, 0x80 | size))
    elif size < 1 << 16:
        head = bytes((first, 0x80 | 126)) + size.to_bytes(2, "big")
    else:
        head = bytes((first, 0x80 | 127)) + size.to_bytes(8, "big")
    return head + bytes(4) + content
