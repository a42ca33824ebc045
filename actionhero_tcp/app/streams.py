"""Answers in parts: what an action sends that is an async generator."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Any, Protocol

from twisted.internet.defer import Deferred


class PartSink(Protocol):
    """Sends the parts of one answer.

    Attributes:
        is_held: Whether the next part waits for the client to take the ones before it.
    """

    is_held: bool

    def send(self, part: object) -> Deferred[None] | None:
        """Send a part.

        Args:
            part: The value that the generator yielded.

        Returns:
            A Deferred that fires when the next part may come; None where it may come now.

        Raises:
            ClientError: The part is not a JSON object; the error is for the client.
            CancelledError: Nobody waits for the answer any more.
        """
        ...


async def send_parts(generator: AsyncGenerator[Any, None], sink: PartSink) -> None:
    """Send what a generator yields, each when its client has taken what came before.

    However this ends, the generator is closed.

    Args:
        generator: The result of the action.
        sink: Where its parts go.
    """
    try:
        async for part in generator:
            waiting = sink.send(part)
            if waiting is not None:
                await waiting
    finally:
        await generator.aclose()
