"""Endpoints beyond those that Twisted's descriptions make: TLS over any, sockets of systemd."""

from __future__ import annotations

import re
import socket
from typing import TYPE_CHECKING, Any, Final

from twisted.internet.defer import Deferred, succeed
from twisted.internet.endpoints import SSL4ServerEndpoint, serverFromString
from twisted.protocols.tls import TLSMemoryBIOFactory

from ..errors import StartError
from ..net.held_socket import held_unix_port
from ..net.tls import ignore_alpn_of
from .proxied import ProxiedEndpoint

if TYPE_CHECKING:
    from ..net.tls import Certificates
    from .factory import ActionHeroFactory


UNIX_MODE: Final = "660"
"""The mode of a UNIX socket's file whose description sets none: the owner and the group may
connect. Twisted's own default lets everybody."""

PLAIN_ENDPOINTS: Final = ("tcp", "tcp6", "unix", "systemd")
"""Kinds of endpoints without TLS: a proxy with PROXY headers can connect to them, and workers can
share them."""


_DIALECT: Final = re.compile(r"dialect(2012|29):")

_SETS_MODE: Final = re.compile(r"(?<!\\):mode=")


class TLSEndpoint:
    """Speaks TLS with the clients of another endpoint.

    Args:
        endpoint: Any Twisted server endpoint.
        certificates: Make the server's end of each connection.
        clock: The reactor; None for the global one.
    """

    def __init__(self, endpoint: Any, certificates: Certificates, clock: Any = None) -> None:
        self.endpoint = endpoint
        self._clock = clock
        self._certificates: Any = certificates

    def listen(self, factory: Any) -> Any:
        """Listens where the other one does; gives a Deferred of the port."""
        # Without a clock it would take that of the global reactor, which may be another one.
        tls = TLSMemoryBIOFactory(self._certificates, False, factory, self._clock)
        return self.endpoint.listen(tls)


class DialectEndpoint:
    """Listens on another endpoint for clients that speak a certain dialect.

    Args:
        endpoint: Any Twisted server endpoint.
        dialect: The dialect's name.
    """

    def __init__(self, endpoint: Any, dialect: str) -> None:
        self.endpoint = endpoint
        self._dialect = dialect

    def listen(self, factory: ActionHeroFactory) -> Any:
        """Listens where the other one does; gives a Deferred of the port."""
        return self.endpoint.listen(factory.speaking(self._dialect))


def split_dialect(text: str) -> tuple[str | None, str]:
    """Splits the dialect off the description of an endpoint.

    Args:
        text: The description, such as ``dialect29:tcp:5001``.

    Returns:
        The dialect's name, None where none is named; and the rest.
    """
    prefix = _DIALECT.match(text)
    return (None, text) if prefix is None else (prefix[1], text[prefix.end() :])


class InheritedUNIXEndpoint:
    """Listens on a UNIX socket that another process has bound and holds too.

    Args:
        reactor: The reactor.
        descriptor: The socket's descriptor, which becomes the endpoint's own.
    """

    def __init__(self, reactor: Any, descriptor: int) -> None:
        self._reactor = reactor
        self._descriptor = descriptor

    def listen(self, factory: Any) -> Deferred[Any]:
        """Listens; gives a Deferred of the port."""
        return succeed(held_unix_port(self._descriptor, factory, self._reactor))


def described(text: str, reactor: Any, handed: Any = None) -> Any:
    """The endpoint of a Twisted server endpoint description; Twisted's ``haproxy:`` is not used.

    That one takes headers from anybody, waits for them without a time limit, and hides the
    transport.

    Args:
        text: The description.
        reactor: The reactor.
        handed: In a worker: the endpoint that its supervisor shares out instead of this one.

    Raises:
        StartError: It describes none; the text says why.
    """
    _, whole = split_dialect(text)
    description = whole.removeprefix("haproxy:")
    proxied = description != whole
    if proxied and not _is_plain(description):
        known = ", ".join(f"haproxy:{kind}:" for kind in PLAIN_ENDPOINTS)
        raise StartError(f"--listen {text}: known are {known}; TLS has to end in the proxy")
    endpoint = handed or _parsed(text, description, reactor)
    return ProxiedEndpoint(endpoint) if proxied else endpoint


def shared(text: str, reactor: Any) -> Any:
    """The endpoint on which a supervisor listens for its workers.

    Args:
        text: The description.
        reactor: The reactor.

    Raises:
        StartError: It describes none that can be shared; the text says why.
    """
    description = split_dialect(text)[1].removeprefix("haproxy:")
    if not _is_plain(description):
        known = ", ".join(f"{kind}:" for kind in PLAIN_ENDPOINTS)
        raise StartError(
            f"--listen {text}: workers can share {known}; for TLS set tcpServer.secure"
        )
    return _parsed(text, description, reactor)


def _is_plain(description: str) -> bool:
    return description.partition(":")[0] in PLAIN_ENDPOINTS


def _parsed(text: str, description: str, reactor: Any) -> Any:
    """The endpoint of a description, which is that of `text` or a part of it."""
    if description.startswith("unix:") and not _SETS_MODE.search(description):
        description += f":mode={UNIX_MODE}"
    try:
        endpoint = serverFromString(reactor, description)
    except Exception as error:
        reason = f"this is no endpoint description: {error}"
        if description.startswith("systemd:") and isinstance(error, LookupError):
            reason = "systemd has handed over no such socket; is the socket unit active?"
        raise StartError(f"--listen {text}: {reason}") from None
    if getattr(endpoint, "addressFamily", None) == socket.AF_UNIX:
        return InheritedUNIXEndpoint(reactor, endpoint.fileno)
    if isinstance(endpoint, SSL4ServerEndpoint):
        ignore_alpn_of(endpoint)
    return endpoint


def secured(text: str, endpoint: Any, certificates: Certificates, clock: Any = None) -> TLSEndpoint:
    """An endpoint with TLS.

    Args:
        text: Its description.
        endpoint: The endpoint.
        certificates: The current certificates.
        clock: The reactor; None for the global one.

    Raises:
        StartError: It cannot be had with the certificates and rules that `secure` is for.
    """
    reason = None
    if isinstance(endpoint, SSL4ServerEndpoint):
        reason = "this has separate TLS settings"
    elif isinstance(endpoint, ProxiedEndpoint):
        reason = "its TLS ends in the proxy"
    if reason is not None:
        raise StartError(
            f"--listen {text}: {reason}, but tcpServer.secure is set; leave out one of them"
        )
    return TLSEndpoint(endpoint, certificates, clock)
