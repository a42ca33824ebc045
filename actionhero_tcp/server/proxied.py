"""Clients that come through a proxy, which says in a PROXY header where they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import Factory

from .. import close_reasons
from ..wire.proxy_header import HeaderError, HeaderReader
from .handshake import Handshake, HandshakeOwner

if TYPE_CHECKING:
    from .context import ServerContext
    from .factory import ActionHeroFactory


class ProxiedHandshake(Handshake):
    """The way in through a proxy: its header comes first, and says where the client is.

    Args:
        owner: See `Handshake`.
        transport: See `Handshake`.
        context: See `Handshake`.
    """

    __slots__ = ("_reader", "_source", "_source_known")

    def __init__(self, owner: HandshakeOwner, transport: Any, context: ServerContext) -> None:
        super().__init__(owner, transport, context)
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
        proxies = self._context.live.current.proxies
        if proxies.trust(self.peer, self._transport.getHost()):
            seconds = self._context.live.limits.proxy_header_timeout
            self._wait(seconds, "proxyHeaderTimeout", close_reasons.PROXY_HEADER_TIMEOUT)
        else:
            self._owner.drop(close_reasons.UNTRUSTED_PROXY)


class ProxiedEndpoint:
    """Listens for proxies on another endpoint.

    Args:
        endpoint: A Twisted server endpoint without TLS.
    """

    def __init__(self, endpoint: Any) -> None:
        self.endpoint = endpoint

    def listen(self, factory: ActionHeroFactory) -> Any:
        """Listens where the other one does; gives a Deferred of the port."""
        return self.endpoint.listen(ProxiedFactory(factory))


class ProxiedFactory(Factory):
    """Makes the protocols of another factory, each with a `ProxiedHandshake`.

    Args:
        factory: The other one.
    """

    noisy = False

    def __init__(self, factory: ActionHeroFactory) -> None:
        self._factory = factory

    def buildProtocol(self, addr: IAddress | None) -> Any:
        """A protocol for a client, or None where the other factory makes none."""
        return self._factory.build(ProxiedHandshake)


def _twisted_address(address: tuple[str, int] | str | None) -> Any:
    """The address in a header as one of Twisted's; None for none."""
    if address is None:
        return None
    if isinstance(address, str):
        return UNIXAddress(address.encode())
    host, port = address
    return (IPv6Address if ":" in host else IPv4Address)("TCP", host, port)
