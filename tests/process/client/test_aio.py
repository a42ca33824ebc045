"""The client for asyncio, against the installed daemon."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Callable, Coroutine
from functools import wraps
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp.client import (
    TLS,
    AnswerError,
    CallTimeout,
    ConnectionLost,
    Limits,
    TooManyPending,
)
from actionhero_tcp.client.aio import Client
from tests.process.client.test_blocking import FILES
from tests.support import PATIENCE, Daemon
from tests.support.integration import make_pair, prepared_daemon
from tests.support.ports import reserve
from tests.unit.client.test_protocol import CONTENTS


def coroutine(test: Callable[[Any], Coroutine[Any, Any, None]]) -> Callable[[Any], None]:
    """A test on an event loop of its own, with all that goes wrong unseen in that loop."""

    @wraps(test)
    def run(self: Any) -> None:
        unseen: list[object] = []

        async def main() -> None:
            loop = asyncio.get_running_loop()
            loop.set_exception_handler(lambda _, context: unseen.append(context))
            async with asyncio.timeout(4 * PATIENCE):
                await test(self)

        asyncio.run(main())
        self.assertEqual([], unseen)

    return run


async def until(condition: Callable[[], object]) -> None:
    """Waits until something is true; the time limit of the test ends a wait in vain."""
    while not condition():
        await asyncio.sleep(0.005)


class AioTestCase(SynchronousTestCase):
    """Tests with a daemon each."""

    def start(self, *options: str, pair: str = "") -> Daemon:
        """A daemon that lives as long as the test."""
        context = prepared_daemon(FILES, "--announce-limit=0", *options, pair=pair)
        running = context.__enter__()
        self.addCleanup(context.__exit__, None, None, None)
        return running


class SessionTests(AioTestCase):
    """All calls."""

    @coroutine
    async def test_a_session(self) -> None:
        async with Client("localhost", self.start().port) as client:
            self.assertEqual("defaultRoom", client.room)
            answer = await client.action("cacheTest", key="k", value="line one\nline two ☃")
            self.assertEqual("line one\nline two ☃", answer["cacheTestResults"]["loadResp"])
            self.assertEqual(1, answer.number)
            self.assertGreater(answer.seconds, 0)
            await client.param_add("b", "x = y")
            self.assertEqual({"b": "x = y"}, client.params)
            self.assertEqual(client.params, (await client.params_view())["params"])
            await client.room_change("kitchen")
            self.assertEqual("kitchen", client.room)
            self.assertEqual(1, (await client.room_view())["roomStatus"]["membersCount"])
            self.assertEqual("OK", (await client.say("hooray!"))["status"])
            self.assertTrue(client.connected)
        self.assertEqual((False, 0), (client.connected, client.late))

    @coroutine
    async def test_errors_raise(self) -> None:
        async with Client("127.0.0.1", self.start().port) as client:
            with self.assertRaises(AnswerError) as caught:
                await client.action("cacheTest")
            self.assertIn("key is a required", str(caught.exception))
            self.assertRaises(ValueError, client.say, "two\nlines")
            with self.assertRaises(AnswerError):
                await client.room_change("two words")
            self.assertEqual("defaultRoom", client.room)

    @coroutine
    async def test_many_calls_and_files_at_once(self) -> None:
        async with Client("127.0.0.1", self.start().port) as client:
            asked: list[asyncio.Future[Any]] = []
            for name in CONTENTS:
                asked.append(client.file(name))
                asked.append(client.action("echo", name=name))
            for (name, content), got, answer in zip(
                CONTENTS.items(), asked[::2], asked[1::2], strict=True
            ):
                self.assertEqual(content, await got, name)
                self.assertEqual(name, (await answer)["name"])

    @coroutine
    async def test_an_answer_in_parts(self) -> None:
        client = Client("127.0.0.1", self.start().port)
        await client.connect()
        lines = [part["line"] async for part in client.stream("tail", lines=5)]
        self.assertEqual([0, 1, 2, 3, 4], lines)
        async for part in client.stream("tail", {"lines": 500}):
            self.assertEqual(0, part["line"])
            break
        lines = []
        with self.assertRaises(AnswerError):
            async for part in client.stream("tail", fails=True):
                lines.append(part["line"])
        self.assertEqual([0, 1, 2], lines)
        self.assertEqual("OK", (await client.details())["status"])
        await client.disconnect()

    @coroutine
    async def test_a_call_can_be_cancelled(self) -> None:
        async with Client("127.0.0.1", self.start().port) as client:
            call = client.action("sleepTest", sleepDuration=100)
            call.cancel()
            await client.action("sleepTest", sleepDuration=200)
            self.assertTrue(call.cancelled())

    @coroutine
    async def test_what_others_say_and_a_callback_that_raises(self) -> None:
        port = self.start().port
        said, news = list[Any](), list[Any]()
        async with Client("127.0.0.1", port) as ada, Client("127.0.0.1", port) as bob:
            ada.on_say, ada.on_message = said.append, news.append
            await ada.action("notify")
            await bob.say("tea?")
            await until(lambda: any(message["message"] == "tea?" for message in said))
            self.assertEqual("You have mail", news[0]["news"])
            bob.on_message = lambda _: 1 / 0
            with self.assertLogs("actionhero_tcp.client.aio"):
                await bob.action("notify")
                await bob.details()

    @coroutine
    async def test_time_limits_and_limits(self) -> None:
        port = self.start().port
        async with Client("127.0.0.1", port, limits=Limits(max_pending=1)) as client:
            late = client.action("sleepTest", sleepDuration=200, timeout=0.02)
            with self.assertRaises(TooManyPending):
                await client.details()
            with self.assertRaises(CallTimeout):
                await late
            await client.action("sleepTest", sleepDuration=300)
            self.assertEqual(1, client.late)


class ReconnectTests(AioTestCase):
    """Connections that are lost."""

    @coroutine
    async def test_reconnects_when_the_server_is_started_again(self) -> None:
        port = reserve(self)
        client = Client("127.0.0.1", port, retry=lambda _: 0.02)
        events: list[str] = []
        client.on_connect = lambda _: events.append("connected")
        client.on_loss = lambda error: events.append(type(error).__name__)
        connecting = asyncio.ensure_future(client.connect())
        await asyncio.sleep(0)
        early = client.details()
        with prepared_daemon({}, f"--port={port}") as running:
            await connecting
            self.assertEqual({}, (await early)["details"]["params"])
            await client.param_add("b", "x = y")
            await client.room_change("attic")
            running.stop()
            await until(lambda: not client.connected)
        waits = client.params_view()
        with prepared_daemon({}, f"--port={port}"):
            self.assertEqual({"b": "x = y"}, (await waits)["params"])
            self.assertEqual("attic", (await client.room_view())["room"])
            self.assertEqual(["connected", "ConnectionLost", "connected"], events)
            await client.disconnect()

    @coroutine
    async def test_all_that_is_outstanding_fails_with_the_connection(self) -> None:
        running = self.start()
        client = Client("127.0.0.1", running.port)
        await client.connect()
        asked = [client.action("sleepTest", sleepDuration=60_000) for _ in range(3)]
        await client.details()
        running.process.kill()
        for call in asked:
            with self.assertRaises(ConnectionLost):
                await call
        await client.disconnect()

    @coroutine
    async def test_a_server_that_is_not_there(self) -> None:
        port = reserve(self)
        client = Client("127.0.0.1", port, retry=lambda _: 0.02)
        with self.assertRaises(ConnectionLost):
            await client.details()
        with self.assertRaises(ConnectionLost) as caught:
            await client.connect(attempts=2)
        self.assertIn("cannot connect", str(caught.exception))
        with self.assertRaises(CallTimeout):
            await client.details(timeout=0.05)
        with self.assertRaises(CallTimeout):
            await client.connect(timeout=0.05)
        waiting = client.details()
        await client.disconnect()
        with self.assertRaises(ConnectionLost):
            await waiting
        with self.assertRaises(ConnectionLost):
            async with Client("127.0.0.1", port):
                self.fail("there is no server")

    @coroutine
    async def test_a_server_that_says_nothing_or_refuses(self) -> None:
        async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read()
            writer.close()

        async def refusing(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b'{"context":"response","error":"full","messageCount":0}\r\n')
            writer.close()

        for serve, text in (silent, "no welcome within 0.05"), (refusing, "let us in: full"):
            async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
                port = server.sockets[0].getsockname()[1]
                with self.assertRaises(ConnectionLost) as caught:
                    async with Client("127.0.0.1", port, connect_timeout=0.05):
                        self.fail("there is no welcome")
                self.assertIn(text, str(caught.exception))


class TransportTests(AioTestCase):
    """UNIX sockets and TLS."""

    async def check(self, client: Client) -> None:
        async with client:
            self.assertEqual(CONTENTS["binary"], await client.file("binary"))

    async def fails(self, client: Client, text: str) -> None:
        with self.assertRaises(ConnectionLost) as caught:
            await self.check(client)
        self.assertIn(text, str(caught.exception))

    @coroutine
    async def test_unix(self) -> None:
        running = self.start("--listen=unix:server.sock")
        await self.check(Client(f"unix:{running.folder / 'server.sock'}"))

    @coroutine
    async def test_tls(self) -> None:
        folder = Path(self.mktemp()).resolve()
        key, cert = map(str, make_pair(folder))
        running = self.start(f"--ca-file={cert}", pair="ec")
        ca_file = str(running.folder / "certs" / "server-cert.pem")
        tls = TLS(ca_file=ca_file, cert_file=cert, key_file=key)
        await self.check(Client("localhost", running.port, tls=tls))
        await self.fails(Client("localhost", running.port, tls=True), "verify failed")
        wrong = TLS(ca_file=ca_file, server_name="example.org")
        await self.fails(Client("localhost", running.port, tls=wrong), "example.org")
        await self.fails(Client("localhost", running.port, tls=TLS(ca_file=ca_file)), "")

    def test_places_that_are_none(self) -> None:
        self.assertRaises(ValueError, Client, "localhost")
        self.assertRaises(ValueError, Client, "unix:/x", tls=True)


class ImportTests(SynchronousTestCase):
    """The client needs no Twisted."""

    def test_loads_no_twisted(self) -> None:
        code = (
            "import sys, actionhero_tcp.client.aio\n"
            "unwanted = ('twisted', 'zope', 'OpenSSL')\n"
            "print([name for name in sys.modules if name.startswith(unwanted)])"
        )
        ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
        self.assertEqual("[]\n", ran.stdout, ran.stderr)
