"""Connections that one process accepts and others serve.

A supervisor accepts, and hands each connection over to one of its workers: its descriptor and
the client's address go as one message over a socket pair, the *channel*. Of sockets on which
several processes listen, the kernel lets the one that it wakes first have nearly all; and of
sockets with ``SO_REUSEPORT`` each has its own clients, who would wait for a worker that is stuck or
restarts. Neither happens here, whatever kind of socket it is.
"""

from __future__ import annotations

import array
import errno
import fcntl
import socket
import termios
from ast import literal_eval
from collections import deque
from collections.abc import Iterator, Sequence
from struct import Struct
from typing import TYPE_CHECKING, Any, Final, Protocol

from twisted.internet import protocol, tcp
from twisted.internet.defer import Deferred, succeed

from ..net.held_socket import Held, HeldUNIXPort

if TYPE_CHECKING:
    from ..clock import Clock

MAX_ADDRESS_BYTES: Final = 1024
"""No address is longer, as a message has it; paths of UNIX sockets have up to 108 bytes."""

BEHIND_SECONDS: Final = 1.0
"""A worker that has left something in its channel for so long is passed over, as long as there
is another: it is blocked."""

RETRY_SECONDS: Final = 0.05
"""Where no worker has room, the next attempt is so much later; nothing is accepted meanwhile."""

_DESCRIPTOR: Final = Struct("i")

ALL: Final = 10_000
"""As many connections are taken out of a channel that is about to be closed; it holds fewer."""


def pair() -> tuple[socket.socket, socket.socket]:
    """A channel's two ends: the supervisor's and the worker's."""
    ends = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    for end in ends:
        end.setblocking(False)
    return ends


class Taker(Protocol):
    """The server of the connections.

    Attributes:
        ends: The supervisor's end of a channel for each listening port, in their order.
    """

    ends: Sequence[socket.socket]


class Dispatcher(protocol.Factory):
    """Hands what ports accept over to takers, to each in its turn.

    Args:
        clock: Calls later.
    """

    noisy = False
    protocol = protocol.Protocol

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._ports: list[Any] = []
        self._takers: deque[Taker] = deque()
        self._clear: dict[Taker, float] = {}
        self._waiting: deque[tuple[int, socket.socket, object]] = deque()
        self._resting = True

    def add_port(self, port: Any) -> None:
        """Hands over what a port of Twisted's accepts, whose factory is this one."""
        place = len(self._ports)
        self._ports.append(port)
        # A port calls it to make a transport of a connection.
        port.transport = lambda client, _, address, *rest: self._accepted(place, client, address)
        if self._resting:
            port.stopReading()

    def add(self, taker: Taker) -> None:
        """Connections may be handed over to it from now on."""
        if taker not in self._clear:
            self._takers.append(taker)
            self._clear[taker] = self._clock.seconds()
            if not self._waiting:
                self._rest(False)

    def remove(self, taker: Taker) -> None:
        """Nothing is handed over to it any more."""
        if taker in self._clear:
            self._takers.remove(taker)
            del self._clear[taker]
            if not self._takers:
                self._rest(True)

    def close(self) -> None:
        """The ports are closed; what waits is handed over, or closed where nobody has room."""
        self._ports.clear()
        for place, client, address in self._waiting:
            self._give(place, client, address)
            client.close()
        self._waiting.clear()
        self._takers.clear()
        self._clear.clear()

    def _accepted(self, place: int, client: socket.socket, address: object) -> None:
        self._waiting.append((place, client, address))
        if not self._resting:
            self._hand_over()

    def _hand_over(self) -> None:
        """Hands over what waits; where nobody has room, ports rest until somebody may have."""
        while self._waiting:
            place, client, address = self._waiting[0]
            if not self._give(place, client, address):
                self._rest(True)
                self._clock.callLater(RETRY_SECONDS, self._hand_over)
                return
            self._waiting.popleft()
            client.close()
        if self._resting:
            self._rest(not self._takers)

    def _rest(self, resting: bool) -> None:
        """Has the ports accept nothing, or go on."""
        self._resting = resting
        for port in self._ports:
            if resting:
                port.stopReading()
            elif not port.disconnecting:
                port.startReading()

    def _give(self, place: int, client: socket.socket, address: object) -> bool:
        """Gives a connection to the next one in turn; gives whether somebody had room."""
        message = repr(address).encode()
        for taker in self._in_turn(place):
            if _send(taker.ends[place], client, message):
                self._takers.remove(taker)
                self._takers.append(taker)
                return True
        return False

    def _in_turn(self, place: int) -> Iterator[Taker]:
        """All takers; those that are behind come last."""
        behind = []
        for taker in self._takers:
            if self._is_behind(taker, place):
                behind.append(taker)
            else:
                yield taker
        yield from behind

    def _is_behind(self, taker: Taker, place: int) -> bool:
        now = self._clock.seconds()
        if not _unread(taker.ends[place]):
            self._clear[taker] = now
        return now - self._clear[taker] > BEHIND_SECONDS


def _send(end: socket.socket, client: socket.socket, message: bytes) -> bool:
    """Sends a connection; gives whether there was room, and somebody at the other end."""
    try:
        socket.send_fds(end, [message], [client.fileno()])
    except OSError:
        return False
    return True


def _unread(end: socket.socket) -> int:
    """How many bytes the other end has not taken yet; 0 where there is no other end."""
    count = array.array("i", [0])
    fcntl.ioctl(end, termios.TIOCOUTQ, count)
    return count[0]


class Channel(Held):
    """A worker's end, as a listening socket: to accept is to take what was handed over.

    Args:
        descriptor: Its descriptor, which becomes the channel's own.
        address: Where the supervisor listens.

    Attributes:
        ended: Whether there is no other end any more.
    """

    def __init__(self, descriptor: int, address: Any) -> None:
        self._socket = socket.socket(fileno=descriptor)
        self._socket.setblocking(False)
        self._address = address
        self.fileno = self._socket.fileno
        self.close = self._socket.close
        self.ended = False

    def getsockname(self) -> Any:
        """Where the supervisor listens."""
        return self._address

    def accept(self) -> tuple[socket.socket, Any]:
        """The next connection, and the client's address.

        Raises:
            OSError: There is none, or no descriptor was left for it, and it is lost.
        """
        message, rest, _, _ = self._socket.recvmsg(
            MAX_ADDRESS_BYTES, socket.CMSG_LEN(_DESCRIPTOR.size), socket.MSG_CMSG_CLOEXEC
        )
        if not message:
            self.ended = True
            raise BlockingIOError(errno.EAGAIN, "the supervisor is gone")
        if not rest:
            raise OSError(errno.EMFILE, "no descriptor is left for a client")
        (descriptor,) = _DESCRIPTOR.unpack(rest[0][2])
        return socket.socket(fileno=descriptor), literal_eval(message.decode())


class _TakesAll(tcp.Port):
    """What it was handed before it stops to listen belongs to it: nobody else has that."""

    def doRead(self) -> None:
        """Takes what there is."""
        super().doRead()  # type: ignore[no-untyped-call]
        channel: Any = self.socket if self.connected else None
        if channel is not None and channel.ended:
            self.stopReading()  # type: ignore[no-untyped-call]

    def loseConnection(self, *arguments: Any) -> Any:
        """Takes what there is, and stops."""
        if self.connected and not self.disconnecting:
            self.numberAccepts = ALL
            self.doRead()
        return super().loseConnection(*arguments)  # type: ignore[no-untyped-call]

    stopListening = loseConnection


class TCPPort(_TakesAll):
    """Listens to a channel for TCP connections.

    Args:
        channel: The channel.
        factory: Gets the connections.
        reactor: The reactor.
    """

    def __init__(self, channel: Channel, factory: Any, reactor: Any) -> None:
        host, number = channel.getsockname()[:2]
        super().__init__(number, factory, interface=host, reactor=reactor)
        self._channel = channel

    def createInternetSocket(self) -> Any:
        """The channel, which stands for the supervisor's socket."""
        return self._channel


class UNIXPort(_TakesAll, HeldUNIXPort):
    """Listens to a channel for connections over a UNIX socket."""


class HandedEndpoint:
    """Listens to a channel.

    Args:
        reactor: The reactor.
        descriptor: The worker's end.
        family: The kind of sockets: ``AF_INET``, ``AF_INET6`` or ``AF_UNIX``.
        address: Where the supervisor listens.
    """

    def __init__(self, reactor: Any, descriptor: int, family: int, address: Any) -> None:
        self._reactor = reactor
        self._descriptor = descriptor
        self._family = family
        self._address = address

    def listen(self, factory: Any) -> Deferred[Any]:
        """Listens; gives a Deferred of the port."""
        channel = Channel(self._descriptor, self._address)
        make = UNIXPort if self._family == socket.AF_UNIX else TCPPort
        port: Any = make(channel, factory, self._reactor)
        port.startListening()
        return succeed(port)


def endpoints(sockets: Sequence[tuple[int, Any]], first: int, reactor: Any) -> list[HandedEndpoint]:
    """The endpoints of a worker.

    Args:
        sockets: What the supervisor listens on: each socket's family and address.
        first: The descriptor of the first channel; the others follow.
        reactor: The reactor.
    """
    return [
        HandedEndpoint(reactor, descriptor, family, address)
        for descriptor, (family, address) in enumerate(sockets, first)
    ]
