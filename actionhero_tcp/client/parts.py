"""The parts of one answer: what an action yields, until its response ends them."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from math import inf
from typing import Any

from .outcomes import TooManyPending


class Parts:
    """A call whose answer comes in parts; see `roles.Call`.

    The time limit of the call starts again with each part. Parts that nobody has taken wait
    here, up to a limit; one more fails the call, and the rest is dropped.

    Args:
        most: The most parts that may wait.
        wake: Called when a part or the end has come.

    Attributes:
        started: See `roles.Call`.
        timeout: See `roles.Call`.
        done: Whether the end has come.
        error: Why the call has failed; None if it has not.
        is_dropped: Whether nobody wants the parts any more.
    """

    def __init__(self, most: int, wake: Callable[[], object]) -> None:
        self.started, self.timeout = 0.0, inf
        self.done = False
        self.error: Exception | None = None
        self.is_dropped = False
        self._most = most
        self._wake = wake
        self._parts: deque[dict[str, Any]] = deque()

    def add(self, part: dict[str, Any], now: float) -> None:
        """Take in the next part."""
        self.started = now
        if self.is_dropped or self.done:
            return
        if len(self._parts) < self._most:
            self._parts.append(part)
            self._wake()
        else:
            self.fail(
                TooManyPending(f"{self._most} parts of an answer wait to be taken (max_parts)")
            )

    def take(self) -> dict[str, Any] | None:
        """Return the next part; None where none has come."""
        return self._parts.popleft() if self._parts else None

    def drop(self) -> None:
        """Drop the parts that wait and those that still come."""
        self.is_dropped = True
        self._parts.clear()

    def succeed(self, result: object) -> None:
        """End the parts with the response."""
        self.done = True
        self._wake()

    def fail(self, error: Exception) -> None:
        """End the parts with an error."""
        self.error = self.error or error
        self.done = True
        self._wake()
