"""A reactor without a network that resolves host names at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from twisted.internet.abstract import isIPv6Address
from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.interfaces import IReactorPluggableNameResolver
from twisted.internet.testing import MemoryReactorClock
from zope.interface import implementer


@implementer(IReactorPluggableNameResolver)
class ResolvingReactor(MemoryReactorClock):
    """A memory reactor for which every name has the same addresses.

    Args:
        addresses: The addresses.

    Attributes:
        looked_up: The names that were looked up.
    """

    def __init__(self, addresses: Sequence[str]) -> None:
        super().__init__()
        self.addresses = addresses
        self.looked_up: list[str] = []
        self.nameResolver: Any = self

    def installNameResolver(self, resolver: Any) -> Any:
        """See `IReactorPluggableNameResolver`."""
        raise NotImplementedError

    def resolveHostName(self, receiver: Any, hostName: str, portNumber: int = 0, **_: Any) -> Any:
        """See `IHostnameResolver`."""
        self.looked_up.append(hostName)
        receiver.resolutionBegan(self)
        for address in self.addresses:
            kind: Any = IPv6Address if isIPv6Address(address) else IPv4Address
            receiver.addressResolved(kind("TCP", address, portNumber))
        receiver.resolutionComplete()
        return self
