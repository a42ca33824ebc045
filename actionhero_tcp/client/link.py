"""The link of a client to its server: calls go out on its connection, or wait for the next one.

One timer serves the time limits of all calls. `reconnector` has the form for Twisted,
`aio_reconnector` the one for asyncio.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from math import inf
from typing import Any, Generic, Protocol, TypeVar

from .dialects import DIALECTS, Dialect
from .outcomes import CallError, CallTimeout, ConnectionLost, TooManyPending
from .protocol import ClientProtocol
from .roles import Call, deadline
from .settings import CONNECT_TIMEOUT, TIMEOUT, Limits
from .sticky import Sticky

Send = Callable[[ClientProtocol], object]
"""Sends the request of a call on a connection."""


@dataclass(frozen=True, slots=True)
class LinkOptions:
    """How a link behaves.

    Attributes:
        limits: The most that may wait.
        timeout: Seconds that a call may take.
        connect_timeout: Seconds that an attempt to connect may take.
        retry: Returns the seconds before the next attempt, by the number of failed ones; None
            for the default.
        dialect: The dialect.
    """

    limits: Limits = field(default_factory=Limits)
    timeout: float = TIMEOUT
    connect_timeout: float = CONNECT_TIMEOUT
    retry: Callable[[int], float] | None = None
    dialect: Dialect = DIALECTS["2012"]


class Owner(Protocol):
    """The client that has a link."""

    def connection_ready(self, welcome: dict[str, Any], /) -> None:
        """Handle a new connection on which all is set again; nothing else is sent before."""
        ...

    def connection_lost(self, error: ConnectionLost, /) -> None:
        """Handle the loss of a connection."""
        ...

    def message_received(self, message: dict[str, Any], /) -> None:
        """Handle a message that answers nothing."""
        ...


class UsableConnection(Protocol):
    """A connection that has been greeted, and on which all is set again."""

    protocol: ClientProtocol

    def flush(self) -> None:
        """Send what is to be sent."""
        ...


C = TypeVar("C", bound=UsableConnection)


class Link(Generic[C]):
    """The part of a link that both event loops share.

    Args:
        owner: Told of connections and messages.
        options: How it behaves.

    Attributes:
        sticky: What is set again on a new connection.
        limits: The most that may wait.
        dialect: The dialect.
    """

    def __init__(self, owner: Owner, options: LinkOptions) -> None:
        self._owner = owner
        self._options = options
        self._timeout = options.timeout
        self._connection: C | None = None
        self._waiting: list[tuple[Call, Send]] = []
        self._next_check = inf
        self._late = 0
        self._last_error = ""
        self.limits = options.limits
        self.dialect = options.dialect
        self.sticky = Sticky(options.dialect)

    @property
    def is_up(self) -> bool:
        """Whether there is a connection."""
        return self._connection is not None

    @property
    def late(self) -> int:
        """The number of answers that came too late."""
        return self._late + (self._connection.protocol.late if self._connection else 0)

    # What the event loop gives

    @property
    def is_running(self) -> bool:
        """Whether there is a connection, or will be one."""
        raise NotImplementedError

    def _now(self) -> float:
        raise NotImplementedError

    def _set_timer(self, when: float) -> None:
        """Replace the timer by one that calls `_check` at that time; inf for none."""
        raise NotImplementedError

    # Calls

    def start(self, call: Any, timeout: float | None) -> None:
        """Start the time limit of a call; None for that of all calls."""
        call.timeout = self._timeout if timeout is None else timeout
        call.started = self._now()

    def submit(self, call: Call, send: Send) -> None:
        """Send a request, now or when there is a connection.

        Args:
            call: The caller, whose time limit has started; it may fail with any `CallError`.
            send: Sends it.
        """
        connection = self._usable()
        try:
            if connection is None:
                self._wait(call, send)
            else:
                send(connection.protocol)
                connection.flush()
        except CallError as error:
            call.fail(error)
        self._limit(deadline(call))

    def submit_again(self, call: Call, send: Send) -> bool:
        """Send a request once more after its connection was lost.

        Returns:
            Whether there will be a connection.
        """
        if self.is_running:
            self.submit(call, send)
        return self.is_running

    def _usable(self) -> C | None:
        """The connection, if requests can go out on it."""
        return self._connection

    def _wait(self, call: Call, send: Send) -> None:
        """Keep a request until there is a connection."""
        if not self.is_running:
            raise ConnectionLost("there is no connection; connect() makes one")
        if len(self._waiting) >= self.limits.max_pending:
            most = self.limits.max_pending
            raise TooManyPending(f"{most} calls wait for a connection already (max_pending)")
        self._waiting.append((call, send))

    def _send_waiting(self, connection: C) -> None:
        """Send what has waited for this connection."""
        waiting, self._waiting = self._waiting, []
        for call, send in waiting:
            try:
                send(connection.protocol)
            except CallError as error:
                call.fail(error)
        connection.flush()

    def _fail_waiting(self, error: CallError) -> None:
        """Fail what waits for a connection."""
        waiting, self._waiting = self._waiting, []
        for call, _ in waiting:
            call.fail(error)
        self._schedule(inf)

    # Time limits

    def _limit(self, when: float) -> None:
        """Check the calls at that time, or before."""
        if when < self._next_check:
            self._schedule(when)

    def _schedule(self, when: float) -> None:
        self._next_check = when
        self._set_timer(when)

    def _check(self, now: float) -> None:
        """Fail the calls that have waited long enough."""
        self._next_check = inf
        waiting, self._waiting = self._waiting, []
        overdue = [call for call, _ in waiting if deadline(call) <= now]
        self._waiting = [entry for entry in waiting if entry[0] not in overdue]
        next_one = min((deadline(call) for call, _ in self._waiting), default=inf)
        for call in overdue:
            call.fail(self._no_connection(call.timeout))
        if self._connection is not None:
            next_one = min(next_one, self._connection.protocol.expire(now))
        self._limit(next_one)

    def _no_connection(self, seconds: float) -> CallTimeout:
        why = self._last_error or "the server has not been reached yet"
        return CallTimeout(f"there was no connection within {seconds:g} seconds: {why}")
