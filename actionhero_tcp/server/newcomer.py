"""A client that has been welcomed and has sent no line yet."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from .. import close_reasons
from ..clock import Clock, Timer, stop
from ..wire import other_protocols
from ..wire.framing import TOO_LONG

if TYPE_CHECKING:
    from ..connection.connected_client import ConnectedClient
    from ..rooms.rooms import Rooms

HEAD_BYTES: Final = 4096
"""So much of a first line is kept to tell what it is, should it be too long to be served."""

NOT_HTTP: Final = (
    "this port speaks lines of text or JSON over TCP, not HTTP; nothing of the request was served"
)
NOT_TLS: Final = "this port speaks lines of text or JSON over TCP, without TLS"


def not_http(web_port: int) -> str:
    """The error for an HTTP request; it names the port for those, where there is one."""
    return f"{NOT_HTTP}; HTTP is spoken on port {web_port}" if web_port else NOT_HTTP


class Newcomer:
    """Waits for a client's first line, with which its room hears that it has entered.

    Probes that only connect are not heard. What is no client of this protocol (a browser, a
    TLS client on a port without TLS) is told so, and closed.

    Args:
        connection: The client, a member of its first room, announced or not.
        rooms: Announce it.
        clock: Calls later.
        seconds: So long after its welcome a client that sends nothing is announced.
        web_port: Where the server speaks HTTP; 0 for nowhere.
    """

    __slots__ = ("_connection", "_head", "_rooms", "_timer", "_web_port")

    def __init__(
        self, connection: ConnectedClient, rooms: Rooms, clock: Clock, seconds: float, web_port: int
    ) -> None:
        self._connection = connection
        self._web_port = web_port
        self._rooms = rooms
        self._head = b""
        self._timer: Timer | None = None
        if not connection.announced:
            self._timer = clock.callLater(seconds, rooms.announce, connection)

    def received(self, data: bytes, lines: list[bytes]) -> bool:
        """Looks at what the client has sent, until it has sent a line.

        Args:
            data: The input.
            lines: The lines that it has completed.

        Returns:
            Whether the client has sent its first line, or is about to be closed.
        """
        if len(self._head) < HEAD_BYTES:
            self._head = (self._head + data[:HEAD_BYTES]).lstrip(b"\r\n")
        if other_protocols.begins_tls(self._head):
            self._refuse(NOT_TLS, close_reasons.TLS_ON_PLAIN_PORT)
            return True
        first = next(filter(None, lines), None)
        if first is None:
            return False
        if self._is_http(first):
            self._refuse(not_http(self._web_port), close_reasons.HTTP_REQUEST)
        elif not self._connection.announced:
            self.stop()
            self._rooms.announce(self._connection)
        return True

    def stop(self) -> None:
        """Does not announce the client any more."""
        stop(self._timer)

    def _is_http(self, line: bytes) -> bool:
        if line == TOO_LONG:
            return other_protocols.begins_http_request(self._head)
        return other_protocols.is_http_request_line(line)

    def _refuse(self, error: str, reason: str) -> None:
        """Answers the client's first request with an error, and closes."""
        self.stop()
        connection = self._connection
        connection.requests = 1
        connection.outbox.send(connection.profile.refusal(error, 1))
        connection.close(reason)
