"""Finds the Redis that Sentinels have made the master, again for each connection."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectError

from ..net.client_endpoints import tcp
from .query import ASK_SECONDS, FAILURES, query


class SentinelEndpoint:
    """A client endpoint for the master of a name.

    Args:
        reactor: The reactor.
        sentinels: The hosts and ports of the Sentinels; the first that answers is asked first
            the next time.
        name: The name of the master.
        connect_to: Makes an endpoint for the host and the port of a Redis.
    """

    def __init__(
        self,
        reactor: Any,
        sentinels: Sequence[tuple[str, int]],
        name: str,
        connect_to: Callable[[str, int], Any],
    ) -> None:
        self._reactor = reactor
        self._sentinels = list(sentinels)
        self._name = name
        self._connect_to = connect_to

    def connect(self, factory: Any) -> Deferred[Any]:
        """Asks the Sentinels one after the other, and connects to the master.

        Returns:
            A Deferred of the protocol; it fails with a `ConnectError` where no Sentinel names a
            master, and as the master's endpoint does.
        """
        return Deferred.fromCoroutine(self._connect(factory))

    async def _connect(self, factory: Any) -> Any:
        errors = []
        for sentinel in tuple(self._sentinels):
            try:
                host, port = await self._ask(*sentinel)
            except FAILURES as error:
                errors.append(f"{sentinel[0]}:{sentinel[1]}: {error}")
                continue
            self._sentinels.remove(sentinel)
            self._sentinels.insert(0, sentinel)
            return await self._connect_to(host, port).connect(factory)
        raise ConnectError(
            string=f"no Sentinel names a master {self._name!r} ({'; '.join(errors)})"
        )

    async def _ask(self, host: str, port: int) -> tuple[str, int]:
        """The master according to one Sentinel."""
        endpoint = tcp(self._reactor, host, port, ASK_SECONDS)
        command = ("SENTINEL", "GET-MASTER-ADDR-BY-NAME", self._name)
        found = await query(endpoint, (), command, self._reactor)
        if not isinstance(found, list) or len(found) != 2:
            raise ValueError("it does not know that name")
        return found[0].decode("ascii"), int(found[1])
