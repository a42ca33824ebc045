"""The parts of one answer: what an action yields, until its response ends them."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

from .outcomes import TooMuchError
from .roles import Call


class Parts:
    """A call whose answer comes in parts; see `roles.Call`.

    The time limit of the call starts again with each part. Parts that nobody has taken wait
    here, up to a limit; one more fails the call, and the rest is dropped.

    Args:
        call: Told of the response, or of what came in its place.
        most: How many parts may wait.
        on_part: Called when a part has come.
    """

    def __init__(self, call: Call, most: int, on_part: Callable[[], object]) -> None:
        self.started, self.timeout = call.started, call.timeout
        self._began = call.started
        self._call = call
        self._most = most
        self._on_part = on_part
        self._parts: deque[dict[str, Any]] = deque()
        self._dropped = False

    def add(self, part: dict[str, Any], now: float) -> None:
        """Take in the next part."""
        self.started = now
        if self._dropped:
            return
        if len(self._parts) >= self._most:
            self._dropped = True
            self._call.fail(
                TooMuchError(f"{self._most} parts of an answer wait to be taken (max_parts)")
            )
        else:
            self._parts.append(part)
        self._on_part()

    def take(self) -> dict[str, Any] | None:
        """Return the next part; None where none has come."""
        return self._parts.popleft() if self._parts else None

    def drop(self) -> None:
        """Drop the parts that wait and those that still come."""
        self._dropped = True
        self._parts.clear()

    def succeed(self, result: Any) -> None:
        """End the parts with the response."""
        if not self._dropped:
            result.seconds += self.started - self._began
            self._call.succeed(result)

    def fail(self, error: Exception) -> None:
        """End the parts with an error."""
        if not self._dropped:
            self._call.fail(error)
