"""The client for Twisted, against the installed daemon."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from functools import wraps
from pathlib import Path
from typing import Any

from twisted.application.internet import backoffPolicy
from twisted.internet import reactor
from twisted.internet.defer import Deferred, ensureDeferred, gatherResults
from twisted.internet.endpoints import TCP4ClientEndpoint
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from actionhero_tcp.client import (
    TLS,
    AnswerError,
    CallTimeout,
    Client,
    ConnectionLost,
    FileTooLarge,
    Limits,
    TooManyPending,
)
from tests.process.client.test_blocking import FILES
from tests.support import PATIENCE, Daemon
from tests.support.integration import make_pair, prepared_daemon
from tests.support.ports import reserve
from tests.unit.client.test_protocol import CONTENTS


def coroutine(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., Deferred[None]]:
    """A test that awaits, as trial takes it."""

    @wraps(test)
    def run(self: Any) -> Deferred[None]:
        return ensureDeferred(test(self))  # type: ignore[arg-type]

    return run


async def until(condition: Callable[[], object]) -> None:
    """Waits until something is true; trial's time limit ends a wait in vain."""
    while not condition():
        await deferLater(reactor, 0.005)  # type: ignore[arg-type]


class ClientTestCase(TestCase):
    """Tests with a daemon each."""

    timeout = 4 * PATIENCE

    def start(self, *options: str, pair: str = "") -> Daemon:
        """A daemon that lives as long as the test."""
        context = prepared_daemon(FILES, "--announce-limit=0", *options, pair=pair)
        running = context.__enter__()
        self.addCleanup(context.__exit__, None, None, None)
        return running

    def client(self, *where: Any, **options: Any) -> Client:
        """A client that is disconnected when the test is over."""
        options.setdefault("retry", backoffPolicy(0.02, 0.1, jitter=lambda: 0.0))
        client = Client(*where, timeout=PATIENCE, **options)
        self.addCleanup(client.disconnect)
        return client


class SessionTests(ClientTestCase):
    """All calls."""

    @coroutine
    async def test_a_session(self) -> None:
        running = self.start()
        async with Client("localhost", running.port) as client:
            self.assertEqual(("defaultRoom", True), (client.room, client.connected))
            answer = await client.action("cacheTest", key="k", value="line one\nline two ☃")
            self.assertEqual("line one\nline two ☃", answer["cacheTestResults"]["loadResp"])
            self.assertEqual(1, answer.number)
            self.assertGreater(answer.seconds, 0)
            answer = await client.action("echo", {"timeout": "t"}, name="n")
            self.assertEqual(("n", "t"), (answer["name"], answer["timeout"]))
            await client.param_add("gone", "1")
            await client.params_delete()
            await client.param_add("a", "x = y")
            await client.param_add("b", 2)
            await client.param_delete("a")
            self.assertEqual({"b": "2"}, client.params)
            self.assertEqual(client.params, (await client.params_view())["params"])
            self.assertEqual({"b": "2"}, (await client.param_view("b"))["params"])
            await client.room_change("kitchen")
            self.assertEqual("kitchen", client.room)
            self.assertEqual(1, (await client.room_view())["roomStatus"]["membersCount"])
            self.assertEqual(32, len((await client.details())["details"]["public"]["id"]))
            self.assertIn("stats", await client.status())
            self.assertEqual("OK", (await client.say("hooray!"))["status"])
            self.assertEqual("OK", (await client.line("say raw"))["status"])
            names = [action["name"] for action in (await client.actions())["actions"]]
            self.assertIn("notify", names)
        self.assertEqual((False, 0), (client.connected, client.late))

    @coroutine
    async def test_errors_raise(self) -> None:
        client = self.client("127.0.0.1", self.start().port)
        await client.connect()
        with self.assertRaises(AnswerError) as caught:
            await client.action("cacheTest")
        self.assertEqual("key is a required parameter for this action", str(caught.exception))
        self.assertEqual("response", caught.exception.answer["context"])
        for call in (client.say, client.room_change, client.line, client.param_view):
            self.assertRaises(ValueError, call, "two\nlines")
        with self.assertRaises(AnswerError):
            await client.room_change("two words")
        self.assertEqual("defaultRoom", client.room)

    @coroutine
    async def test_an_answer_in_parts(self) -> None:
        client = self.client("127.0.0.1", self.start().port)
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

    @coroutine
    async def test_many_at_once(self) -> None:
        client = self.client("127.0.0.1", self.start().port)
        await client.connect()
        asked = [client.action("echo", name=str(n)) for n in range(2000)]
        answers = await gatherResults(asked)
        self.assertEqual([str(n) for n in range(2000)], [answer["name"] for answer in answers])
        slow = client.action("sleepTest", sleepDuration=300)
        await client.action("sleepTest", sleepDuration=1)
        self.assertFalse(slow.called)
        await slow

    @coroutine
    async def test_files_among_other_calls(self) -> None:
        port = self.start().port
        client, other = self.client("127.0.0.1", port), self.client("127.0.0.1", port)
        said: list[Any] = []
        client.on_say = said.append
        await gatherResults([client.connect(), other.connect()])
        asked: list[Deferred[Any]] = []
        for name in CONTENTS:
            asked.append(client.action("sleepTest", sleepDuration=5))
            asked.append(client.file(name))
            asked.append(client.action("echo", name=name))
            asked.append(other.say(name))
        results = await gatherResults(asked)
        self.assertEqual(list(CONTENTS.values()), results[1::4])
        self.assertEqual(list(CONTENTS), [answer["name"] for answer in results[2::4]])
        await until(lambda: len(said) == len(CONTENTS))
        self.assertEqual(0, client.late)
        parts: list[bytes] = []
        size = await client.file("binary", parts.append)
        self.assertEqual(CONTENTS["binary"], b"".join(parts))
        self.assertEqual(len(CONTENTS["binary"]), size)
        with self.assertRaises(AnswerError):
            await client.file("nope")

    @coroutine
    async def test_what_the_server_says(self) -> None:
        client = self.client("127.0.0.1", self.start().port)
        news: list[Any] = []
        client.on_message = news.append
        await client.connect()
        await client.action("notify")
        self.assertEqual([{"news": "You have mail", "context": "api"}], news)

    @coroutine
    async def test_a_callback_that_fails_is_logged_and_does_no_harm(self) -> None:
        client = self.client("127.0.0.1", self.start().port)

        def fail(_: object) -> None:
            raise KeyError("mine")

        client.on_message = client.on_connect = client.on_loss = fail
        await client.connect()
        await client.action("notify")
        await client.disconnect()
        self.assertEqual(3, len(self.flushLoggedErrors(KeyError)))

    @coroutine
    async def test_time_limits(self) -> None:
        client = self.client("127.0.0.1", self.start().port)
        await client.connect()
        with self.assertRaises(CallTimeout):
            await client.action("sleepTest", sleepDuration=200, timeout=0.05)
        await until(lambda: client.late)
        self.assertEqual("OK", (await client.say("still here"))["status"])

    @coroutine
    async def test_disconnect_waits_for_what_was_asked(self) -> None:
        client = self.client("127.0.0.1", self.start().port)
        await client.connect()
        slow = client.action("sleepTest", sleepDuration=200)
        first, second = client.disconnect(), client.disconnect()
        await gatherResults([first, second])
        self.assertEqual(200, (await slow)["sleepDuration"])
        with self.assertRaises(ConnectionLost):
            await client.details()
        await client.connect()
        self.assertIn("details", await client.details())

    @coroutine
    async def test_limits(self) -> None:
        client = self.client(
            "127.0.0.1", self.start().port, limits=Limits(max_pending=2, max_file_bytes=1000)
        )
        await client.connect()
        asked = [client.details(), client.details()]
        with self.assertRaises(TooManyPending):
            await client.details()
        await gatherResults(asked)
        with self.assertRaises(FileTooLarge):
            await client.file("binary")


class ReconnectTests(ClientTestCase):
    """Connections that are lost."""

    @coroutine
    async def test_comes_back_when_the_server_is_started_again(self) -> None:
        port = reserve(self)
        client = self.client("127.0.0.1", port)
        events: list[str] = []
        client.on_connect = lambda _: events.append("connected")
        client.on_loss = lambda error: events.append(type(error).__name__)
        news: list[Any] = []
        client.on_message = news.append
        connecting, early = client.connect(), client.details()
        with prepared_daemon({}, f"--port={port}") as running:
            await connecting
            self.assertEqual({}, (await early)["details"]["params"])
            await client.param_add("b", "x = y")
            await client.param_add("a", "1")
            await client.room_change("attic")
            running.stop()
            await until(lambda: not client.connected)
        self.assertEqual(["connected", "ConnectionLost"], events)
        self.assertEqual(["Server going down NOW"], [message["status"] for message in news])
        waits = client.params_view()
        with prepared_daemon({}, f"--port={port}"):
            self.assertEqual({"b": "x = y", "a": "1"}, (await waits)["params"])
            self.assertEqual("attic", (await client.room_view())["room"])
            self.assertEqual(["connected", "ConnectionLost", "connected"], events)
            await client.disconnect()

    @coroutine
    async def test_all_that_is_outstanding_fails_with_the_line(self) -> None:
        running = self.start()
        client = self.client("127.0.0.1", running.port)
        await client.connect()
        asked: list[Any] = [client.action("sleepTest", sleepDuration=60_000) for _ in range(3)]
        await client.details()
        running.process.kill()
        for call in asked:
            with self.assertRaises(ConnectionLost):
                await call

    @coroutine
    async def test_a_server_that_is_not_there(self) -> None:
        port = reserve(self)
        client = self.client("127.0.0.1", port)
        with self.assertRaises(ConnectionLost) as caught:
            await client.connect(attempts=2)
        self.assertIn("refused", str(caught.exception))
        with self.assertRaises(CallTimeout) as late:
            await client.connect(timeout=0.1)
        self.assertIn("refused", str(late.exception))
        with self.assertRaises(ConnectionLost):
            async with Client("127.0.0.1", port):
                self.fail("there is no server")


class TransportTests(ClientTestCase):
    """Endpoints of all kinds."""

    async def check(self, client: Client) -> None:
        await client.connect(attempts=1)
        self.assertEqual(CONTENTS["binary"], await client.file("binary"))
        asked = [client.action("echo", name="x" * 10_000) for _ in range(50)]
        for answer in await gatherResults(asked):
            self.assertEqual("x" * 10_000, answer["name"])
        await client.disconnect()

    async def fails(self, client: Client, text: str) -> None:
        with self.assertRaises(ConnectionLost) as caught:
            await client.connect(attempts=1)
        self.assertIn(text, str(caught.exception))
        await client.disconnect()

    @coroutine
    async def test_endpoints(self) -> None:
        running = self.start("--listen=unix:server.sock", "--listen=tcp:0:interface=127.0.0.1")
        await self.check(self.client(f"unix:{running.folder / 'server.sock'}"))

    @coroutine
    async def test_an_endpoint_object_and_a_description(self) -> None:
        port = self.start().port
        await self.check(self.client(f"tcp:127.0.0.1:{port}"))
        await self.check(self.client(TCP4ClientEndpoint(reactor, "127.0.0.1", port)))

    @coroutine
    async def test_tls(self) -> None:
        running = self.start(pair="ec")
        ca_file = str(running.folder / "certs" / "server-cert.pem")
        await self.check(self.client("localhost", running.port, tls=TLS(ca_file=ca_file)))
        await self.check(self.client("127.0.0.1", running.port, tls=TLS(ca_file=ca_file)))
        named = TLS(ca_file=ca_file, server_name="localhost")
        await self.check(self.client(f"tcp:127.0.0.1:{running.port}", tls=named))
        await self.fails(self.client("localhost", running.port, tls=True), "verify failed")
        wrong = TLS(ca_file=ca_file, server_name="example.org")
        await self.fails(self.client("localhost", running.port, tls=wrong), "example.org")

    @coroutine
    async def test_a_certificate_of_the_clients(self) -> None:
        folder = Path(self.mktemp()).resolve()
        key, cert = map(str, make_pair(folder))
        running = self.start(f"--ca-file={cert}", pair="ec")
        ca_file = str(running.folder / "certs" / "server-cert.pem")
        tls = TLS(ca_file=ca_file, cert_file=cert, key_file=key)
        await self.check(self.client("localhost", running.port, tls=tls))
        await self.fails(self.client("localhost", running.port, tls=TLS(ca_file=ca_file)), "")
