"""Answers in parts, of a real server on each reactor."""

from __future__ import annotations

from pathlib import Path

from tests.support import wait_for
from tests.support.integration import MEGABYTE, DaemonTestCase, Talker, connect, memory, request

ACTIONS = """
from twisted.internet.task import deferLater
from actionhero_tcp import action


@action
async def rows(api, connection, *, count: int, size: int = 10, path: str = ""):
    try:
        for number in range(count):
            yield {"n": number, "text": "x" * size}
    finally:
        if path:
            await deferLater(api.reactor, 0.001)
            open(path, "w").close()


@action
async def ticks(api, connection, *, path: str):
    try:
        while True:
            yield {"tick": True}
            await deferLater(api.reactor, 0.01)
    finally:
        open(path, "w").close()
"""

SLACK = 16 * MEGABYTE


class StreamTests(DaemonTestCase):
    """On epoll."""

    files = {"actions/streams.py": ACTIONS.encode()}
    options: tuple[str, ...] = ("--announce-limit=0",)

    def test_all_parts_and_the_end(self) -> None:
        client = self.join()
        client.send(request("rows", count=20_000).encode() + b"\n")
        parts = client.messages(20_001)
        end = parts.pop()
        self.assertEqual(list(range(20_000)), [part["n"] for part in parts])
        self.assertEqual({"stream"}, {part["context"] for part in parts})
        self.assertEqual({"context": "response", "status": "OK", "messageCount": 1}, end)

    def test_others_are_served_meanwhile(self) -> None:
        greedy, other = self.join(), self.join()
        greedy.send(request("rows", count=10_000_000, size=1000).encode() + b"\n")
        greedy.line()
        self.assertIn("randomNumber", other.ask("randomNumber"))
        greedy.reset()

    def test_a_client_that_does_not_read_holds_the_generator(self) -> None:
        path = Path(self.daemon.folder) / "slow-closed"
        slow = Talker(connect(self.daemon, 65536))
        slow.line()
        before = memory(self.daemon)
        slow.send(request("rows", count=1_000_000, size=1000, path=str(path)).encode() + b"\n")
        slow.messages(10)
        other = self.join()
        for _ in range(100):
            other.ask("randomNumber")
        self.assertLess(memory(self.daemon) - before, SLACK)
        self.assertFalse(path.exists())
        slow.reset()
        wait_for(path.exists, "the generator to be closed")

    def test_a_client_that_goes_closes_it(self) -> None:
        path = Path(self.daemon.folder) / "closed"
        client = self.join()
        client.send(request("ticks", path=str(path)).encode() + b"\n")
        client.messages(3)
        client.close()
        wait_for(path.exists, "the generator to be closed")


class AsyncioStreamTests(StreamTests):
    """On asyncio."""

    reactor = "asyncio"
