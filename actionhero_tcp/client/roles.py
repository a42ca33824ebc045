"""Who takes part in a conversation, as types."""

from __future__ import annotations

from typing import Any, Protocol

from .outcomes import LostError


class Call(Protocol):
    """Somebody who waits for an answer.

    Attributes:
        started: When it was asked, in seconds on the clock that `Conversation.feed` is given.
        timeout: How many seconds it waits.
    """

    started: float
    timeout: float

    def succeed(self, result: Any, /) -> None:
        """Here is the answer; of a file, its content or its size."""
        ...

    def fail(self, error: Exception, /) -> None:
        """There is none."""
        ...


class Listener(Protocol):
    """Whoever has a conversation."""

    def heard(self, message: dict[str, Any], /) -> None:
        """The server has sent something that answers nothing."""
        ...

    def garbled(self, error: LostError, /) -> None:
        """What comes makes no sense any more; the connection is to be closed."""
        ...
