"""The address of a server for clients on the standard library's sockets."""

from __future__ import annotations

import ssl
from dataclasses import dataclass

from .secure import context, server_name
from .settings import TLS, check_port


@dataclass(frozen=True, slots=True)
class Address:
    """Where a server is, and how to speak to it.

    Attributes:
        where: The host; or with no port ``unix:`` and a path.
        port: The port.
        tls: How to speak TLS; None for plain TCP.
        server_name: The name that the server's certificate must hold.
    """

    where: str
    port: int | None
    tls: ssl.SSLContext | None = None
    server_name: str | None = None

    @property
    def path(self) -> str:
        """The path of a UNIX socket."""
        return self.where.removeprefix("unix:")


def address(where: str, port: int | None, tls: TLS | bool) -> Address:
    """Return the address that a client was given.

    Args:
        where: The host; or with no port ``unix:`` and a path.
        port: The port.
        tls: Whether to speak TLS, or how.

    Raises:
        ValueError: The place or the TLS cannot be used; the text says why.
    """
    if port is None and not where.startswith("unix:"):
        raise ValueError(f"{where!r} is no unix:/path, and a host needs a port")
    check_port(port)
    if tls is False:
        return Address(where, port)
    how = TLS() if tls is True else tls
    name = server_name(where if port is not None else "", how)
    return Address(where, port, context(how), name)
