"""The Twisted factory of the server's connections."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import Factory

from .handshake import Handshake, HandshakeFactory
from .protocol import ActionHeroProtocol

if TYPE_CHECKING:
    from .clients import Clients
    from .context import ServerContext


class ActionHeroFactory(Factory):
    """Makes a protocol for each client.

    Args:
        context: The context of the connections.
        clients: Knows all of them.
        dialects: The contexts of other dialects, by name.

    Attributes:
        context: See above.
        clients: See above.
    """

    noisy = False

    def __init__(
        self,
        context: ServerContext,
        clients: Clients,
        dialects: Mapping[str, ServerContext] | None = None,
    ) -> None:
        self.context = context
        self.clients = clients
        self._dialects = dialects or {}

    def speaking(self, dialect: str) -> ActionHeroFactory:
        """Makes a factory of clients that speak another dialect.

        Args:
            dialect: The dialect's name.
        """
        return ActionHeroFactory(self._dialects[dialect], self.clients, self._dialects)

    def buildProtocol(self, addr: IAddress | None) -> ActionHeroProtocol | None:
        """Makes a protocol for a client; None where the client is to be dropped at once."""
        return self.build(Handshake)

    def build(self, handshake: HandshakeFactory) -> ActionHeroProtocol | None:
        """Makes a protocol whose client comes in by a handshake of this kind; or None."""
        if self.context.admission.drops():
            return None
        protocol = ActionHeroProtocol(self.context, self.clients, handshake)
        protocol.factory = self
        return protocol
