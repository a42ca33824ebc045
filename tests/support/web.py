"""A browser without a network: what one request to the web port is answered."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from twisted.internet.testing import StringTransportWithDisconnection
from twisted.web.server import Site

from actionhero_tcp.server.service import ActionHeroService
from actionhero_tcp.testing import FakeServer
from tests.support import Daemon, daemon, wait_for

WEB_LOG = re.compile(r"no web port|live page on|health and metrics on")
"""What the log says of the web port."""


CHROMIUM_OPTIONS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    *("--disable-dev-shm-usage", "--hide-scrollbars"),
)
"""Without these Chromium looks for servers elsewhere."""


@dataclass(frozen=True)
class Answer:
    """What was answered: the status, the headers in lower case, and the body."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body, which is JSON."""
        return json.loads(self.body)


def ask(site: Site, path: str, method: str = "GET", **headers: str) -> Answer:
    """Sends one request, and reads its answer.

    Args:
        site: The web port's factory.
        path: The path and the query.
        method: The method.
        headers: More headers, with ``_`` for ``-``; ``host`` is localhost otherwise.
    """
    headers = {"host": "localhost:5080", "connection": "close", **headers}
    if method == "POST":
        headers.setdefault("content-length", "0")
    lines = [
        f"{method} {path} HTTP/1.1",
        *(f"{k.replace('_', '-')}: {v}" for k, v in headers.items()),
    ]
    transport = send(site, "\r\n".join([*lines, "", ""]).encode())
    return parse(transport.value())


def send(site: Site, data: bytes) -> Any:
    """Sends bytes to the web port; gives the transport, which holds what was answered."""
    protocol: Any = site.buildProtocol(None)
    transport: Any = StringTransportWithDisconnection()
    transport.protocol = protocol
    protocol.makeConnection(transport)
    protocol.dataReceived(data)
    return transport


def service_of(server: FakeServer) -> ActionHeroService:
    """Return the service of a fake server, to which the web port belongs."""
    return server._running()._service


def parse(data: bytes) -> Answer:
    """Reads an answer."""
    head, _, body = data.partition(b"\r\n\r\n")
    first, *rest = head.decode("latin-1").split("\r\n")
    pairs = (line.split(": ", 1) for line in rest)
    return Answer(int(first.split(" ")[1]), {name.lower(): value for name, value in pairs}, body)


@contextmanager
def web_daemon(*options: str) -> Iterator[tuple[Daemon, int]]:
    """Starts a real ``twistd actionhero`` with a web port whose token is ``s3cret``.

    A port that somebody takes between its choice and the start is no failure: the server says
    so and is started again with another one.

    Args:
        options: More options.

    Yields:
        The daemon, and its web port.
    """
    while True:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        with daemon(f"--web-port={port}", "--web-token=s3cret", *options) as running:
            wait_for(lambda: WEB_LOG.search(running.log), "a web port")
            if "no web port" not in running.log:
                yield running, port
                return
