"""Many clients of one daemon, on nonblocking sockets in one loop, over TCP or TLS."""

from __future__ import annotations

import contextlib
import heapq
import select
import socket
import ssl
import struct
import time
from collections.abc import Callable
from typing import Any, TypeVar, cast

from tests.faults.counts import BYSTANDER_PAUSE
from tests.support import PATIENCE, Daemon
from tests.support.integration import WELCOME, connect, trusting_context
from tests.support.web_sockets import WebSocketStream

CHUNK = 256 * 1024
"""As much is read from a client, or sent for it, before the others get their turn."""

RECORD = 16 * 1024
"""The most that TLS gives in one go."""

BATCH = 32
"""As many connect before they are waited for: a daemon keeps 50 that it has not accepted."""

LONGEST = 900.0
"""Seconds after which what is waited for has failed, whatever else goes on."""

_BLOCKED = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


class Peer:
    """One client. What it sends waits here until the daemon takes it.

    Attributes:
        crowd: The crowd it belongs to.
        stream: Its socket.
        outgoing: What it has still to send.
        connected: Whether the connection can be used: under TLS after its handshake.
        end: How the connection ended: ``closed``, ``reset``, or ``left`` where it was this
            client that went; empty as long as it is open.
        ended_at: When it ended, on the monotonic clock.
    """

    def __init__(self, crowd: Crowd, stream: socket.socket) -> None:
        self.crowd = crowd
        self.stream = stream
        self.outgoing = bytearray()
        self.connected = not isinstance(stream, ssl.SSLSocket)
        self.end = ""
        self.ended_at = 0.0
        self._reading = True
        self._finishing = False

    # What a scenario makes of it

    def received(self, data: bytes) -> None:
        """Some bytes came."""

    def ended(self) -> None:
        """The connection has ended; see `end`."""

    # What it does

    def send(self, data: bytes) -> None:
        """Sends bytes, as soon as the daemon takes them."""
        if not self.end:
            self.outgoing += data
            if self.connected:
                self._write()
            self._watch()

    def pause(self) -> None:
        """Reads no more."""
        self._reading = False
        self._watch()

    def resume(self) -> None:
        """Reads again."""
        self._reading = True
        self._watch()

    def finish(self) -> None:
        """Sends a FIN when all is sent; what the daemon sends is still read."""
        self._finishing = True
        self._write()
        self._watch()

    def close(self) -> None:
        """Hangs up."""
        self._drop("left")

    def reset(self) -> None:
        """Hangs up with a RST, as a client that crashed."""
        if not self.end:
            self.stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self._drop("left")

    # What the loop tells

    def ready(self, events: int) -> None:
        """The socket has something for this client, or takes something, or is gone."""
        if not self._reading and events & (select.EPOLLERR | select.EPOLLHUP):
            self._drop("reset")
        else:
            if not self.connected:
                self._shake_hands()
            if self.connected and self._reading:
                self._read()
            if self.connected:
                self._write()
            self._watch()

    def _shake_hands(self) -> None:
        try:
            self.stream.do_handshake()  # type: ignore[attr-defined]
            self.connected = True
        except _BLOCKED:
            pass
        except OSError:
            self._drop("reset")

    def _read(self) -> None:
        """Reads a chunk; under TLS that comes record by record."""
        secure = isinstance(self.stream, ssl.SSLSocket)
        size = RECORD if secure else CHUNK
        for _ in range(CHUNK // size):
            try:
                data = self.stream.recv(size)
            except _BLOCKED:
                return
            except OSError:
                self._drop("reset")
                return
            if not data:
                self._drop("closed")
                return
            self.received(data)
            if self.end or not self._reading:
                return

    def _write(self) -> None:
        try:
            if self.outgoing and not self.end:
                del self.outgoing[: self.stream.send(self.outgoing[:CHUNK])]
        except _BLOCKED:
            return
        except OSError:
            # What the daemon sent before it hung up can still be read.
            self.outgoing.clear()
        if self._finishing and not self.outgoing and not self.end:
            self._finishing = False
            with contextlib.suppress(OSError):
                self.stream.shutdown(socket.SHUT_WR)

    def _watch(self) -> None:
        if not self.end:
            reading = self._reading or not self.connected
            writing = bool(self.outgoing) and self.connected
            self.crowd.watch(self, reading * select.EPOLLIN | writing * select.EPOLLOUT)

    def _drop(self, how: str) -> None:
        if not self.end:
            self.end = how
            self.ended_at = time.monotonic()
            self.outgoing.clear()
            self.crowd.forget(self)
            self.stream.close()
            self.ended()


class LinePeer(Peer):
    """A client that takes what it gets line by line.

    Attributes:
        welcomed: Whether it has got its welcome.
    """

    def __init__(self, crowd: Crowd, stream: socket.socket) -> None:
        super().__init__(crowd, stream)
        self.welcomed = False
        self._rest = b""

    def received(self, data: bytes) -> None:
        """Splits what came into lines."""
        *lines, self._rest = (self._rest + data).split(b"\r\n")
        if lines and not self.welcomed:
            assert lines[0] == WELCOME, lines[0]
            self.welcomed = True
            del lines[0]
        for line in lines:
            self.line(line)

    def line(self, line: bytes) -> None:
        """One line came after the welcome, without its end."""


class Bystander(LinePeer):
    """Asks, and asks again after each answer.

    Args:
        crowd: See `Peer`.
        stream: See `Peer`.
        pause: Seconds between an answer and the next request.

    Attributes:
        answers: How many answers it got.
    """

    def __init__(self, crowd: Crowd, stream: socket.socket, pause: float = BYSTANDER_PAUSE) -> None:
        super().__init__(crowd, stream)
        self.answers = 0
        self._pause = pause
        self.send(b"roomChange quiet\n")

    def line(self, line: bytes) -> None:
        if b'"context":"response"' in line:
            self.answers += 1
            assert line.endswith(b',"messageCount":%d}' % self.answers), line
            if self._pause:
                self.crowd.call_later(self._pause, self.ask)
            else:
                self.ask()

    def ask(self) -> None:
        """Sends a request, as long as it is connected."""
        self.send(b"randomNumber\n")


AnyPeer = TypeVar("AnyPeer", bound=Peer)
AnyLinePeer = TypeVar("AnyLinePeer", bound=LinePeer)


class Crowd:
    """Clients of one daemon, and the loop in which they live.

    Args:
        running: The daemon.
        tls: Whether they speak TLS.
        web_port: The web port, where they come over WebSocket; 0 for none.

    Attributes:
        peers: Those that are connected, by their descriptors.
    """

    def __init__(self, running: Daemon, tls: bool, web_port: int = 0) -> None:
        self.peers: dict[int, Peer] = {}
        self._running = running
        self._web_port = web_port
        self._context = trusting_context(running) if tls else None
        self._epoll = select.epoll()
        self._masks: dict[int, int] = {}
        self._delayed: list[tuple[float, int, Callable[[], None]]] = []
        self._delayed_count = 0

    def add(self, make: Callable[..., AnyPeer], *arguments: Any, buffer: int = 0) -> AnyPeer:
        """Connects a client; its TLS handshake is done by the loop.

        Args:
            make: Makes the client, from this crowd, its socket and the arguments.
            arguments: See ``make``.
            buffer: Bytes that the kernel keeps for it at most; 0 for its own choice.
        """
        stream = connect(self._running, buffer, self._web_port)
        if self._web_port:
            stream = cast(socket.socket, WebSocketStream(stream))
        if self._context is not None:
            stream = self._context.wrap_socket(
                stream, server_hostname="localhost", do_handshake_on_connect=False
            )
        return self.adopt(make, stream, *arguments)

    def gather(
        self, count: int, make: Callable[..., AnyLinePeer], *arguments: Any, buffer: int = 0
    ) -> list[AnyLinePeer]:
        """Connects so many clients, and waits until all are welcomed; see `add`."""
        gathered: list[AnyLinePeer] = []
        for number in range(1, count + 1):
            gathered.append(self.add(make, *arguments, buffer=buffer))
            if number % BATCH == 0 or number == count:
                self.until(lambda: all(peer.welcomed for peer in gathered), "a welcome")
        return gathered

    def adopt(self, make: Callable[..., AnyPeer], stream: socket.socket, *more: Any) -> AnyPeer:
        """Makes a client of a socket that is connected already."""
        stream.setblocking(False)
        stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._masks[stream.fileno()] = 0
        self._epoll.register(stream.fileno(), 0)
        peer = make(self, stream, *more)
        self.peers[stream.fileno()] = peer
        peer.ready(0)
        return peer

    def watch(self, peer: Peer, mask: int) -> None:
        """Has the loop tell a client of these events."""
        descriptor = peer.stream.fileno()
        if self._masks[descriptor] != mask:
            self._masks[descriptor] = mask
            self._epoll.modify(descriptor, mask)

    def forget(self, peer: Peer) -> None:
        """Lets a client go that is about to close its socket."""
        descriptor = peer.stream.fileno()
        self._epoll.unregister(descriptor)
        del self.peers[descriptor], self._masks[descriptor]

    def call_later(self, seconds: float, call: Callable[[], None]) -> None:
        """Has the loop call something after some time."""
        self._delayed_count += 1
        heapq.heappush(self._delayed, (time.monotonic() + seconds, self._delayed_count, call))

    def write_batch(self, seconds: float = 0.0) -> int:
        """One pass of the loop; gives how many clients had something to do.

        Args:
            seconds: How long to wait where there is nothing to do.
        """
        if self._delayed:
            seconds = min(seconds, max(0.0, self._delayed[0][0] - time.monotonic()))
        ready = self._epoll.poll(seconds)
        now = time.monotonic()
        while self._delayed and self._delayed[0][0] <= now:
            heapq.heappop(self._delayed)[2]()
        for descriptor, events in ready:
            if peer := self.peers.get(descriptor):
                peer.ready(events)
        return len(ready)

    def until(self, condition: Callable[[], object], what: str) -> None:
        """Runs the loop until a condition is met.

        Raises:
            AssertionError: Nothing has happened for the time of `PATIENCE`.
        """
        begun = moved = time.monotonic()
        while not condition():
            if self.write_batch(0.05):
                moved = time.monotonic()
            silence = time.monotonic() - moved
            assert silence < PATIENCE, f"for {silence:.0f} s nothing has happened; missing: {what}"
            assert time.monotonic() - begun < LONGEST, f"waited {LONGEST:g} s in vain for {what}"

    def run(self, seconds: float) -> None:
        """Runs the loop for some time."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self.write_batch(left)

    def close(self) -> None:
        """Has all clients hang up."""
        for peer in tuple(self.peers.values()):
            peer.close()
        self._epoll.close()
