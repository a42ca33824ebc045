"""Asks with our own client, as `load.c` does with its own: so many clients, so much outstanding.

Usage: asking.py PORT CONNECTIONS OUTSTANDING SECONDS HOW. Each answer is waited for as HOW says:
by ``await``, or by ``callbacks``. Writes what `load.c` writes, and the processor time of this
process, in microseconds for each message.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Awaitable
from typing import Any

from twisted.internet.defer import Deferred, ensureDeferred, gatherResults
from twisted.internet.task import deferLater, react

from actionhero_tcp.client import Answer, Client
from actionhero_tcp.net.epoll_loop import poll_directly

WARM_UP_SECONDS = 0.2


class Crowd:
    """Clients that ask, and note how long each answer took."""

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self.stopped = False

    async def by_await(self, client: Client) -> None:
        """Asks one request after the other."""
        note = self.seconds.append
        while not self.stopped:
            answer = await client.action("randomNumber")
            note(answer.seconds)

    def by_callbacks(self, client: Client) -> Deferred[Any]:
        """The same with Twisted's callbacks."""
        note, done = self.seconds.append, Deferred[Any]()

        def again(answer: Answer) -> None:
            note(answer.seconds)
            if self.stopped:
                done.callback(None)
            else:
                client.action("randomNumber").addCallback(again)

        client.action("randomNumber").addCallback(again)
        return done


def _coroutine(awaitable: Awaitable[None]) -> Deferred[Any]:
    return ensureDeferred(awaitable)  # type: ignore[arg-type]


async def measure(
    reactor: Any, port: int, connections: int, outstanding: int, span: float, how: str
) -> None:
    """Asks for a while, and tells how it went."""
    poll_directly(reactor)
    clients = [Client("127.0.0.1", port, reactor=reactor) for _ in range(connections)]
    await gatherResults([client.connect(attempts=1) for client in clients])
    crowd = Crowd()
    each = [client for client in clients for _ in range(outstanding)]
    if how == "await":
        asking = [_coroutine(crowd.by_await(client)) for client in each]
    else:
        asking = [crowd.by_callbacks(client) for client in each]
    await deferLater(reactor, WARM_UP_SECONDS)
    print("begin", file=sys.stderr, flush=True)
    crowd.seconds.clear()
    begin, used = time.monotonic(), time.process_time()
    await deferLater(reactor, span)
    took, used = time.monotonic() - begin, time.process_time() - used
    print("end", file=sys.stderr, flush=True)
    waits = sorted(crowd.seconds)
    crowd.stopped = True
    await gatherResults(asking)
    seen = {
        "messages": len(waits),
        "seconds": took,
        "p50": int(waits[len(waits) // 2] * 1e6),
        "p99": int(waits[len(waits) * 99 // 100] * 1e6),
        "most": int(waits[-1] * 1e6),
        "cpu": used * 1e6 / len(waits),
    }
    print(json.dumps(seen))


def main(arguments: list[str]) -> None:
    """Measures, and ends."""
    port, connections, outstanding = map(int, arguments[:3])
    span, how = float(arguments[3]), arguments[4]
    react(lambda reactor: _coroutine(measure(reactor, port, connections, outstanding, span, how)))


if __name__ == "__main__":
    main(sys.argv[1:])
