"""The parts of the client that talk to each other, as types."""

from __future__ import annotations

from typing import Any, Protocol

from .outcomes import ConnectionLost


class Call(Protocol):
    """A request that waits for its answer.

    Attributes:
        started: When it was made, in seconds on the clock of `ClientProtocol.feed`; a call whose
            answer comes in parts sets it again with each part.
        timeout: How many seconds it waits.
    """

    started: float
    timeout: float

    def succeed(self, result: Any, /) -> None:
        """Take the answer; of a file, its content or its size."""
        ...

    def fail(self, error: Exception, /) -> None:
        """Take the error that came in place of an answer."""
        ...


def deadline(call: Call) -> float:
    """Return the time at which a call has waited long enough."""
    return call.started + call.timeout


class Listener(Protocol):
    """The owner of a protocol."""

    def message_received(self, message: dict[str, Any], /) -> None:
        """Handle a message that answers nothing."""
        ...

    def protocol_failed(self, error: ConnectionLost, /) -> None:
        """Close the connection: its bytes make no sense any more."""
        ...


class Body(Protocol):
    """The receiver of bytes that are no lines: the content of a file."""

    def feed(self, data: bytes, now: float, /) -> bytes | None:
        """Take some bytes.

        Returns:
            The bytes behind the content; None if its end has not come.
        """
        ...

    def finish(self, now: float, /) -> None:
        """Handle the end of the content."""
        ...


class Sender(Protocol):
    """The side of a protocol that fetches of files use."""

    @property
    def is_quiet(self) -> bool:
        """Whether the server has answered every request."""
        ...

    def send(self, line: bytes, call: Call | None, /) -> int:
        """Send a request past all limits; None expects no answer. Returns its number."""
        ...

    def insist(self, line: bytes, call: Call, /) -> None:
        """Send a request past the limit of waiting calls."""
        ...

    def receive(self, body: Body, /) -> None:
        """Hand the bytes from here on to a receiver, until its end."""
        ...

    def protocol_failed(self, error: ConnectionLost, /) -> None:
        """Give up the connection."""
        ...


class Nobody:
    """Stands in for the caller of a call that was given up."""

    started = 0.0
    timeout = float("inf")

    def succeed(self, result: object) -> None:
        """Drop the answer."""

    def fail(self, error: Exception) -> None:
        """Drop the error."""
