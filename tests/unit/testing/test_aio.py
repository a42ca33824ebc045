"""`FakeServer` in with blocks: without a base class, and in an event loop of asyncio."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

from twisted.internet.task import deferLater
from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp import ActionError, Api, Connection, action, on_connect, on_start, on_stop
from actionhero_tcp.errors import StartError
from actionhero_tcp.testing import FakeServer, LoggedError

seen: list[str] = []


@action
async def greet(api: Api, connection: Connection, *, name: str) -> dict[str, object]:
    """Greets, after asyncio and Twisted."""
    await asyncio.sleep(0.001)
    await deferLater(api.reactor, 0)
    return {"greeting": f"Hello, {name}!"}


@action
def plain(api: Api, connection: Connection) -> dict[str, object]:
    """Waits for nothing."""
    return {"plain": True}


@action
async def tea(api: Api, connection: Connection, *, minutes: int) -> dict[str, object]:
    """Goes by the server's clock."""
    await deferLater(api.reactor, 60 * minutes)
    return {"tea": "ready"}


@action(blocking=True)
def thread(api: Api, connection: Connection) -> dict[str, object]:
    """Runs in a thread."""
    time.sleep(0.001)
    return {"main": threading.current_thread() is threading.main_thread()}


@action
async def broken(api: Api, connection: Connection) -> None:
    """Has a bug."""
    raise ZeroDivisionError("by nothing")


@action
async def count(api: Api, connection: Connection) -> AsyncIterator[dict[str, object]]:
    """Streams."""
    for number in range(2):
        await asyncio.sleep(0)
        yield {"n": number}


@action
async def shout(api: Api, connection: Connection) -> None:
    """Says something later."""
    asyncio.get_running_loop().call_later(
        0.001, lambda: connection.send({"context": "later", "text": "hey"})
    )


@on_start
async def opens(api: Api) -> None:
    """Waits for both."""
    await deferLater(api.reactor, 0.01)
    seen.append("opened")


@on_stop
async def closes(api: Api) -> None:
    """Waits for both."""
    await deferLater(api.reactor, 0.01)
    seen.append("closed")


@on_start
async def refuses(api: Api) -> None:
    """Keeps it from starting."""
    raise ActionError("no database")


@on_connect
def look(api: Api, connection: Connection) -> None:
    """Turns some away."""
    if not connection.attributes.get("known", True):
        raise ActionError("go away")


def coroutine(test: Callable[[Any], Coroutine[Any, Any, None]]) -> Callable[[Any], None]:
    """A test on an event loop of its own."""

    def run(self: Any) -> None:
        seen.clear()
        asyncio.run(test(self))

    return run


class WithTests(SynchronousTestCase):
    """``with FakeServer(…) as server``."""

    def test_functions_are_served_on_a_clock(self) -> None:
        with FakeServer(actions=[plain, tea], action_timeout=600) as server:
            self.assertTrue(server.run("plain")["plain"])
            waiting = server.start("tea", minutes=2)
            server.clock.advance(119)
            self.assertNoResult(waiting)
            server.clock.advance(1)
            self.assertEqual("ready", self.successResultOf(waiting)["tea"])
        self.assertFalse(server.client.connected)

    def test_hooks(self) -> None:
        seen.clear()
        with FakeServer(actions=[plain], hooks=[opens, closes, look]) as server:
            self.assertEqual(["opened"], seen)
            self.assertFalse(server.connect(attributes={"known": False}).connected)

    def test_it_is_not_there_before_the_block(self) -> None:
        server = FakeServer(actions=[plain])
        self.assertRaises(RuntimeError, server.run, "plain")
        with self.assertRaises(StartError):
            FakeServer(actions=[seen])

    def test_an_error_in_the_log_is_raised_at_the_end(self) -> None:
        with self.assertRaises(LoggedError) as caught, FakeServer(actions=[broken]) as server:
            self.assertIn("internal error", server.run("broken")["error"])
        self.assertIn("ZeroDivisionError: by nothing", str(caught.exception))
        self.flushLoggedErrors()

    def test_but_not_where_the_test_takes_it_or_fails_by_itself(self) -> None:
        with FakeServer(actions=[broken]) as server:
            server.run("broken")
            (error,) = server.errors
            self.assertIn("ZeroDivisionError", str(error))
            server.errors.clear()
        with self.assertRaises(KeyError), FakeServer(actions=[broken]) as server:
            server.run("broken")
            raise KeyError
        self.flushLoggedErrors()

    def test_a_start_that_fails(self) -> None:
        for _ in range(2):
            with self.assertRaises(StartError) as caught, FakeServer(actions=[], hooks=[refuses]):
                self.fail("it has started")
            self.assertIn("no database", str(caught.exception))


class AsyncTests(SynchronousTestCase):
    """``async with FakeServer(…) as server``."""

    @coroutine
    async def test_actions_use_asyncio(self) -> None:
        async with FakeServer(actions=[greet, plain, thread, count]) as server:
            self.assertEqual("Hello, Ada!", (await server.run("greet", name="Ada"))["greeting"])
            self.assertTrue((await server.run("plain"))["plain"])
            self.assertFalse((await server.run("thread"))["main"])
            await server.run("count")
            parts = [m["n"] for m in server.client.received if m["context"] == "stream"]
            self.assertEqual([0, 1], parts)
            self.assertEqual("OK", (await server.client.ask("paramAdd key=v"))["status"])

    @coroutine
    async def test_many_at_once(self) -> None:
        async with FakeServer(actions=[greet]) as server:
            clients = [server.connect() for _ in range(20)]
            answers = await asyncio.gather(
                *(client.run("greet", name=str(n)) for n, client in enumerate(clients))
            )
            self.assertEqual(
                [f"Hello, {n}!" for n in range(20)], [answer["greeting"] for answer in answers]
            )

    @coroutine
    async def test_the_clock_stands_still(self) -> None:
        async with FakeServer(actions=[tea], action_timeout=600) as server:
            waiting = server.start("tea", minutes=2)
            server.clock.advance(119)
            await asyncio.sleep(0)
            self.assertFalse(waiting.done())
            server.clock.advance(1)
            self.assertEqual("ready", (await waiting)["tea"])

    @coroutine
    async def test_hooks_of_the_start_and_the_stop(self) -> None:
        async with FakeServer(actions=[plain], hooks=[opens, closes, look]) as server:
            self.assertEqual(["opened"], seen)
            self.assertFalse(server.connect(attributes={"known": False}).connected)
        self.assertEqual(["opened", "closed"], seen)

    @coroutine
    async def test_messages_that_come_later(self) -> None:
        async with FakeServer(actions=[shout]) as server:
            await server.run("shout")
            self.assertEqual("hey", (await server.client.message(context="later"))["text"])

    @coroutine
    async def test_what_still_runs_is_cancelled_at_the_end(self) -> None:
        async with FakeServer(actions=[tea]) as server:
            waiting = server.start("tea", minutes=2)
        self.assertIn("goes down", (await waiting)["error"])

    @coroutine
    async def test_a_graceful_stop(self) -> None:
        async with FakeServer(actions=[greet], hooks=[closes]) as server:
            waiting = server.start("greet", name="Ada")
            await server.stop()
            self.assertEqual("Hello, Ada!", (await waiting)["greeting"])
            self.assertEqual(["closed"], seen)

    def test_an_error_in_the_log_is_raised_at_the_end(self) -> None:
        async def main() -> None:
            async with FakeServer(actions=[broken]) as server:
                await server.run("broken")

        self.assertRaises(LoggedError, asyncio.run, main())
        self.flushLoggedErrors()

    @coroutine
    async def test_a_start_that_fails(self) -> None:
        with self.assertRaises(StartError):
            async with FakeServer(actions=[], hooks=[refuses]):
                self.fail("it has started")

    @coroutine
    async def test_two_servers_in_one_process(self) -> None:
        async with FakeServer(actions=[greet]) as one, FakeServer(actions=[plain]) as other:
            self.assertIn("greeting", await one.run("greet", name="Ada"))
            self.assertIn("not a known action", (await other.run("greet", name="A"))["error"])
