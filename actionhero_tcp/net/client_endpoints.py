"""Client endpoints for hosts and ports."""

from __future__ import annotations

from typing import Any

from twisted.internet.abstract import isIPAddress, isIPv6Address
from twisted.internet.endpoints import HostnameEndpoint, TCP4ClientEndpoint, TCP6ClientEndpoint


def tcp(reactor: Any, host: str, port: int, timeout: float = 30.0) -> Any:
    """Return a client endpoint that connects to a host by TCP.

    A literal address needs no name look-up. `HostnameEndpoint` would still do one, in a thread
    of the reactor, and call back later even if the attempt has been cancelled.

    Args:
        reactor: The reactor.
        host: A host name, or a literal IPv4 or IPv6 address.
        port: The port.
        timeout: Seconds that an attempt may take for each address.
    """
    if isIPAddress(host):
        return TCP4ClientEndpoint(reactor, host, port, timeout)
    if isIPv6Address(host):
        return TCP6ClientEndpoint(reactor, host, port, timeout)
    return HostnameEndpoint(reactor, host, port, timeout)
