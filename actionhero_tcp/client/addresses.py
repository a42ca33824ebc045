"""Where a server is: hosts and ports, and Twisted's client endpoints."""

from __future__ import annotations

from typing import Any

from twisted.internet.endpoints import clientFromString

from ..net.client_endpoints import tcp
from .settings import TLS, check_port
from .twisted_tls import over


def endpoint(where: Any, port: int | None, tls: TLS | bool, reactor: Any) -> Any:
    """The Twisted client endpoint that leads to a place; see `client.Client`.

    Raises:
        ValueError: It is none, or the TLS cannot be used; the text says why.
    """
    found: Any = where
    check_port(port)
    if port is not None:
        found = tcp(reactor, where, port)
    elif isinstance(where, str):
        try:
            found = clientFromString(reactor, where)
        except Exception as error:
            raise ValueError(
                f"{where!r} is no endpoint description, such as unix:/run/actionhero.sock, and a "
                f"host needs a port: {error}"
            ) from None
    if tls is False:
        return found
    return over(found, where if port is not None else "", TLS() if tls is True else tls)
