"""One question to a Redis, over a separate connection, for code that looks for a Redis."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from typing import Any, Final

from twisted.internet import defer
from twisted.internet.error import ConnectError
from twisted.internet.protocol import Factory

from .protocol import Command, RedisError, RedisProtocol

ASK_SECONDS: Final = 2.0
"""The longest time for one Sentinel, or node of a cluster, to be reached, and then to answer."""

FAILURES: Final = (ConnectError, RedisError, defer.TimeoutError, ValueError)
"""The exceptions that mean to ask another one."""


async def query(endpoint: Any, login: Sequence[Command], command: Command, clock: Any) -> Any:
    """Connects, asks and closes the connection.

    Args:
        endpoint: Leads to the Redis.
        login: The commands that a connection begins with.
        command: The question.
        clock: Ends the wait after `ASK_SECONDS`.

    Returns:
        The reply.

    Raises:
        ConnectError: It cannot be reached.
        RedisError: It refuses.
        TimeoutError: Twisted's; it does not answer.
    """
    protocol: RedisProtocol = await endpoint.connect(_Factory())
    try:
        for each in login:
            # The first error is the cause of those that follow.
            await protocol.call(*each).addTimeout(ASK_SECONDS, clock)
        return await protocol.call(*command).addTimeout(ASK_SECONDS, clock)
    finally:
        protocol.transport.abortConnection()


class _Factory(Factory):
    """Makes protocols that nobody hears of."""

    noisy = False

    def buildProtocol(self, addr: object) -> RedisProtocol:
        return RedisProtocol(self, nullcontext())

    def connection_made(self, protocol: RedisProtocol) -> None:
        """See `protocol.ProtocolOwner`."""

    def connection_lost(self, protocol: RedisProtocol, reason: str) -> None:
        """See `protocol.ProtocolOwner`."""
