"""Clients that ask over TCP or over WebSocket, all in one process; see `load.measured`.

Usage: python -m benchmarks.browsers PORT CONNECTIONS OUTSTANDING SECONDS LINE tcp|ws
"""

from __future__ import annotations

import json
import select
import socket
import sys
import time
from contextlib import ExitStack
from typing import Final

WARM_UP_SECONDS: Final = 0.3
PATIENCE: Final = 30.0
UPGRADE: Final = (
    b"GET /ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
RESPONSE: Final = b'"context":"response"'
"""What is counted: each answer holds it once, and nothing else does."""


def frame(line: bytes) -> bytes:
    """A text message of a client; its mask is zero, which changes nothing."""
    assert len(line) < 126
    return bytes((0x81, 0x80 | len(line))) + bytes(4) + line


def connect(port: int, over: str) -> socket.socket:
    """A client that has been welcomed."""
    stream = socket.create_connection(("127.0.0.1", port), PATIENCE)
    stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if over == "ws":
        stream.sendall(UPGRADE)
    data = b""
    while b'"welcome"' not in data:
        chunk = stream.recv(65536)
        assert chunk, data
        data += chunk
    return stream


class Client:
    """One client, with so many requests outstanding.

    Attributes:
        answered: How many were answered.
        waits: How long each wait for a read with answers took, in seconds.
    """

    def __init__(self, stream: socket.socket, request: bytes, outstanding: int) -> None:
        self._stream = stream
        self._request = request
        self._rest = b""
        self.answered = 0
        self.waits: list[float] = []
        self._send(outstanding)

    def _send(self, count: int) -> None:
        self._sent_at = time.perf_counter()
        self._stream.sendall(self._request * count)

    def read(self) -> None:
        """Takes what has come, and asks as often again."""
        data = self._rest + self._stream.recv(1 << 18)
        count = data.count(RESPONSE)
        # Of an answer that was cut the beginning is kept, but none that was counted.
        self._rest = data[data.rfind(RESPONSE) + len(RESPONSE) if count else 0 :][-len(RESPONSE) :]
        if count:
            self.answered += count
            self.waits.append(time.perf_counter() - self._sent_at)
            self._send(count)


def main(arguments: list[str]) -> None:
    """Measures, and writes what load.c does."""
    port, connections, outstanding = map(int, arguments[:3])
    seconds, line, over = float(arguments[3]), arguments[4].encode(), arguments[5]
    request = frame(line) if over == "ws" else line + b"\n"
    with ExitStack() as stack:
        poll, clients = select.epoll(), {}
        stack.callback(poll.close)
        for _ in range(connections):
            stream = stack.enter_context(connect(port, over))
            clients[stream.fileno()] = Client(stream, request, outstanding)
            poll.register(stream.fileno(), select.EPOLLIN)

        def run(span: float) -> float:
            begin = time.perf_counter()
            while time.perf_counter() - begin < span:
                for descriptor, _ in poll.poll(1):
                    clients[descriptor].read()
            return time.perf_counter() - begin

        run(WARM_UP_SECONDS)
        for client in clients.values():
            client.answered = 0
            client.waits.clear()
        print("begin", file=sys.stderr, flush=True)
        took = run(seconds)
        print("end", file=sys.stderr, flush=True)
    waits = sorted(wait for client in clients.values() for wait in client.waits)
    seen = {
        "messages": sum(client.answered for client in clients.values()),
        "seconds": took,
        "p50": int(waits[len(waits) // 2] * 1e6),
        "p99": int(waits[len(waits) * 99 // 100] * 1e6),
        "most": int(waits[-1] * 1e6),
    }
    print(json.dumps(seen))


if __name__ == "__main__":
    main(sys.argv[1:])
