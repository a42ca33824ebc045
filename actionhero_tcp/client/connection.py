"""One connection of a `client.Client`, from the first byte up to its end."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from service_identity import VerificationError
from twisted.internet.defer import CancelledError, Deferred, FirstError, gatherResults
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from ..clock import Clock
from ..net.lowest_transport import set_socket_options
from ..net.transport import writer_at_once
from .outcomes import ConnectionLost
from .protocol import ClientProtocol
from .reply import Reply
from .settings import Limits
from .sticky import Sticky


class Connection(Protocol):
    """A connection.

    Args:
        clock: Tells the time.
        limits: What it may keep.
        on_message: Called with every message that answers nothing, but the welcome.
        offers_header: See `ClientProtocol`.

    Attributes:
        protocol: Its side of the protocol.
        corked: Whether more may be asked before what was asked is to be sent.
        greeted: Fires when the server's welcome is there; fails where it does not come.
        welcome: The welcome.
        outer: Another protocol that is also notified.
    """

    def __init__(
        self,
        clock: Clock,
        limits: Limits,
        on_message: Callable[[dict[str, Any]], object],
        offers_header: bool | None = None,
    ) -> None:
        self._now = clock.seconds
        self._on_message = on_message
        self._write_now: Callable[[bytes], object] = lambda data: None
        self.corked = False
        self._error: ConnectionLost | None = None
        self.protocol = ClientProtocol(self, limits, offers_header)
        self.greeted: Deferred[None] = Deferred(lambda _: self.drop("the attempt was called off"))
        self.welcome: dict[str, Any] = {}
        self._on_lost: Callable[[ConnectionLost], object] = lambda error: None
        self.outer: Any = None

    def when_lost(self, call: Callable[[ConnectionLost], object]) -> None:
        """Have a function called with the reason when the connection is gone."""
        self._on_lost = call

    def connectionMade(self) -> None:
        """It is made; under TLS the handshake is still to come."""
        set_socket_options(self.transport)
        self._write_now = writer_at_once(self.transport)

    def dataReceived(self, data: bytes) -> None:
        """Takes in some bytes. What is asked meanwhile leaves in one write, at once."""
        protocol = self.protocol
        self.corked = True
        try:
            protocol.feed(data, self._now())
        finally:
            self.corked = False
        if data := protocol.take():
            self._write_now(data)

    def flush(self) -> None:
        """Sends what is to be sent, unless more may come right away.

        The transport joins what comes in one pass of the reactor.
        """
        if not self.corked and (data := self.protocol.take()):
            self._transport.write(data)

    def message_received(self, message: dict[str, Any]) -> None:
        """See `roles.Listener.message_received`."""
        if self.greeted.called:
            self._on_message(message)
        elif "error" in message:
            self.protocol_failed(
                ConnectionLost(f"the server does not let us in: {message['error']}")
            )
        else:
            self.welcome = message
            self.greeted.callback(None)

    def protocol_failed(self, error: ConnectionLost) -> None:
        """See `roles.Listener.protocol_failed`."""
        self._error = self._error or error
        self._transport.abortConnection()

    def drop(self, why: str) -> None:
        """Drops the connection."""
        self.protocol_failed(ConnectionLost(why))

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """It is gone, or its handshake has failed."""
        error = self._error or ConnectionLost(f"the connection is lost: {describe(reason.value)}")
        self._on_lost(error)
        # After this, so that what is asked once more is not asked here.
        self.protocol.lose(error)
        if not self.greeted.called:
            self.greeted.errback(error)
        if self.outer is not None:
            self.outer.connectionLost(reason)

    def call(self, line: bytes) -> Reply:
        """Sends a request of the client's own, which waits for as long as the connection lasts."""
        reply = Reply()
        self.protocol.insist(line, reply)
        self.flush()
        return reply

    @property
    def _transport(self) -> Any:
        return self.transport


@implementer(IStreamClientEndpoint)
class ReadyEndpoint:
    """Connects, and hands a connection over when it can be used: greeted, all sticky set again.

    `ClientService` has a hook for this, ``prepareConnection``. But it does not bear that a
    connection is lost before it is prepared.

    Takes many parameters: what connects, what makes a connection usable, and who hears of it.

    Args:
        endpoint: Where to.
        make: Makes the `Line` of a connection.
        sticky: What is set again.
        clock: Tells the time.
        timeout: Seconds that an attempt may take, from its beginning to the welcome.
        ready: Called with each connection that can be used.
        failed: Called with the reason of each attempt that has failed.

    Attributes:
        error: Why the last attempt has failed.
    """

    def __init__(
        self,
        endpoint: Any,
        make: Callable[[], Connection],
        sticky: Sticky,
        clock: Clock,
        timeout: float,
        ready: Callable[[Connection], object],
        failed: Callable[[ConnectionLost], object],
    ) -> None:
        self._endpoint = endpoint
        self._make = make
        self._sticky = sticky
        self._clock = clock
        self._timeout = timeout
        self._ready = ready
        self._failed = failed
        self.error = ""

    def connect(self, protocolFactory: Any) -> Deferred[Any]:
        """See `IStreamClientEndpoint.connect`."""
        connecting: Deferred[Any] = self._endpoint.connect(_Lines(self._make))
        connecting.addCallback(self._prepare)
        connecting.addTimeout(self._timeout, self._clock, self._took_too_long)  # type: ignore[arg-type]
        connecting.addCallback(self._hand_over, protocolFactory)
        return connecting.addErrback(self._note)

    def _prepare(self, line: Connection) -> Deferred[Connection]:
        return line.greeted.addCallback(self._restore, line)

    def _restore(self, _: object, line: Connection) -> Deferred[Connection]:
        replies = [line.call(request) for request in self._sticky.lines()]
        restoring: Deferred[Any] = gatherResults(replies, consumeErrors=True)
        return restoring.addCallbacks(lambda _: line, _not_restored, errbackArgs=(line,))

    def _took_too_long(self, _: object, seconds: float) -> None:
        raise ConnectionLost(f"there was no welcome within {seconds:g} seconds")

    def _hand_over(self, line: Connection, factory: Any) -> Any:
        """Makes the connection that of a factory."""
        outer = factory.buildProtocol(None)
        outer.makeConnection(line.transport)
        line.outer = outer
        self._ready(line)
        return outer

    def _note(self, failure: Failure) -> Failure:
        if failure.check(CancelledError) is None:
            error = failure.value
            if not isinstance(error, ConnectionLost):
                error = ConnectionLost(f"cannot connect: {describe(error)}")
            self.error = str(error)
            self._failed(error)
        return failure


def _not_restored(failure: Failure, line: Connection) -> Failure:
    reason = failure.value
    if isinstance(reason, FirstError):
        reason = reason.subFailure.value
    error = ConnectionLost(f"what was sticky could not be set again: {reason}")
    line.protocol_failed(error)
    return Failure(error)


class _Lines(Factory):
    """Makes `Line`."""

    noisy = False

    def __init__(self, make: Callable[[], Connection]) -> None:
        self._make = make

    def buildProtocol(self, addr: object) -> Connection:
        """The next one."""
        return self._make()


def describe(error: BaseException | None) -> str:
    """The text of a network error, for people."""
    if isinstance(error, VerificationError):
        wanted = ", ".join(str(each.mismatched_id) for each in error.errors)
        return f"the server's certificate is not for {wanted}"
    reasons = getattr(error, "args", ())
    if reasons and isinstance(reasons[0], list):
        # OpenSSL's: library, function and reason of each.
        return "; ".join(str(reason[-1]) for reason in reasons[0])
    return str(error) or type(error).__name__
