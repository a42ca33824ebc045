"""The server's end of a connection that is none: what it writes its client has at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.error import ConnectionAborted, ConnectionDone
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure

from ..clock import Clock


class FakeTransport(StringTransport):
    """A transport whose client takes all at once, and hangs up when the server does.

    Args:
        protocol: The server's protocol.
        peer: The client's address.
        clock: Calls later.
        receive: Gets what the server writes.

    Attributes:
        connected: Whether the connection is open.
    """

    def __init__(
        self, protocol: Any, peer: Any, clock: Clock, receive: Callable[[bytes], object]
    ) -> None:
        super().__init__(peerAddress=peer, lenient=True)  # type: ignore[no-untyped-call]
        self._protocol = protocol
        self._clock = clock
        self._receive = receive
        self._waiting: list[Callable[[], object]] = []

    def write(self, data: bytes) -> None:
        """Hands the client something."""
        if self.connected:
            self._receive(data)

    def deliver(self, data: bytes) -> None:
        """Hands the server something, once it reads."""
        self._when_read(lambda: self._protocol.dataReceived(data))

    def hang_up(self) -> None:
        """Closes the client's end, of which the server knows once it reads."""
        self._when_read(self._protocol.readConnectionLost)

    def lose(self, reason: BaseException) -> None:
        """Ends the connection, in the reactor's next pass."""
        if self.connected:
            self.connected = False
            self._waiting.clear()
            self._clock.callLater(0, self._protocol.connectionLost, Failure(reason))

    def loseConnection(self) -> None:
        """See Twisted's ``ITransport``."""
        self.lose(ConnectionDone())

    def loseWriteConnection(self) -> None:
        """See Twisted's ``IHalfCloseableTransport``; the client also closes its end."""
        self.lose(ConnectionDone())

    def abortConnection(self) -> None:
        """See Twisted's ``ITCPTransport``."""
        self.lose(ConnectionAborted())

    def resumeProducing(self) -> None:
        """See Twisted's ``IPushProducer``."""
        super().resumeProducing()  # type: ignore[no-untyped-call]
        self._clock.callLater(0, self._read)

    def _when_read(self, call: Callable[[], object]) -> None:
        self._waiting.append(call)
        self._read()

    def _read(self) -> None:
        while self.connected and self._waiting and self.producerState == "producing":
            self._waiting.pop(0)()
