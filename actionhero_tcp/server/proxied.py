"""Clients that come through a proxy, which says in a PROXY header where they are."""

from __future__ import annotations

import os
from collections.abc import Iterable
from functools import partial
from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING, Any, Final

from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import Factory

from .. import close_reasons
from ..errors import StartError
from ..wire.proxy_header import HeaderError, HeaderReader
from .handshake import Handshake, HandshakeOwner

if TYPE_CHECKING:
    from .context import ServerContext
    from .factory import ActionHeroFactory

_UNIX: Final = "unix:"


class TrustedProxies:
    """The proxies whose headers are believed.

    Args:
        rules: Addresses and networks, such as ``10.0.0.0/8``; ``unix:/path`` for whoever may
            connect to that UNIX socket of ours, ``unix:`` for any of ours.

    Raises:
        StartError: One of them is none of these; the text says which.

    Attributes:
        networks: The addresses and networks, parsed.
        sockets: The paths of UNIX sockets; empty text for any.
    """

    def __init__(self, rules: Iterable[str]) -> None:
        rules = tuple(rules)
        self.sockets = {_socket_path(rule) for rule in rules if rule.startswith(_UNIX)}
        try:
            self.networks = [ip_network(rule) for rule in rules if not rule.startswith(_UNIX)]
        except ValueError as error:
            raise StartError(
                f"tcpServer.trustedProxies: {error}; expected are addresses, networks such as "
                "10.0.0.0/8, and unix:/path for a UNIX socket"
            ) from None

    def trust_like(self, other: TrustedProxies) -> None:
        """Trusts from now on those that another one trusts."""
        self.networks, self.sockets = other.networks, other.sockets

    def trust(self, peer: Any, host: Any) -> bool:
        """Whether a connection comes from one of them.

        Args:
            peer: The address of the other end.
            host: The address of our end.
        """
        if isinstance(host, UNIXAddress):
            return "" in self.sockets or os.path.abspath(_text(host)) in self.sockets
        address = ip_address(peer.host)
        address = getattr(address, "ipv4_mapped", None) or address
        return any(address in network for network in self.networks)


def _socket_path(rule: str) -> str:
    path = rule.removeprefix(_UNIX)
    return os.path.abspath(path) if path else ""


def _text(address: UNIXAddress) -> str:
    return os.fsdecode(address.name or b"")


class ProxiedHandshake(Handshake):
    """The way in through a proxy: its header comes first, and says where the client is.

    Args:
        proxies: Whose headers are believed.
        owner: See `Handshake`.
        transport: See `Handshake`.
        context: See `Handshake`.
    """

    __slots__ = ("_proxies", "_reader", "_source", "_source_known")

    def __init__(
        self,
        proxies: TrustedProxies,
        owner: HandshakeOwner,
        transport: Any,
        context: ServerContext,
    ) -> None:
        super().__init__(owner, transport, context)
        self._proxies = proxies
        self._reader = HeaderReader()
        self._source: Any = None
        self._source_known = False

    @property
    def peer(self) -> Any:
        """The client's address as the header says it, where that is known."""
        return self._source or super().peer

    def received(self, data: bytes) -> None:
        """See `Handshake.received`."""
        if self._source_known:
            super().received(data)
            return
        try:
            header = self._reader.feed(data)
        except HeaderError as error:
            self.error = str(error)
            self._owner.drop(close_reasons.BAD_PROXY_HEADER)
            return
        if header is None:
            return
        self.stop()
        self._source_known = True
        self._source = _twisted_address(header.address)
        super().received(header.rest)
        self._enter_network()
        self._come_in()

    def _begin(self) -> None:
        if self._proxies.trust(self.peer, self._transport.getHost()):
            seconds = self._context.live.limits.proxy_header_timeout
            self._wait(seconds, "proxyHeaderTimeout", close_reasons.PROXY_HEADER_TIMEOUT)
        else:
            self._owner.drop(close_reasons.UNTRUSTED_PROXY)


class ProxiedEndpoint:
    """Listens for proxies on another endpoint.

    Args:
        endpoint: A Twisted server endpoint without TLS.
        proxies: Whose headers are believed.
    """

    def __init__(self, endpoint: Any, proxies: TrustedProxies) -> None:
        self.endpoint = endpoint
        self._proxies = proxies

    def listen(self, factory: ActionHeroFactory) -> Any:
        """Listens where the other one does; gives a Deferred of the port."""
        return self.endpoint.listen(ProxiedFactory(factory, self._proxies))


class ProxiedFactory(Factory):
    """Makes the protocols of another factory, each with a `ProxiedHandshake`.

    Args:
        factory: The other one.
        proxies: Whose headers are believed.
    """

    noisy = False

    def __init__(self, factory: ActionHeroFactory, proxies: TrustedProxies) -> None:
        self._factory = factory
        self._proxies = proxies

    def buildProtocol(self, addr: IAddress | None) -> Any:
        """A protocol for a client, or None where the other factory makes none."""
        return self._factory.build(partial(ProxiedHandshake, self._proxies))


def _twisted_address(address: tuple[str, int] | str | None) -> Any:
    """What a header says as one of Twisted's addresses; None for nothing."""
    if address is None:
        return None
    if isinstance(address, str):
        return UNIXAddress(address.encode())
    host, port = address
    return (IPv6Address if ":" in host else IPv4Address)("TCP", host, port)
