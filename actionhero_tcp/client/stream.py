"""One connection of a `blocking.Client`: a socket and its protocol."""

from __future__ import annotations

import socket
from collections.abc import Callable
from math import inf
from time import monotonic
from typing import Any, Final, NoReturn

from .address import Address
from .outcomes import CallTimeout, ConnectionLost
from .parts import Parts
from .protocol import ClientProtocol
from .settings import Limits

_CHUNK_BYTES: Final = 256 * 1024
_SHORTEST_WAIT: Final = 0.001
"""A socket's time limit of 0 would mean not to wait at all."""


def connected(address: Address, seconds: float) -> socket.socket:
    """Return a socket that is connected, all handshakes done.

    Args:
        address: The address of the server.
        seconds: How long each step may take.

    Raises:
        CallTimeout: It takes longer.
        ConnectionLost: There is no connection to be had; the text says why.
    """
    stream = None
    try:
        if address.port is None:
            stream = socket.socket(socket.AF_UNIX)
            stream.settimeout(seconds)
            stream.connect(address.path)
        else:
            stream = socket.create_connection((address.where, address.port), seconds)
            stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            stream.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        if address.tls is None:
            return stream
        return address.tls.wrap_socket(stream, server_hostname=address.server_name)
    except TimeoutError:
        _close(stream)
        raise CallTimeout(f"there was no connection within {seconds:g} seconds") from None
    except OSError as error:
        _close(stream)
        raise ConnectionLost(f"cannot connect: {error}") from error


def _close(stream: socket.socket | None) -> None:
    if stream is not None:
        stream.close()


class Waiting:
    """A call that waits; see `roles.Call`.

    Args:
        timeout: Seconds that it may wait.
    """

    def __init__(self, timeout: float) -> None:
        self.started = monotonic()
        self.timeout = timeout
        self.done = False
        self.result: Any = None
        self.error: Exception | None = None

    def succeed(self, result: Any) -> None:
        """There it is."""
        self.done, self.result = True, result

    def fail(self, error: Exception) -> None:
        """It comes to nothing."""
        self.done, self.error = True, error


class Stream:
    """A connection.

    Args:
        stream: The connected socket.
        limits: What it may keep.
        on_message: Called with every message that answers nothing, when all that came with it
            is in order.
        offers_header: See `ClientProtocol`.

    Attributes:
        protocol: Its side of the protocol.
    """

    def __init__(
        self,
        stream: socket.socket,
        limits: Limits,
        on_message: Callable[[dict[str, Any]], object],
        offers_header: bool | None = None,
    ) -> None:
        self._socket: socket.socket | None = stream
        self._on_message = on_message
        self._messages: list[dict[str, Any]] = []
        self._error: ConnectionLost | None = None
        self.protocol = ClientProtocol(self, limits, offers_header)

    @property
    def is_open(self) -> bool:
        """Whether it is open, as far as is known."""
        return self._socket is not None

    def wait_for(self, waiting: Waiting) -> Any:
        """Sends what has been asked, and receives until a call has its result.

        Raises:
            CallError: The call has failed, or the connection is lost.
        """
        while not waiting.done:
            self.step(waiting)
        if self._error is not None:
            self.close()
        if waiting.error is not None:
            raise waiting.error
        return waiting.result

    def step(self, waiting: Waiting | Parts) -> None:
        """Send what has been asked, and receive once, unless the call has its result then.

        Raises:
            ConnectionLost: The connection is lost.
        """
        if data := self.protocol.take():
            self._send(data, waiting.timeout)
        end = self.protocol.expire(monotonic())
        if not waiting.done:
            self.receive(end)

    def receive(self, end: float) -> None:
        """Waits for something to come, up to a time of `monotonic`, and takes it in.

        Raises:
            ConnectionLost: The connection is lost.
        """
        stream = self._open()
        try:
            stream.settimeout(None if end == inf else max(_SHORTEST_WAIT, end - monotonic()))
            data = stream.recv(_CHUNK_BYTES)
        except TimeoutError:
            return
        except OSError as error:
            self._lose(f"the connection is lost: {error}")
        if not data:
            self._lose("the server has hung up")
        self.protocol.feed(data, monotonic())
        if self._error is not None:
            self._lose("")
        self.deliver()

    def deliver(self) -> None:
        """Tells of the messages that have come."""
        while self._messages:
            self._on_message(self._messages.pop(0))

    def close(self) -> None:
        """Closes it."""
        _close(self._socket)
        self._socket = None

    def message_received(self, message: dict[str, Any]) -> None:
        """See `roles.Listener.message_received`."""
        self._messages.append(message)

    def protocol_failed(self, error: ConnectionLost) -> None:
        """See `roles.Listener.protocol_failed`."""
        self._error = self._error or error

    def _send(self, data: bytes, seconds: float) -> None:
        stream = self._open()
        stream.settimeout(None if seconds == inf else max(_SHORTEST_WAIT, seconds))
        try:
            stream.sendall(data)
        except OSError as error:
            self._lose(f"the connection is lost: {error}")

    def _open(self) -> socket.socket:
        if self._socket is None:
            raise ConnectionLost("there is no connection; connect() makes one")
        return self._socket

    def _lose(self, why: str) -> NoReturn:
        error = self._error or ConnectionLost(why)
        self.protocol.lose(error)
        self.close()
        self.deliver()
        raise error
