"""A browser without a network: what one request to the web port is answered."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from twisted.internet.testing import StringTransportWithDisconnection
from twisted.web.server import Site


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


def parse(data: bytes) -> Answer:
    """Reads an answer."""
    head, _, body = data.partition(b"\r\n\r\n")
    first, *rest = head.decode("latin-1").split("\r\n")
    pairs = (line.split(": ", 1) for line in rest)
    return Answer(int(first.split(" ")[1]), {name.lower(): value for name, value in pairs}, body)
