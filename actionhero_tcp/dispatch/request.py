"""A request whose action still runs, and what can run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from ..clock import Timer, stop
from ..connection.connection import ActionConnection, Connection

if TYPE_CHECKING:
    from ..connection.outbox import ResponseSlot

_log = Logger()


class Runnable(Protocol):
    """What runs: an `actions.Action`, or what is run like one.

    Attributes:
        kind: What it is called in the log.
        name: Its name.
        place: Where it is defined, as ``file:line``.
        in_order: Whether its client's next requests wait for it.
        sends_file: Whether what is sent to its client while it runs follows its file.
    """

    @property
    def kind(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def place(self) -> str: ...
    @property
    def in_order(self) -> bool: ...
    @property
    def sends_file(self) -> bool: ...

    def start(self, api: Any, connection: ActionConnection) -> Any:
        """Runs it as far as it goes by itself; see `actions.Action.start`."""


class RequestOwner(Protocol):
    """What runs requests: the runner."""

    def give_up(self, request: Request, error: str) -> None:
        """Ends a request that still runs with an error for its client."""


class Request:
    """A request whose action still runs.

    Attributes:
        connection: Who asked.
        number: The request's number, which its response carries.
        action: What runs.
        params: With what.
        started: When it arrived, in seconds by the monotonic clock.
        outcome: What the action will return.
        timer: Ends it when its time is up.
        runner: Answers it where it is given up.
        place: Where its response goes, where all else waits for that; or None.
    """

    __slots__ = (
        "action",
        "connection",
        "number",
        "outcome",
        "params",
        "place",
        "runner",
        "started",
        "timer",
    )

    def __init__(
        self,
        connection: Connection,
        number: int,
        action: Runnable,
        params: dict[str, Any],
        started: float,
        outcome: Deferred[Any],
        runner: RequestOwner,
    ) -> None:
        self.runner = runner
        self.connection = connection
        self.number = number
        self.action = action
        self.params = params
        self.started = started
        self.outcome = outcome
        self.timer: Timer | None = None
        self.place: ResponseSlot | None = None

    def cancel(self) -> None:
        """Ends the action; its client hears nothing more of it."""
        self.end()
        try:
            self.outcome.cancel()
        except Exception:
            _log.failure("the action {name} could not be cancelled", name=self.action.name)

    def give_up(self, error: str) -> None:
        """Ends the action; the client gets this error."""
        self.runner.give_up(self, error)

    def end(self) -> None:
        """Takes the request off its connection's list of those that run."""
        connection = self.connection
        connection.pending.discard(self)
        if connection.waits_for is self:
            connection.waits_for = None
        stop(self.timer)
