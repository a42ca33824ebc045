"""Clients over WebSocket: one line or JSON request a text message, the same protocol behind it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from twisted.internet.interfaces import IAddress
from twisted.python.failure import Failure
from twisted.web.server import Request
from twisted.web.websocket import WebSocketResource, WebSocketTransport
from wsproto.utilities import RemoteProtocolError

from ..clock import Clock, Timer, stop
from .access import Access
from .resources import Leaf, Refusal

if TYPE_CHECKING:
    from twisted.internet.interfaces import IPushProducer

PING_SECONDS: Final = 30.0
"""The time between two pings; a client that answers none of two is gone."""

OVERHEAD_BYTES: Final = 64 * 1024
"""What may come between two messages beside a message: frames' headers, pings and pongs."""

PROTOCOL_ERROR: Final = 1002
TOO_BIG: Final = 1009
"""Codes of RFC 6455 with which a connection is closed; 1000 is the usual one."""

LineProtocol = Any
"""An `ActionHeroProtocol`, as its factory makes it."""

BuildProtocol = Callable[[IAddress | None], LineProtocol]


class MessageTransport:
    """What a client's protocol takes for its transport: it turns lines into text messages.

    Args:
        transport: The transport of the WebSocket, which sends messages.
        below: The transport of the bytes: TCP, or TLS over it.

    Attributes:
        transport: The transport of the bytes, for what asks how far it has sent.
    """

    def __init__(self, transport: WebSocketTransport, below: Any) -> None:
        self._messages = transport
        self.transport = below
        self._closed = False

    def write(self, data: bytes) -> None:
        """Sends lines, each as one text message without its end."""
        for line in data.split(b"\r\n"):
            if line and not self._closed:
                self._messages.sendTextMessage(line.decode("utf-8", "replace"))

    def write_content(self, data: bytes) -> None:
        """Sends a part of a file as a binary message."""
        if not self._closed:
            self._messages.sendBytesMessage(data)

    def registerProducer(self, producer: IPushProducer, streaming: bool) -> None:
        """Tells a producer to pause while the client does not read."""
        # The HTTP channel, which has done its work, is one.
        self.transport.unregisterProducer()
        self.transport.registerProducer(producer, streaming)

    def unregisterProducer(self) -> None:
        """Tells the producer nothing more."""
        self.transport.unregisterProducer()

    def pauseProducing(self) -> None:
        """Reads nothing more for now."""
        self.transport.pauseProducing()

    def resumeProducing(self) -> None:
        """Reads on."""
        self.transport.resumeProducing()

    def loseWriteConnection(self) -> None:
        """Closes: a WebSocket has no half-open state."""
        self.loseConnection()

    def loseConnection(self, code: int = 1000) -> None:
        """Sends what is written and the closing frame, and closes."""
        if not self._closed:
            self._closed = True
            self._messages.loseConnection(code)

    def abortConnection(self) -> None:
        """Drops the connection with what it was to send."""
        self._closed = True
        self.transport.abortConnection()

    def getPeer(self) -> Any:
        """Returns the client's address."""
        return self.transport.getPeer()

    def getHost(self) -> Any:
        """Returns our address."""
        return self.transport.getHost()


class WebSocketClient:
    """One client: the messages of a WebSocket on one side, the protocol of lines on the other.

    Args:
        request: The HTTP request that has become a WebSocket.
        build_protocol: Makes the protocol of a client.
        max_bytes: The most bytes of one message.
        clock: Calls later.
    """

    def __init__(
        self, request: Request, build_protocol: BuildProtocol, max_bytes: int, clock: Clock
    ) -> None:
        self._channel: Any = request.channel
        self._build_protocol = build_protocol
        self._max_received = max_bytes + OVERHEAD_BYTES
        self._clock = clock
        self._received = 0
        self._unanswered = 0
        self._timer: Timer | None = None
        self._protocol: LineProtocol = None
        self._websocket: WebSocketTransport
        self._transport: MessageTransport

    def negotiationStarted(self, transport: WebSocketTransport) -> None:
        """Takes the transport; nothing may be sent yet."""
        self._websocket = transport
        self._transport = MessageTransport(transport, self._channel.transport)

    def negotiationFinished(self) -> None:
        """Lets the client in, as one that has connected over TCP."""
        self._channel.dataReceived = self._bounded(self._channel.dataReceived)
        self._protocol = self._build_protocol(self._transport.getPeer())
        self._protocol.makeConnection(self._transport)
        self._ping_later()

    def textMessageReceived(self, message: str) -> None:
        """Takes a message as one line; line ends within it are blanks, as JSON has it."""
        self._take(message.encode("utf-8", "replace"))

    def bytesMessageReceived(self, data: bytes | bytearray) -> None:
        """Takes a message that a client has sent as binary in the same way."""
        self._take(bytes(data))

    def pongReceived(self, payload: bytes) -> None:
        """Notes that the client lives."""
        self._unanswered = 0

    def connectionLost(self, reason: Failure) -> None:
        """Tells the protocol that the client is gone."""
        stop(self._timer)
        if self._protocol is not None:
            self._protocol.connectionLost(reason)

    def _take(self, line: bytes) -> None:
        self._received = 0
        self._protocol.dataReceived(line.replace(b"\r", b" ").replace(b"\n", b" ") + b"\n")

    def _bounded(self, receive: Callable[[bytes], object]) -> Callable[[bytes], None]:
        """Bounds what the WebSocket buffers of a message that has not ended."""

        def received(data: bytes) -> None:
            self._received += len(data)
            try:
                receive(data)
            except RemoteProtocolError:
                self._transport.loseConnection(PROTOCOL_ERROR)
                return
            if self._received > self._max_received:
                self._transport.loseConnection(TOO_BIG)

        return received

    def _ping_later(self) -> None:
        self._timer = self._clock.callLater(PING_SECONDS, self._ping)

    def _ping(self) -> None:
        if self._unanswered >= 2:
            self._transport.abortConnection()
            return
        self._unanswered += 1
        self._websocket.ping()
        self._ping_later()


class WebSocketFactory:
    """Makes a `WebSocketClient` of each request that asks for one.

    Args:
        build_protocol: Makes the protocol of a client.
        max_bytes: Returns the most bytes of one message; a reload may change it.
        clock: Calls later.
    """

    def __init__(
        self, build_protocol: BuildProtocol, max_bytes: Callable[[], int], clock: Clock
    ) -> None:
        self._build_protocol = build_protocol
        self._max_bytes = max_bytes
        self._clock = clock

    def buildProtocol(self, request: Request) -> WebSocketClient:
        """Returns the protocol of a request."""
        return WebSocketClient(request, self._build_protocol, self._max_bytes(), self._clock)


class WebSocketEndpoint(Leaf):
    """Where browsers connect: pages of ours, and of the origins that are allowed.

    Args:
        access: Decides from where.
        factory: Makes the clients.
    """

    def __init__(self, access: Access, factory: WebSocketFactory) -> None:
        super().__init__()
        self._access = access
        self._websocket = WebSocketResource(factory)

    def render_GET(self, request: Request) -> Any:
        """Makes a WebSocket of the request, or refuses it."""
        if not self._access.knows_origin(request):
            text = "pages of this origin may not connect; see web.allowedOrigins"
            return Refusal(403, text).render(request)
        return self._websocket.render_GET(request)
