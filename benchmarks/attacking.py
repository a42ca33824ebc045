"""Attacks a server for a while. Usage: attacking.py PORT OVER ATTACKERS SECONDS

OVER is ``tcp``, for lines of 64 KB of nested lists, or ``ws``, for frames that hold nothing. Each
attacker sends as much as is taken, and reads all that comes.
"""

from __future__ import annotations

import contextlib
import os
import select
import socket
import sys
import time
from typing import Final

NESTED: Final = b"[" * 30 + b"]" * 30
LINE: Final = b'{"action":"x","params":{"x":[%b]}}\n' % b",".join([NESTED] * 1_060)
UPGRADE: Final = (
    b"GET /ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
EMPTY: Final = b"\x82\x80\0\0\0\0"
CHUNK: Final = 64 * 1024

DATA: Final = {"tcp": LINE, "ws": EMPTY * (CHUNK // len(EMPTY))}
"""What is sent over and over."""


class Attacker:
    """One connection.

    Args:
        port: The server's port.
        over: See above.
    """

    def __init__(self, port: int, over: str) -> None:
        self.stream = socket.create_connection(("127.0.0.1", port))
        self._data = DATA[over]
        self._offset = 0
        if over == "ws":
            self.stream.sendall(UPGRADE)
            # What comes behind the request before its answer is not read.
            self.stream.recv(CHUNK)
        self.stream.setblocking(False)

    def fileno(self) -> int:
        """The descriptor of the socket."""
        return self.stream.fileno()

    def send(self) -> None:
        """Sends what is taken."""
        with contextlib.suppress(BlockingIOError):
            sent = self.stream.send(self._data[self._offset :])
            self._offset = (self._offset + sent) % len(self._data)

    def read(self) -> None:
        """Reads what has come."""
        with contextlib.suppress(BlockingIOError):
            if not self.stream.recv(CHUNK):
                sys.exit("the server has closed the connection of an attacker")


def main(port: int, over: str, attackers: int, seconds: float) -> None:
    """Attacks; writes a line to standard output once it has begun."""
    streams = [Attacker(port, over) for _ in range(attackers)]
    end = time.monotonic() + seconds
    os.write(sys.stdout.fileno(), b"attacking\n")
    while time.monotonic() < end:
        readable, writable, _ = select.select(streams, streams, [], 0.1)
        for each in writable:
            each.send()
        for each in readable:
            each.read()


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), float(sys.argv[4]))
