"""Clients over WebSocket: one line or JSON request a text message, the same protocol behind it."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure
from twisted.web.server import NOT_DONE_YET, Request

from ..clock import Clock, Timer, stop
from ..connection.fair_queue import COSTLY_SECONDS, FairQueue
from ..net.transport import set_protocol
from ..wire.frames import (
    CLOSE,
    NORMAL,
    PING,
    PONG,
    PROTOCOL_ERROR,
    TRY_AGAIN_LATER,
    FrameError,
    FrameReader,
    close_frame,
    frame,
    text_frames,
)
from .access import Access
from .resources import Leaf, Refusal

if TYPE_CHECKING:
    from twisted.internet.interfaces import IPushProducer

PING_SECONDS: Final = 30.0
"""The time between two pings; a client that answers none of two is gone."""

OVERHEAD_BYTES: Final = 64 * 1024
"""A message may be so much longer than a line: the server then refuses it with an error line."""

VERSION: Final = "13"
"""The version of WebSocket, which has been this one since 2011."""

_GUID: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

LineProtocol = Any
"""An `ActionHeroProtocol`, as its factory makes it."""

BuildProtocol = Callable[[IAddress | None], LineProtocol]


class MessageTransport:
    """What a client's protocol takes for its transport: it turns lines into text messages.

    Args:
        transport: The transport of the bytes: TCP, or TLS over it.
        peer: The client's address.

    Attributes:
        transport: See above, for what asks how far it has sent.
    """

    __slots__ = ("_closed", "_is_paused", "_is_waiting", "_peer", "_write", "transport")

    def __init__(self, transport: Any, peer: Any) -> None:
        self.transport = transport
        self._peer = peer
        self._write = transport.write
        self._closed = self._is_paused = self._is_waiting = False

    def write(self, data: bytes) -> None:
        """Sends lines, each as one text message without its end."""
        if not self._closed:
            self._write(text_frames(data))

    def write_content(self, data: bytes) -> None:
        """Sends a part of a file as a binary message."""
        if not self._closed:
            self._write(frame(data))

    def write_control(self, kind: int, payload: bytes = b"") -> None:
        """Sends a ping or a pong."""
        if not self._closed:
            self._write(frame(payload, kind))

    def registerProducer(self, producer: IPushProducer, streaming: bool) -> None:
        """Tells a producer to pause while the client does not read."""
        self.transport.registerProducer(producer, streaming)

    def unregisterProducer(self) -> None:
        """Tells the producer nothing more."""
        self.transport.unregisterProducer()

    def pauseProducing(self) -> None:
        """Reads nothing more for now."""
        self._is_paused = True
        self.transport.pauseProducing()

    def resumeProducing(self) -> None:
        """Reads on, unless frames that were read still wait."""
        self._is_paused = False
        if not self._is_waiting:
            self.transport.resumeProducing()

    @property
    def is_paused(self) -> bool:
        """Whether nothing is read from the client for now."""
        return self._is_paused or self._is_waiting

    def frames_wait(self) -> None:
        """Reads nothing more while frames that were read wait for their turn."""
        self._is_waiting = True
        self.transport.pauseProducing()

    def frames_served(self) -> None:
        """Reads on, unless the client's protocol has paused."""
        self._is_waiting = False
        if not self._is_paused:
            self.transport.resumeProducing()

    def loseWriteConnection(self) -> None:
        """Closes: a WebSocket has no half-open state."""
        self.loseConnection()

    def loseConnection(self, code: int = NORMAL) -> None:
        """Sends what is written and the closing frame, and closes."""
        if not self._closed:
            self._closed = True
            self._write(close_frame(code))
            self.transport.loseConnection()

    def abortConnection(self) -> None:
        """Drops the connection with what it was to send."""
        self._closed = True
        self.transport.abortConnection()

    def getPeer(self) -> Any:
        """Returns the client's address."""
        return self._peer

    def getHost(self) -> Any:
        """Returns our address."""
        return self.transport.getHost()


class WebSocketClient:
    """One client: the frames of a WebSocket on one side, the protocol of lines on the other.

    Frames cost more than lines: frames that came while others have used up their share of the
    loop's time wait for their turn.

    Args:
        transport: The transport that the client's protocol gets.
        protocol: The client's protocol.
        max_bytes: The most bytes of one message.
        queue: The clients that wait for their turn.
        clock: Calls later.

    Attributes:
        tag: See `connection.fair_queue.Waiting`.
    """

    __slots__ = (
        *("_charge", "_clock", "_protocol", "_queue", "_reader", "_timer", "_transport"),
        *("_unanswered", "_unread", "tag"),
    )

    def __init__(
        self,
        transport: MessageTransport,
        protocol: LineProtocol,
        max_bytes: int,
        queue: FairQueue,
        clock: Clock,
    ) -> None:
        self._transport = transport
        self._protocol = protocol
        self._reader = FrameReader(max_bytes + OVERHEAD_BYTES)
        self._queue = queue
        self._clock = clock
        self.tag = 0.0
        self._unread = b""
        self._charge = 0
        self._unanswered = 0
        self._timer: Timer = clock.callLater(PING_SECONDS, self._ping)

    def dataReceived(self, data: bytes) -> None:
        """Reads frames, at once or when it is this client's turn."""
        queue = self._queue
        if self._unread:
            self._unread += data
            self._hold()
        elif queue.exhausted or (self.tag and queue.is_behind(self)):
            self._unread = data
            self._hold()
            self._transport.frames_wait()
            queue.wait(self)
        else:
            self._read(data)

    def serve_waiting(self) -> None:
        """See `connection.fair_queue.Waiting`."""
        data, self._unread = self._unread, b""
        if data:
            self._transport.frames_served()
            self._read(data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Tells the protocol that the client is gone."""
        self._unread = b""
        stop(self._timer)
        self._protocol.connectionLost(reason)

    def _read(self, data: bytes) -> None:
        """Hands on all messages that a chunk completes, each as one line."""
        began = self._queue.seconds()
        lines: list[bytes] = []
        code = ping = None
        try:
            for kind, payload in self._reader.feed(data):
                if kind < CLOSE:
                    lines.append(payload)
                elif kind == PING:
                    # Only the last one of those that come together has to be answered.
                    ping = payload
                elif kind == PONG:
                    self._unanswered = 0
                else:
                    code = _code(payload)
                    break
        except FrameError as error:
            code = error.code
        spent = self._queue.seconds() - began
        if spent >= COSTLY_SECONDS:
            self._queue.spent(self, spent)
        self._hold()
        if ping is not None:
            self._transport.write_control(PONG, ping)
        if lines:
            self._take(lines)
        if code is not None:
            self._transport.loseConnection(code)

    def _hold(self) -> None:
        """Charges the client for what is kept of its frames."""
        held = self._reader.held + len(self._unread)
        if held or self._charge:
            self._charge = self._protocol.account.change(self._charge, held)

    def _take(self, lines: list[bytes]) -> None:
        # Line ends within a message are blanks, as JSON has it.
        parts = [line.translate(_BLANKS) for line in lines]
        self._protocol.dataReceived(b"\n".join([*parts, b""]))

    def _ping(self) -> None:
        if self._transport.is_paused:
            # Its answers would not be read; others see to a client that takes nothing.
            self._unanswered = 0
        elif self._unanswered >= 2:
            self._transport.abortConnection()
            return
        else:
            self._unanswered += 1
            self._transport.write_control(PING)
        self._timer = self._clock.callLater(PING_SECONDS, self._ping)


_BLANKS: Final = bytes.maketrans(b"\r\n", b"  ")


def _code(payload: bytes) -> int:
    """The code with which a client's close is answered: its own one."""
    if not payload:
        return NORMAL
    code = int.from_bytes(payload[:2], "big")
    is_known = len(payload) >= 2 and (1000 <= code <= 1014 or 3000 <= code <= 4999)
    return code if is_known and code not in (1004, 1005, 1006) else PROTOCOL_ERROR


class WebSocketEndpoint(Leaf):
    """Where browsers connect: pages of ours, and of the origins that are allowed.

    Args:
        access: Decides from where, and knows where clients behind proxies are.
        build_protocol: Makes the protocol of a client.
        max_bytes: Returns the most bytes of one message; a reload may change it.
        queue: The clients that wait for their turn.
        clock: Calls later.
    """

    def __init__(
        self,
        access: Access,
        build_protocol: BuildProtocol,
        max_bytes: Callable[[], int],
        queue: FairQueue,
        clock: Clock,
    ) -> None:
        super().__init__()
        self._access = access
        self._build_protocol = build_protocol
        self._max_bytes = max_bytes
        self._queue = queue
        self._clock = clock

    def render_GET(self, request: Request) -> Any:
        """Makes a WebSocket of the request, or refuses it."""
        if not self._access.knows_origin(request):
            text = "pages of this origin may not connect; see web.allowedOrigins"
            return Refusal(403, text).render(request)
        wrong = _handshake_error(request)
        if wrong:
            request.setHeader("Sec-WebSocket-Version", VERSION)
            request.setHeader("Upgrade", "websocket")
            return Refusal(426 if "version" in wrong else 400, wrong).render(request)
        self._upgrade(request)
        return NOT_DONE_YET

    def _upgrade(self, request: Request) -> None:
        channel: Any = request.channel
        below = channel.detach()
        transport = MessageTransport(below, self._access.peer_of(request))
        below.write(_accepted(_header(request, "sec-websocket-key")))
        protocol = self._build_protocol(transport.getPeer())
        if protocol is None:
            transport.loseConnection(TRY_AGAIN_LATER)
            return
        most = self._max_bytes()
        client = WebSocketClient(transport, protocol, most, self._queue, self._clock)
        set_protocol(below, client)
        protocol.makeConnection(transport)


def _handshake_error(request: Request) -> str:
    """What is wrong with a request for a WebSocket; empty where nothing is."""
    upgrades = {each.strip().lower() for each in _header(request, "connection").split(",")}
    if _header(request, "upgrade").lower() != "websocket" or "upgrade" not in upgrades:
        return "expected a WebSocket: the headers Upgrade: websocket and Connection: Upgrade"
    if _header(request, "sec-websocket-version") != VERSION:
        return f"expected version {VERSION} of WebSocket in Sec-WebSocket-Version"
    try:
        key = base64.b64decode(_header(request, "sec-websocket-key"), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    return "" if len(key) == 16 else "expected 16 bytes as base64 in Sec-WebSocket-Key"


def _accepted(key: str) -> bytes:
    """The answer to a handshake."""
    digest = hashlib.sha1(key.encode() + _GUID, usedforsecurity=False).digest()
    return (
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: " + base64.b64encode(digest) + b"\r\n\r\n"
    )


def _header(request: Request, name: str) -> str:
    values = request.requestHeaders.getRawHeaders(name, [""])
    return str(values[-1]).strip()
