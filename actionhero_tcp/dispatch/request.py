"""One request: a line that a client has sent, until it is answered."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from ..connection.connected_client import ConnectedClient
from ..connection.connection import JsonParams, Params
from ..connection.estimate import REQUEST_BYTES, json_bytes, params_bytes
from ..connection.state import ReadHold

if TYPE_CHECKING:
    from ..app.streams import PartSink
    from ..connection.outbox import ResponseSlot

_log = Logger()


class RequestOwner(Protocol):
    """Runs requests: the runner, or a stand-in in tests."""

    def give_up(self, request: Request, error: str) -> None:
        """Ends a request that still runs with an error for its client."""


class Limit(Protocol):
    """What ends requests whose time is up: a `time_limits.TimeLimit`."""

    def discard(self, request: Request) -> None:
        """A request has ended."""


class Request:
    """One request.

    Args:
        connection: The client.
        number: The request's number, which its response carries.
        started: When it arrived, in seconds by the monotonic clock.
        name: The verb or the action; empty until it is read, and where the line names none.

    Attributes:
        connection: See above.
        number: See above.
        started: See above.
        name: See above.
        params: The action's params; None for a verb.
        error: The error that its client got; None where it got none.
        message_id: The id that its response carries beside the number, as JSON, in a dialect that
            has
            such ids; empty until it is read.
        slot: Where its response goes, where all else waits for that; None elsewhere.
        time_limit: Ends it when its time is up; None where it does not wait.
        parts: Sends its answer in parts; None where it has one.
        ended: Whether what it runs has ended, or was cancelled.
    """

    # As attributes of the class these cost a request that is answered at once nothing.
    params: Params | None = None
    error: str | None = None
    slot: ResponseSlot | None = None
    message_id: bytes = b""
    time_limit: Limit | None = None
    parts: PartSink | None = None
    ended = False
    _charged = 0
    _owner: RequestOwner
    _outcome: Deferred[Any]

    def __init__(
        self, connection: ConnectedClient, number: int, started: float, name: str = ""
    ) -> None:
        self.connection = connection
        self.number = number
        self.started = started
        self.name = name

    @property
    def is_pending(self) -> bool:
        """Whether what it runs has not ended."""
        return self in self.connection.pending

    def wait(self, outcome: Deferred[Any], owner: RequestOwner) -> None:
        """Adds it to those of its connection that still run.

        Args:
            outcome: What it runs will return.
            owner: Runs it.
        """
        self._outcome = outcome
        self._owner = owner
        self.connection.action_began(self)

    def charge(self, line: bytes) -> None:
        """Charges its client with what it takes while it runs, which is estimated from above.

        Args:
            line: The line that it is.
        """
        if self.is_pending:
            size = REQUEST_BYTES + len(line) + json_bytes(line)
            if type(self.params) is dict and not line.lstrip().startswith(b"{"):
                size += params_bytes(self.params)
            self._charged = size
            self.connection.account.charge(size)

    def read_params(self) -> dict[str, Any]:
        """The action's params, read where they were not; for a verb, the sticky ones."""
        params = self.params
        if isinstance(params, JsonParams):
            return params.read()
        return params or self.connection.params

    def give_up(self, error: str) -> None:
        """Ends what it runs; its client gets this error."""
        self._owner.give_up(self, error)

    def cancel(self) -> None:
        """Ends what it runs; its client gets no response."""
        self.end()
        try:
            self._outcome.cancel()
        except Exception:
            _log.failure("the action {name} could not be cancelled", name=self.name)

    def end(self) -> None:
        """Removes it from those of its connection that still run."""
        self.ended = True
        connection = self.connection
        connection.action_ended(self)
        if connection.waits_for is self:
            connection.waits_for = None
            connection.release(ReadHold.ORDER)
        if self.time_limit is not None:
            self.time_limit.discard(self)
            self.time_limit = None
        if self._charged:
            connection.account.release(self._charged)
            self._charged = 0
