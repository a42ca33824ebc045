"""Transports that write at once where they can.

Twisted's own transport never writes at once: ``write`` buffers, asks epoll for
writability, and the next pass of the reactor sends and asks epoll to stop. That is
two system calls and a pass too many for each answer (twisted issue 5303).
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from twisted.internet import tcp, unix
from twisted.internet.abstract import FileDescriptor
from twisted.internet.error import ConnectionLost
from twisted.internet.main import CONNECTION_LOST
from twisted.protocols.tls import TLSMemoryBIOFactory, TLSMemoryBIOProtocol
from twisted.python.failure import Failure

if TYPE_CHECKING:
    from twisted.internet.interfaces import IListeningPort

    _Base = tcp.Server
else:
    _Base = object


_NO_REACTOR: Any = object()
"""Without one a descriptor would import the global reactor, and so install it."""

KNOWS_BUFFERS: Final = all(
    hasattr(FileDescriptor(_NO_REACTOR), name) for name in ("dataBuffer", "_tempDataLen")
)
"""Whether this Twisted's transports show what they have buffered; `writer_at_once` has to ask one
that is not `WriteAtOnce`. Where they do not, that writes as they do."""


def _connection_lost() -> ConnectionLost:
    return CONNECTION_LOST


class WriteAtOnce(_Base):
    """Mixed into a server-side transport: sends at once while nothing is buffered.

    The reactor writes the rest, and handles every error, as usual, so that producers, half-close
    and the loss of the connection work as ever.

    Attributes:
        send_now: Has the kernel take some bytes, and tells how many it took; None where something
            waits for it already, or the connection is on its way out.
        buffered_bytes: How many bytes wait for the kernel to take them.
        taken_bytes: How many bytes the kernel has taken of those that had to wait for it.
        on_buffered: Called with the number of bytes that wait for the kernel whenever it has
            grown, and with 0 when none do; under TLS these are TLS's own as well.
    """

    buffered_bytes = 0
    taken_bytes = 0
    on_buffered: Callable[[int], object] | None = None
    _open = True

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.send_now: Callable[[bytes], int] | None = self.socket.send

    def report_buffered(self, call: Callable[[int], object]) -> None:
        """Have a function called as `on_buffered`, until the connection is lost."""
        self.on_buffered = call

    def write(self, data: bytes) -> None:
        """Sends the data, as much of it as the kernel takes, at once."""
        send = self.send_now
        if send is None:
            self._buffer(data)
            return
        try:
            sent = send(data)
        except OSError as error:
            if isinstance(error, ConnectionError | TimeoutError):
                # The kernel reports a lost connection once. To read would find a mere end
                # now, as of a client that sends nothing more.
                self.doRead = _connection_lost  # type: ignore[method-assign]
            # It takes nothing now; or it is an error, which the reactor's own write meets
            # too, and which then ends the connection.
            self._buffer(data)
            return
        if sent < len(data):
            self._buffer(data[sent:])

    def _buffer(self, data: bytes) -> None:
        """Keeps what the kernel does not take now, in Twisted's own way."""
        if self.connected:
            self.buffered_bytes += len(data)
        super().write(data)  # type: ignore[no-untyped-call]
        if self.on_buffered is not None:
            self.on_buffered(self.buffered_bytes)

    def writeSequence(self, iovec: Any) -> None:
        """Sends the joined data; see `write`."""
        self.write(b"".join(iovec))

    def writeSomeData(self, data: bytes) -> int | Any:
        """Sends what the kernel takes of what was buffered, and counts it.

        Returns:
            How many bytes it took, or an exception where the connection is lost.
        """
        sent = super().writeSomeData(data)
        if isinstance(sent, int):
            self.taken_bytes += sent
            self.buffered_bytes -= sent
        return sent

    def startWriting(self) -> None:
        """Something waits for the kernel; what comes now has to wait behind it."""
        self.send_now = None
        super().startWriting()  # type: ignore[no-untyped-call]

    def stopWriting(self) -> None:
        """Nothing waits any more."""
        if self._open:
            self.send_now = self.socket.send
        super().stopWriting()  # type: ignore[no-untyped-call]
        if self.on_buffered is not None:
            self.on_buffered(0)

    def _shut(self) -> None:
        self._open = False
        self.send_now = None

    # During closing, and under its own TLS, all goes through the reactor.

    def loseConnection(self) -> None:
        """Closes when all is sent."""
        self._shut()
        super().loseConnection()  # type: ignore[no-untyped-call]

    def loseWriteConnection(self) -> None:
        """Closes our end when all is sent."""
        self._shut()
        super().loseWriteConnection()  # type: ignore[no-untyped-call]

    def abortConnection(self) -> None:
        """Drops the connection."""
        self._shut()
        super().abortConnection()  # type: ignore[no-untyped-call]

    def readConnectionLost(self, reason: Any) -> None:
        """The other end sends nothing more, or has reset the connection.

        epoll may report a reset while the kernel is still at it, as an error with nothing to
        read, and Twisted takes that for a clean end. The socket knows which it was.
        """
        if self.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            self.connectionLost(Failure(CONNECTION_LOST))
        else:
            super().readConnectionLost(reason)

    def connectionLost(self, reason: Any) -> None:
        """The connection is gone."""
        self._shut()
        # The counter knows this transport.
        self.on_buffered = None
        super().connectionLost(reason)

    def startTLS(self, *arguments: Any) -> None:
        """Speaks TLS from now on."""
        self._shut()
        super().startTLS(*arguments)  # type: ignore[no-untyped-call]


class TCPTransport(WriteAtOnce, tcp.Server):
    """One client's TCP connection."""


class UNIXTransport(WriteAtOnce, unix.Server):
    """One client's connection over a UNIX socket. It passes no file descriptors."""


def writer_at_once(transport: Any) -> Callable[[bytes], object]:
    """Writes to a client's transport, which is Twisted's, as `WriteAtOnce` does.

    Args:
        transport: The transport; of other kinds than plain TCP and UNIX connections it is its
            own ``write``.
    """
    write: Callable[[bytes], object] = transport.write
    if not isinstance(transport, tcp.Connection) or transport.TLS or not KNOWS_BUFFERS:
        return write

    def write_now(data: bytes) -> None:
        if transport._tempDataLen or transport.dataBuffer or not transport.connected:
            write(data)
            return
        try:
            sent = transport.socket.send(data)
        except OSError:
            # As above: the reactor's own write also meets the error.
            sent = 0
        if sent < len(data):
            write(data[sent:])

    return write_now


def write_at_once(port: IListeningPort) -> None:
    """Has a listening port give its clients transports that write at once.

    Under TLS it also drops Twisted's buffer of small writes, which waits for the next
    pass of the reactor: an outbox joins them already, and what waits there is lost
    when the client says goodbye right after its request.

    Ports of other kinds than Twisted's TCP and UNIX ones keep their own transports.
    """
    if isinstance(port, unix.Port):
        port.transport = UNIXTransport
    elif isinstance(port, tcp.Port):
        port.transport = TCPTransport
    factory = getattr(port, "factory", None)
    if isinstance(factory, TLSMemoryBIOFactory):
        factory.protocol = _secure  # type: ignore[assignment]


def _secure(factory: TLSMemoryBIOFactory, inner: Any) -> TLSMemoryBIOProtocol | None:
    """TLS around a protocol; None where there is none, for Twisted's own would fail on that."""
    return None if inner is None else TLSMemoryBIOProtocol(factory, inner)


def is_secure(transport: Any) -> bool:
    """Whether the transport speaks TLS."""
    return isinstance(transport, TLSMemoryBIOProtocol)


def set_protocol(transport: Any, protocol: Any) -> None:
    """Has another protocol get what comes on a connection, and its end.

    Args:
        transport: The transport of TCP, or of TLS over it.
        protocol: Gets it from now on.
    """
    if isinstance(transport, TLSMemoryBIOProtocol):
        transport.wrappedProtocol = protocol
    else:
        transport.protocol = protocol
