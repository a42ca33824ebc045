"""The parts of one answer, from the action that yields them to the outbox."""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING, Any, Final, Protocol

from twisted.internet.defer import CancelledError, Deferred

if TYPE_CHECKING:
    from ..app.runnable import Runnable
    from .request import Request

SLICE_SECONDS: Final = 0.005
"""How long a generator that never waits may run before other clients are served."""


class PartWriter(Protocol):
    """Writes parts and knows the time limits: the runner, or a stand-in in tests."""

    def part(self, request: Request, runnable: Runnable, part: object) -> bytes:
        """Write one part.

        Raises:
            ClientError: It is not a JSON object.
        """
        ...

    def later(self, call: Any) -> None:
        """Call a function in the reactor's next pass."""

    def renew(self, request: Request) -> None:
        """Start the time limit of a request again."""


class Parts:
    """Sends the parts of the answer to one request; see `app.streams.PartSink`.

    Args:
        request: The request.
        runnable: The generator that yields them.
        writer: Writes the parts.

    Attributes:
        is_held: Whether the next part waits for the client to take the ones before it.
    """

    __slots__ = ("_began", "_pass", "_request", "_runnable", "_scheduled", "_writer", "is_held")

    def __init__(self, request: Request, runnable: Runnable, writer: PartWriter) -> None:
        self._request = request
        self._runnable = runnable
        self._writer = writer
        self._scheduled = False
        self._began = 0.0
        self._pass: Deferred[None] | None = None
        self.is_held = False

    def send(self, part: object) -> Deferred[None] | None:
        """See `app.streams.PartSink.send`."""
        request = self._request
        if request.ended:
            raise CancelledError
        outbox = request.connection.outbox
        outbox.send(self._writer.part(request, self._runnable, part))
        self._writer.renew(request)
        waiting = outbox.wait()
        if waiting is not None:
            self.is_held = True
            return waiting.addBoth(self._drained)
        return self._next_pass_if_due()

    def _drained(self, outcome: Any) -> Any:
        self.is_held = False
        if not self._request.ended:
            self._writer.renew(self._request)
        return outcome

    def _next_pass_if_due(self) -> Deferred[None] | None:
        """What to wait for where this pass of the reactor has taken long enough."""
        now = monotonic()
        if not self._scheduled:
            self._scheduled, self._began = True, now
            self._writer.later(self._passed)
        elif now - self._began > SLICE_SECONDS:
            self._pass = Deferred()
        return self._pass

    def _passed(self) -> None:
        self._scheduled = False
        waiting, self._pass = self._pass, None
        if waiting is not None:
            waiting.callback(None)
