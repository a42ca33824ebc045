"""HTTP connections: how many there may be, and whose request is served next.

A request to the web port may cost milliseconds. So requests wait for their turn as costly lines
of clients do: one pass of the loop serves one of each connection, and only for a while. A client
that does not read its answers is served no further.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Final, Protocol

from twisted.logger import Logger
from twisted.protocols.basic import LineReceiver
from twisted.python.failure import Failure
from twisted.web.http import HTTPChannel

from ..connection.fair_queue import COSTLY_SECONDS, FairQueue
from ..errors import printable

MAX_HEADERS: Final = 100
"""The most headers of a request; a browser sends about fifteen."""

_log = Logger()


class Channels:
    """The HTTP connections, those first that have been served the longest ago.

    One past the limit takes the place of the first: whoever holds connections without a request
    shuts out nobody.

    Args:
        most: How many there may be.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._channels: dict[WebChannel, None] = {}

    def __len__(self) -> int:
        return len(self._channels)

    def opened(self, channel: WebChannel) -> None:
        """Counts one, and closes another where there are too many."""
        self._channels[channel] = None
        if len(self._channels) > self._most:
            oldest = next(iter(self._channels))
            del self._channels[oldest]
            oldest.abort()

    def served(self, channel: WebChannel) -> None:
        """A request of one has been served."""
        if channel in self._channels:
            del self._channels[channel]
            self._channels[channel] = None

    def closed(self, channel: WebChannel) -> None:
        """One is gone, or speaks HTTP no longer."""
        self._channels.pop(channel, None)


class ChannelSite(Protocol):
    """The part of the factory that a connection uses.

    Attributes:
        channels: The HTTP connections.
        queue: Those whose request waits for its turn.
        timeOut: So many seconds a client has for a request, or to read an answer.
    """

    channels: Channels
    queue: FairQueue
    timeOut: float


class WebChannel(HTTPChannel):
    """One HTTP connection.

    A request has to be complete so many seconds after the answer to the last one as the site's
    ``timeOut`` says, however slowly its bytes come.

    Attributes:
        site: The factory of the web port.
        tag: See `connection.fair_queue.Waiting`.
    """

    maxHeaders = MAX_HEADERS
    site: ChannelSite
    tag = 0.0
    _waiting: Callable[[], None] | None = None
    _is_queued = False
    _is_serving = False
    _may_serve = False
    _is_full = False

    def connectionMade(self) -> None:
        """A client is there."""
        super().connectionMade()  # type: ignore[no-untyped-call]
        self.site.channels.opened(self)

    def dataReceived(self, data: bytes) -> None:
        """Takes bytes.

        Twisted's parser raises on some input that is no HTTP, such as an empty request line; the
        connection is dropped then, and the log stays clean. `HTTPChannel` itself would begin its
        timeout again with each byte.
        """
        # What it reads again after an answer is what was sent behind that request.
        self._may_serve = not self._is_serving
        try:
            LineReceiver.dataReceived(self, data)
        except Exception as error:
            _log.debug("a web client sent no HTTP: {error}", error=printable(repr(error)))
            self.abort()

    def serve_in_turn(self, serve: Callable[[], None]) -> None:
        """Serves a request, at once or when its turn comes.

        Args:
            serve: Answers it.
        """
        queue = self.site.queue
        if self._may_serve and not (self._is_full or queue.exhausted or queue.is_behind(self)):
            self._serve(serve)
            return
        self._waiting = serve
        if self._is_full:
            self.setTimeout(self.site.timeOut)  # type: ignore[no-untyped-call]
        else:
            self._wait()

    def serve_waiting(self) -> None:
        """See `connection.fair_queue.Waiting`."""
        self._is_queued = False
        if self._waiting is not None and not self._is_full:
            serve, self._waiting = self._waiting, None
            self._serve(serve)

    def pauseProducing(self) -> None:
        """The client does not read."""
        self._is_full = True
        super().pauseProducing()  # type: ignore[no-untyped-call]

    def resumeProducing(self) -> None:
        """The client has read."""
        self._is_full = False
        super().resumeProducing()  # type: ignore[no-untyped-call]
        if self._waiting is not None:
            self.setTimeout(None)  # type: ignore[no-untyped-call]
            self._wait()

    def timeoutConnection(self) -> None:
        """No request came in time, or the client did not read its answers."""
        self.abort()

    def abort(self) -> None:
        """Drops the connection."""
        transport: Any = self.transport
        transport.abortConnection()

    def detach(self) -> Any:
        """Gives up the connection, which another protocol is to serve from now on.

        Returns:
            Its transport.
        """
        transport: Any = self.transport
        self.setTimeout(None)  # type: ignore[no-untyped-call]
        transport.unregisterProducer()
        self.site.channels.closed(self)
        return transport

    def connectionLost(self, reason: Failure) -> None:  # type: ignore[override]
        """The client is gone."""
        self._waiting = None
        self.site.channels.closed(self)
        super().connectionLost(reason)  # type: ignore[no-untyped-call]

    def _serve(self, serve: Callable[[], None]) -> None:
        queue = self.site.queue
        self._may_serve, self._is_serving = False, True
        began = queue.seconds()
        try:
            serve()
        finally:
            self._is_serving = False
        self.site.channels.served(self)
        spent = queue.seconds() - began
        if spent >= COSTLY_SECONDS:
            queue.spent(self, spent)

    def _wait(self) -> None:
        if not self._is_queued:
            self._is_queued = True
            self.site.queue.wait(self)


def queue_of(reactor: Any) -> FairQueue:
    """Returns the queue in which requests wait for their turn."""
    return FairQueue(partial(reactor.callLater, 0), reactor.seconds)
