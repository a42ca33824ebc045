"""Where the console connects to."""

from __future__ import annotations

import ssl

from ...client.secure import context, server_name
from ...client.settings import TLS


class ServerAddress:
    """A server's place.

    Args:
        text: ``host:port``, ``[address]:port``, or ``unix:`` and a path.

    Attributes:
        host: The host; empty for a path.
        port: The port; None for a path.
        path: The path; empty for a host.
        tls: How to speak TLS there; None for not at all.
        context: The same, for sockets.
        name: The host name in the server's certificate.

    Raises:
        ValueError: It is none of these.
    """

    def __init__(self, text: str) -> None:
        self._text = text
        self.host, self.path, self.name = "", "", ""
        self.port: int | None = None
        self.tls: TLS | None = None
        self.context: ssl.SSLContext | None = None
        kind, _, path = text.partition(":")
        if kind == "unix" and path:
            self.path = path
            return
        host, _, port = text.rpartition(":")
        self.host = host[1:-1] if host.startswith("[") and host.endswith("]") else host
        if not self.host or not (port.isascii() and port.isdecimal()) or int(port) > 65535:
            raise ValueError(text)
        self.port = int(port)

    def secure(self, tls: TLS | None) -> None:
        """Has TLS spoken there.

        Raises:
            ValueError: Its files cannot be used; the text names them.
        """
        if tls is not None:
            self.tls, self.context = tls, context(tls)
            self.name = server_name(self.host, tls)

    def __str__(self) -> str:
        """As it was given."""
        return self._text
