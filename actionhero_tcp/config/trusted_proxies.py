"""`tcpServer.trustedProxies`: the proxies whose PROXY headers are believed."""

from __future__ import annotations

import os
from collections.abc import Iterable
from ipaddress import ip_address, ip_network
from typing import Any, Final

from twisted.internet.address import UNIXAddress

from ..errors import StartError

_UNIX: Final = "unix:"


class TrustedProxies:
    """The proxies whose headers are believed.

    Args:
        rules: Addresses and networks, such as ``10.0.0.0/8``; ``unix:/path`` for whoever may
            connect to that UNIX socket of ours, ``unix:`` for any of ours.
        key: Where in the configuration they are, for errors.

    Raises:
        StartError: One of them is none of these; the text says which.

    Attributes:
        networks: The addresses and networks, parsed.
        sockets: The paths of UNIX sockets; empty text for any.
    """

    def __init__(self, rules: Iterable[str], key: str = "tcpServer.trustedProxies") -> None:
        rules = tuple(rules)
        self.sockets = {_socket_path(rule) for rule in rules if rule.startswith(_UNIX)}
        try:
            self.networks = [ip_network(rule) for rule in rules if not rule.startswith(_UNIX)]
        except ValueError as error:
            raise StartError(
                f"{key}: {error}; expected are addresses, networks such as "
                "10.0.0.0/8, and unix:/path for a UNIX socket"
            ) from None

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
