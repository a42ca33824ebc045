"""A client on its way in: whether it may stay, its TLS handshake, its address."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

from twisted.protocols.tls import TLSMemoryBIOProtocol

from .. import close_reasons
from ..app.hooks import ON_CONNECT
from ..clock import Timer, stop
from ..connection.connected_client import ConnectedClient
from ..dispatch.request import Request
from ..errors import ClientError, printable
from ..net import handshake_failure, lowest_transport, tls
from .admission import Refusal, network_of
from .connect_hooks import ConnectHooks

if TYPE_CHECKING:
    from .context import ServerContext


class HandshakeOwner(Protocol):
    """The arriving client: the protocol, or a stand-in in tests."""

    def arrive(self, remote_address: str, attributes: dict[str, Any]) -> ConnectedClient:
        """The client's state; its attributes say who it is, where it has shown a certificate."""

    def welcome(self, connection: ConnectedClient) -> None:
        """The client is in."""

    def dataReceived(self, data: bytes) -> None:
        """The client has sent this before it was in."""

    def refuse(self, reason: str, line: bytes) -> None:
        """The client may not stay, and can be told so."""

    def drop(self, reason: str) -> None:
        """The client is to be dropped without a word."""


class Handshake:
    """The steps between a connection and its welcome.

    Args:
        owner: Is told how it went.
        transport: The client's transport.
        context: The context of all connections.

    Attributes:
        network: What it is counted as by its address; None where it is not counted.
        error: The fault in the client's input, or the refusal of the application, for the log; None
            without one.
    """

    __slots__ = (
        "_connect_hooks",
        "_context",
        "_early",
        "_owner",
        "_refusal",
        "_timer",
        "_transport",
        "error",
        "network",
    )

    def __init__(self, owner: HandshakeOwner, transport: Any, context: ServerContext) -> None:
        self._owner = owner
        self._transport = transport
        self._context = context
        self._timer: Timer | None = None
        self._refusal: Refusal | None = None
        self._connect_hooks: ConnectHooks | None = None
        self._early = b""
        self.network: str | None = None
        self.error: str | None = None

    def lost(self, error: BaseException | None) -> str:
        """Gives why the connection ended where it was lost on its way in.

        Args:
            error: The reason for the loss of its transport.
        """
        if not isinstance(self._transport, TLSMemoryBIOProtocol) or self._connect_hooks is not None:
            return close_reasons.CONNECTION_LOST
        reason, self.error = handshake_failure.reason_of(error, self._transport)
        return reason

    @property
    def refused(self) -> bool:
        """Whether the client may not stay."""
        return self._refusal is not None

    @property
    def peer(self) -> Any:
        """The client's address, as Twisted has it."""
        return self._transport.getPeer()

    @property
    def remote_address(self) -> str:
        """The client's address, such as ``127.0.0.1:54321``."""
        return address_text(self.peer)

    def open(self) -> None:
        """The client has connected."""
        keep_alive = self._context.live.config.tcp_server.set_keep_alive
        lowest_transport.set_socket_options(self._transport, keep_alive=keep_alive)
        self._refusal = self._context.admission.enter()
        self._begin()

    def received(self, data: bytes) -> None:
        """Takes in what was sent before the client is in; the owner gets it when it is.

        While hooks run nothing is read, so that this is at most what one read has brought.
        """
        self._early += data

    def handshake_completed(self) -> None:
        """The TLS handshake is done."""
        self.stop()
        self._context.stats.handshakes[tls.version_of(self._transport)] += 1
        self._come_in()

    def stop(self) -> None:
        """Calls off the timer, and the hooks."""
        stop(self._timer)
        if self._connect_hooks is not None:
            self._connect_hooks.stop()

    def _begin(self) -> None:
        """Lets the client in; under TLS only when its handshake is done."""
        self._enter_network()
        if isinstance(self._transport, TLSMemoryBIOProtocol):
            seconds = self._context.live.limits.tls_handshake_timeout
            self._wait(seconds, "tlsHandshakeTimeout", close_reasons.HANDSHAKE_TIMEOUT)
        else:
            self._come_in()

    def _enter_network(self) -> None:
        """Has the client counted for its address."""
        host = getattr(self.peer, "host", None)
        if self._refusal is None and host is not None:
            network = network_of(host)
            self._refusal = self._context.admission.enter_network(network)
            if self._refusal is None:
                self.network = network

    def _wait(self, seconds: float, limit: str, reason: str) -> None:
        """Drops the client for a reason if it is not in after this time, a limit of this key."""
        self._timer = self._context.clock.callLater(seconds, self._timed_out, limit, reason)

    def _timed_out(self, limit: str, reason: str) -> None:
        self._context.stats.limited[limit] += 1
        self._owner.drop(reason)

    def _come_in(self) -> None:
        refusal = self._refusal
        if refusal is not None:
            self._owner.refuse(refusal.reason, self._refusal_line(refusal))
            return
        connection = self._owner.arrive(self.remote_address, self._attributes())
        if self._context.hooks.of(ON_CONNECT):
            self._transport.pauseProducing()
            self._connect_hooks = ConnectHooks(self, connection, self._context)
            self._connect_hooks.decide()
        else:
            self._owner.welcome(connection)
            self._hand_on()

    def _refusal_line(self, refusal: Refusal) -> bytes:
        return self._context.dialect.profile.refusal(refusal.error, 0)

    def admitted(self) -> None:
        """See `connect_hooks.ConnectHooksOwner.admitted`."""
        assert self._connect_hooks is not None
        self._transport.resumeProducing()
        self._owner.welcome(self._connect_hooks.connection)
        self._connect_hooks.face.release()
        self._hand_on()

    def turned_away(self, error: ClientError) -> None:
        """See `connect_hooks.ConnectHooksOwner.turned_away`."""
        assert self._connect_hooks is not None
        request = Request(self._connect_hooks.connection, 0, 0.0)
        line = self._context.runner.refusal(request, error)
        self.error = request.error
        self._transport.resumeProducing()
        self._owner.refuse(close_reasons.REFUSED, line)

    def _hand_on(self) -> None:
        early, self._early = self._early, b""
        if early:
            self._owner.dataReceived(early)

    def _attributes(self) -> dict[str, Any]:
        if isinstance(self._transport, TLSMemoryBIOProtocol):
            certificate = self._transport.getPeerCertificate()
            if certificate is not None:
                return {"certificate": tls.identity(certificate)}
        return {}


def address_text(peer: Any) -> str:
    """Where a client is, as people write it."""
    host, port = getattr(peer, "host", None), getattr(peer, "port", None)
    if host is None:
        name = getattr(peer, "name", None)
        return f"unix:{printable(name.decode('utf-8', 'replace'))}" if name else "unix"
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


HandshakeFactory = Callable[[HandshakeOwner, Any, "ServerContext"], Handshake]
"""Makes the handshake of a client, of its owner, its transport and the context."""
