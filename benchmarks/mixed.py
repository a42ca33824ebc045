"""The longest waits of 1,000 clients that do different things, at half of what the server can."""

from __future__ import annotations

import socket
import ssl
import statistics
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event, Thread
from typing import Final

from . import load, servers
from .load import Result
from .rows import Row, at_most

CLIENTS: Final = 1000
FILE: Final = "notes.txt"
LINES: Final = (
    "say hello",
    "randomNumber",
    '{"action":"randomNumber","params":{"a":1}}',
    "asyncNothing",
    "paramAdd a=#",
    "say good night",
    "detailsView",
    f"file fileName={FILE}",
    "randomNumber",
    "roomChange lobby#",
)
"""What clients ask for, each of them one of these; a fiftieth of them meet in a room."""

ROUNDS: Final = 3
SECONDS: Final = 3.0
HANDSHAKES_A_SECOND: Final = 20
TARGET: Final = 5.0
FASTER_THAN_ANY: Final = 10_000_000


def mixed() -> Iterator[Row]:
    """The time in which 999 of 1,000 requests are answered, to that of half of them."""
    with TemporaryDirectory() as folder:
        (Path(folder) / FILE).write_text("x" * 500 + "\n")
        port, secure_port = servers.free_port(), servers.free_port()
        key, cert = servers.certificate()
        secure = f"ssl:{secure_port}:privateKey={key}:certKey={cert}:interface=127.0.0.1"
        listen = (f"--listen=tcp:{port}:interface=127.0.0.1", f"--listen={secure}")
        options = ("--no-log-requests", f"--public={folder}")
        with servers.ours(*listen, *options, port=port) as ours:
            yield from _measured(ours, secure_port)


def _measured(ours: servers.Server, secure_port: int) -> Iterator[Row]:
    results = []
    for _ in range(ROUNDS):
        most = _ask(ours, FASTER_THAN_ANY, load.SECONDS).rate
        with Handshakes(secure_port):
            results.append(_ask(ours, round(most / 2), SECONDS))
    ratio = statistics.median(one.p999 / one.p50 for one in results)
    work = f"p99.9 to p50, {CLIENTS:,} clients and TLS handshakes, at half of the most"
    yield at_most("mixed load", work, ratio, TARGET)
    longest = statistics.median(one.p999 for one in results) / 1000
    yield at_most("mixed load", "p99.9 of the same", longest, 20, "ms")


def _ask(ours: servers.Server, rate: int, seconds: float) -> Result:
    return load.run(ours.pid, "mixed", ours.port, CLIENTS, rate, seconds, 1, *LINES)


class Handshakes:
    """Clients over TLS that come, are greeted and go, for as long as the block lasts."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._end = Event()
        self._thread = Thread(target=self._run)

    def __enter__(self) -> Handshakes:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()

    def _run(self) -> None:
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        while not self._end.wait(1 / HANDSHAKES_A_SECOND):
            with (
                socket.create_connection(("127.0.0.1", self._port), servers.PATIENCE) as plain,
                context.wrap_socket(plain) as stream,
            ):
                stream.recv(1000)
