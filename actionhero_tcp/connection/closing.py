"""The end of a connection: our side is closed, and the client has a while to take all and leave."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from twisted.protocols.tls import TLSMemoryBIOProtocol

from ..clock import Clock, Timer, stop
from ..net import lowest_transport

if TYPE_CHECKING:
    from ..stats import Stats


class Closing:
    """Closes a connection to which nothing more is written.

    Every close needs a time limit: under TLS a peer that stays silent would keep it open
    for ever (twisted issue 7926).

    Args:
        transport: The client's transport, with no producer registered.
        clock: Calls later.
        seconds: How long the client may take nothing before it is dropped.
        stats: Counts those that are.
    """

    __slots__ = ("_clock", "_progress", "_seconds", "_stats", "_timer", "_transport")

    def __init__(self, transport: Any, clock: Clock, seconds: float, stats: Stats) -> None:
        self._transport = transport
        self._clock = clock
        self._seconds = seconds
        self._stats = stats
        self._progress = lowest_transport.progress(transport)
        self._timer: Timer | None = None

    def close(self, peer_finished: bool) -> None:
        """Closes our end when all is sent, and waits for the client's.

        Args:
            peer_finished: Whether the client has closed its end.
        """
        self._wait()
        if peer_finished or isinstance(self._transport, TLSMemoryBIOProtocol):
            self._transport.loseConnection()
        else:
            # What the client still sends is read and dropped: to close with bytes unread
            # would reset the connection, and lose what is on its way to the client.
            self._transport.loseWriteConnection()
        if not peer_finished:
            self._transport.resumeProducing()

    def stop(self) -> None:
        """The connection is gone."""
        stop(self._timer)

    def _wait(self) -> None:
        self._timer = self._clock.callLater(self._seconds, self._timed_out)

    def _timed_out(self) -> None:
        """The client has not hung up: we do, unless it is still taking what we sent."""
        progress = lowest_transport.progress(self._transport)
        if lowest_transport.is_drained(self._transport):
            lowest_transport.hang_up(self._transport)
        elif progress != self._progress:
            self._progress = progress
            self._wait()
        else:
            self._stats.limited["closeTimeout"] += 1
            self._transport.abortConnection()
