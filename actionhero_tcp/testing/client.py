"""A client without a network: what it sends the server, and what it gets."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionLost

from ..server.handshake import Handshake
from .transport import FakeTransport

if TYPE_CHECKING:
    from ..connection.connected_client import ConnectedClient, Outlet
    from ..connection.files import FileReader
    from ..connection.outbox import ResponseSlot
    from ..server.protocol import ActionHeroProtocol
    from .reactor import FakeReactor

SAID: Final = {"message", "room", "from", "context", "sentAt"}
"""The parts of a message in a room."""


class ClientState:
    """A client without a network, as a test sees it, and how it hangs up.

    Args:
        protocol: The server's protocol for it.
        clock: The server's clock.
        peer: Where it connects from.

    Attributes:
        received: All messages that it got, in order: the welcome first, responses, what was
            said in its rooms, what actions sent it.
        files: The content of all files that it got.
    """

    def __init__(
        self,
        protocol: ActionHeroProtocol,
        clock: FakeReactor,
        peer: IPv4Address | IPv6Address,
    ) -> None:
        self.received: list[dict[str, Any]] = []
        self.files: list[bytes] = []
        self._protocol = protocol
        self._clock = clock
        self._known: ConnectedClient | None = None
        self._requests = 0
        self._waiting: dict[int, Deferred[dict[str, Any]]] = {}
        self._chunk: bytes | None = None
        self._transport = FakeTransport(protocol, peer, clock, self._receive)
        protocol.makeConnection(self._transport)  # type: ignore[no-untyped-call]
        clock.settle()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._transport.getPeer()}>"  # type: ignore[no-untyped-call]

    # What it is

    @property
    def connected(self) -> bool:
        """Whether it is connected."""
        return self._transport.connected

    @property
    def id(self) -> str:
        """Its id: 32 hex digits."""
        return self._connection.id

    @property
    def room(self) -> str | None:
        """The room that it is in; None once it has left."""
        return self._connection.room

    @property
    def attributes(self) -> dict[str, Any]:
        """The attributes of it, as actions see them."""
        return self._connection.attributes

    @property
    def params(self) -> dict[str, Any]:
        """Its sticky params."""
        return self._connection.params

    @property
    def heard(self) -> list[dict[str, Any]]:
        """All that was said in its rooms, those who came and went included."""
        return [message for message in self.received if message.keys() == SAID]

    @property
    def _connection(self) -> ConnectedClient:
        """Its state in the server, which is still known when it has gone."""
        assert self._known is not None, f"the server has not let it in: {self.received}"
        return self._known

    # What it does

    def _send(self, line: str | bytes) -> Deferred[dict[str, Any]]:
        """Sends a line, and gives a Deferred of the response.

        Raises:
            ValueError: It is not one line.
        """
        data = line.encode() if isinstance(line, str) else line
        if b"\n" in data or not data.rstrip(b"\r"):
            raise ValueError(f"one line is wanted, and without its end: {line!r}")
        assert self.connected, f"the connection is closed; the last message is {self.received[-1:]}"
        self._requests += 1
        response: Deferred[dict[str, Any]] = Deferred()
        self._waiting[self._requests] = response
        self._transport.deliver(data + b"\n")
        self._clock.settle()
        return response

    def hang_up(self) -> None:
        """Closes its end: the server still answers pending requests."""
        self._transport.hang_up()
        self._clock.settle()

    def vanish(self) -> None:
        """Loses the connection, which cancels what runs for this client."""
        self._transport.lose(ConnectionLost())
        self._clock.settle()

    def clear(self) -> None:
        """Forgets what it has received."""
        self.received.clear()
        self.files.clear()

    def _receive(self, data: bytes) -> None:
        """Takes in what the server writes."""
        connection = self._protocol.connection
        if connection is not None and connection is not self._known:
            self._known = connection
            connection.outbox = _Outlet(connection.outbox, self._file_read)
        if data is self._chunk:
            self.files[-1] += data
            return
        for line in data.splitlines():
            message = json.loads(line)
            self.received.append(message)
            if message.get("context") == "response":
                self._answered(message)

    def _answered(self, message: dict[str, Any]) -> None:
        """A response has come, which whoever asked for it gets in the reactor's next pass."""
        waiting = self._waiting.pop(message.get("messageCount", 0), None)
        if waiting is not None:
            self._clock.callLater(0, waiting.callback, message)

    def _file_read(self, chunk: bytes, first: bool) -> None:
        """Something was read of a file, which the server writes next."""
        if first:
            self.files.append(b"")
        self._chunk = chunk


class FakeClient(ClientState):
    """A client of a `FakeServer`; `FakeServer.connect` makes it.

    Attributes:
        received: All messages that it got, in order: the welcome first, responses, what was
            said in its rooms, what actions sent it.
        files: The content of all files that it got.
    """

    def run(self, action: str, /, **params: object) -> dict[str, Any]:
        """Runs an action, and gives its response.

        Args:
            action: Its name.
            params: What it is called with: JSON values.

        Raises:
            AssertionError: There is no response yet, or there will be none.
        """
        return self._now(self.start(action, **params), action)

    def start(self, action: str, /, **params: object) -> Deferred[dict[str, Any]]:
        """Like `run`, for an action that waits: gives a Deferred of its response.

        It never fires where there is no response: the action answers by itself, or the
        connection is lost before.
        """
        return self.send(request(action, params))

    def ask(self, line: str | bytes) -> dict[str, Any]:
        """Sends a line, such as ``paramAdd key=value``, and gives the response to it.

        Raises:
            AssertionError: There is no response yet, or there will be none.
        """
        return self._now(self.send(line), repr(line))

    def send(self, line: str | bytes) -> Deferred[dict[str, Any]]:
        """Like `ask`, for an action that waits: gives a Deferred of the response.

        Raises:
            ValueError: It is not one line.
        """
        return self._send(line)

    def _now(self, response: Deferred[dict[str, Any]], what: str) -> dict[str, Any]:
        """The response, which has to be there."""
        if response.called:
            result: Any = response.result
            return result  # type: ignore[no-any-return]
        connection = self._protocol.connection
        waits = connection is None or connection.waits_for is not None or connection.pending
        if self.connected and waits:
            raise AssertionError(
                f"{what} waits for something; start() or send() gives a Deferred of its response, "
                "and server.clock.advance(seconds) moves the clock on"
            )
        raise AssertionError(
            f"{what} got no response so far; the last message is {self.received[-1:]}"
        )


def request(action: str, params: Mapping[str, object]) -> str:
    """A request in JSON."""
    return json.dumps({"action": action, "params": params})


class KnownHandshake(Handshake):
    """The way in of a client of which something is known."""

    __slots__ = ("_known",)

    def __init__(
        self, owner: Any, transport: Any, factory: Any, known: Mapping[str, object]
    ) -> None:
        super().__init__(owner, transport, factory)
        self._known = known

    def _attributes(self) -> dict[str, Any]:
        return dict(self._known)


class _Outlet:
    """A client's outbox, which tells what is read of files: their content comes raw."""

    def __init__(self, outbox: Outlet, tell: Callable[[bytes, bool], object]) -> None:
        self._outbox = outbox
        self._tell = tell
        self.send = outbox.send
        self.send_event = outbox.send_event
        self.wait = outbox.wait

    @property
    def queued_bytes(self) -> int:
        return self._outbox.queued_bytes

    def send_file(self, reader: FileReader) -> None:
        self._outbox.send_file(_Reader(reader, self._tell))  # type: ignore[arg-type]

    def hold(self) -> Any:
        return _Place(self._outbox.hold(), self._tell)


class _Place:
    """A place in an outbox, which tells what is read of a file in it."""

    def __init__(self, place: ResponseSlot, tell: Callable[[bytes, bool], object]) -> None:
        self._place = place
        self._tell = tell

    @property
    def is_free(self) -> bool:
        return self._place.is_free

    def take(self, part: Any, header: bytes = b"") -> None:
        part = part if isinstance(part, bytes) else _Reader(part, self._tell)
        self._place.take(part, header)


class _Reader:
    """A file that tells what is read of it."""

    def __init__(self, reader: FileReader, tell: Callable[[bytes, bool], object]) -> None:
        self._reader = reader
        self._tell = tell
        self._first = True

    def read(self) -> bytes:
        chunk = self._reader.read()
        self._tell(chunk, self._first)
        self._first = False
        return chunk

    def close(self) -> None:
        self._reader.close()
