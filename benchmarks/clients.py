"""Clients of the servers that `benchmarks.compared` compares."""

from __future__ import annotations

import base64
import os
import socket
from typing import Final

from . import servers

TEXT: Final = 0x1
PING: Final = 0x9
PONG: Final = 0xA
"""Kinds of frames."""

TWO_BYTES: Final = 126
"""A size that says that the two bytes behind it are the size."""


class Lines:
    """A client that sends and gets lines."""

    def __init__(self, server: servers.Server) -> None:
        self.socket = socket.create_connection(("127.0.0.1", server.port), 30)
        self.stream = self.socket.makefile("rb")
        self.greet()

    def greet(self) -> None:
        """Read what the server says at first."""
        self.read()

    def send(self, text: bytes) -> None:
        """Send one message."""
        self.socket.sendall(text + b"\n")

    def read(self) -> bytes:
        """Return the next message."""
        return self.stream.readline()

    def close(self) -> None:
        """Hang up."""
        self.stream.close()
        self.socket.close()


class Frames(Lines):
    """A client over WebSocket, whose server says nothing at first."""

    path = "/ws"

    def greet(self) -> None:
        key = base64.b64encode(os.urandom(16)).decode()
        self.socket.sendall(
            f"GET {self.path} HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\n"
            f"Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\n"
            "Sec-WebSocket-Version: 13\r\n\r\n".encode()
        )
        while self.stream.readline().strip():
            pass

    def send(self, text: bytes) -> None:
        self._send(TEXT, text)

    def _send(self, kind: int, content: bytes) -> None:
        # A mask of zeros leaves the content as it is.
        head = bytes((0x80 | kind, 0x80 | len(content), 0, 0, 0, 0))
        self.socket.sendall(head + content)

    def read(self) -> bytes:
        while True:
            first, size = self.stream.read(2)
            if size == TWO_BYTES:
                size = int.from_bytes(self.stream.read(2), "big")
            content = self.stream.read(size)
            if first & 0x0F != PING:
                return content
            self._send(PONG, content)


class Welcomed(Frames):
    """A client over WebSocket whose server welcomes it."""

    def greet(self) -> None:
        super().greet()
        self.read()


class SocketIO(Frames):
    """A client of Socket.IO, over WebSocket from the start."""

    path = "/socket.io/?EIO=4&transport=websocket"

    def greet(self) -> None:
        super().greet()
        # The session's settings, then that of the default namespace.
        self.read()
        self.send(b"40")
        self.read()


class Subscriber(Lines):
    """A client of NATS."""

    def greet(self) -> None:
        self.stream.readline()
        self.socket.sendall(b'CONNECT {"verbose":false}\r\nSUB room 1\r\nPING\r\n')
        while self.stream.readline() != b"PONG\r\n":
            pass

    def send(self, text: bytes) -> None:
        self.socket.sendall(b"PUB room %d\r\n%s\r\n" % (len(text), text))

    def read(self) -> bytes:
        self.stream.readline()
        return self.stream.readline()
