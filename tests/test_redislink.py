"""Tests of `actionhero_tcp.redislink`, with a real Redis."""

from __future__ import annotations

import builtins
import contextlib
import os
import signal
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.trial.unittest import SynchronousTestCase, TestCase

from actionhero_tcp import redislink
from actionhero_tcp.errors import StartError
from actionhero_tcp.redislink import RedisAddress, RedisAwayError, RedisLink

from .integration import make_pair
from .redis_server import RedisServer


class AddressTests(SynchronousTestCase):
    """Where Redis is."""

    def test_every_form(self) -> None:
        for url, host, port, path, password, database in (
            ("redis://r.example", "r.example", 6379, "", None, 0),
            ("redis://:s%40t@r.example:7000/3", "r.example", 7000, "", "s@t", 3),
            ("rediss://u:p@r.example/", "r.example", 6379, "", "p", 0),
            ("unix:/run/redis.sock", "", 6379, "/run/redis.sock", None, 0),
            ("unix:p@/run/redis.sock?db=2", "", 6379, "/run/redis.sock", "p", 2),
        ):
            address = RedisAddress(url)
            found = (address.host, address.port, address.path, address.password, address.database)
            self.assertEqual((host, port, path, password, database), found, url)

    def test_what_is_none_is_refused_and_the_password_not_repeated(self) -> None:
        for url in (
            "r.example",
            "http://r.example",
            "redis://",
            "redis://:secret@r.example:x",
            "redis://:secret@r.example/db",
            "unix:",
        ):
            error = self.assertRaises(StartError, RedisAddress, url)
            self.assertIn("redis.url", str(error))
            self.assertNotIn("secret", str(error))

    def test_it_is_shown_without_the_password(self) -> None:
        self.assertEqual("redis://h:7000/3", str(RedisAddress("redis://u:secret@h:7000/3")))
        self.assertEqual("unix:/run/a", str(RedisAddress("unix:secret@/run/a")))

    def test_a_client_that_is_not_installed_is_an_error_that_says_how(self) -> None:
        importing = builtins.__import__

        def refuse(name: str, *rest: Any) -> Any:
            if name in ("txredisapi", "hiredis"):
                raise ImportError(name)
            return importing(name, *rest)

        self.patch(builtins, "__import__", refuse)
        address = RedisAddress("redis://127.0.0.1")
        error = self.assertRaises(StartError, RedisLink, address, reactor)
        self.assertIn("pip install 'actionhero-tcp[redis]'", str(error))


class ChunkTests(SynchronousTestCase):
    """What comes in one piece."""

    def test_what_comes_in_one_chunk_is_one_turn(self) -> None:
        events: list[object] = []

        class Turn:
            def __enter__(self) -> None:
                events.append("begin")

            def __exit__(self, *error: Any) -> None:
                events.append("end")

        make = redislink._protocols(Turn(), lambda *heard: events.append(heard))[1]
        protocol = make(RedisAddress("redis://127.0.0.1"))
        message = b"*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$1\r\n%d\r\n"
        data = b"".join(message % number for number in range(3))
        protocol.dataReceived(data[:-5])
        protocol.dataReceived(data[-5:])
        heard = [(b"c", b"%d" % number) for number in range(3)]
        self.assertEqual(["begin", *heard[:2], "end", "begin", heard[2], "end"], events)


class LinkTests(TestCase):
    """The line, and what may happen to it."""

    timeout = 60

    def setUp(self) -> None:
        self.server = RedisServer()
        self.addCleanup(self.server.close)
        self.events: list[str] = []
        self.heard: list[tuple[bytes, bytes]] = []

    def link(self, url: str = "") -> RedisLink:
        """A link that is started, and stopped when the test ends."""
        link = RedisLink(RedisAddress(url or self.server.url), reactor)
        link.tell_of(
            lambda: self.events.append("came"),
            lambda: self.events.append("went"),
            lambda channel, message: self.heard.append((channel, message)),
        )
        link.start()
        self.addCleanup(self.until, lambda: not link._commands._transport)
        self.addCleanup(link.stop)
        return link

    async def until(self, condition: Callable[[], object]) -> None:
        """Waits for something."""
        while not condition():
            await deferLater(reactor, 0.01)  # type: ignore[arg-type]

    async def failure(self, call: Deferred[Any]) -> str:
        """How a call fails."""
        with self.assertRaises(RedisAwayError) as context:
            await call
        return str(context.exception)

    async def test_replies_come_as_they_are(self) -> None:
        self.server.start()
        link = self.link()
        await self.until(lambda: link.is_here)
        self.assertEqual(["came"], self.events)
        await link.call("SET", "key", b"\x00\xff007\r\n")
        self.assertEqual(b"\x00\xff007\r\n", await link.call("GET", "key"))
        await link.call("SET", "key", "007")
        self.assertEqual(b"007", await link.call("GET", "key"))
        self.assertEqual(3, await link.call("STRLEN", "key"))
        self.assertIsNone(await link.call("GET", "none"))
        self.assertIn("unknown command", await self.failure(link.call("NOTHING")))

    async def test_what_is_published_is_heard_once_and_in_order(self) -> None:
        self.server.start()
        link = self.link()
        await self.until(lambda: link.is_here)
        await link.subscribe("a")
        await link.subscribe("b")
        link.tell([("PUBLISH", "ab"[n % 2], b"%d\r\n" % n) for n in range(1000)])
        await self.until(lambda: len(self.heard) >= 1000)
        expected = [((b"a", b"b")[n % 2], b"%d\r\n" % n) for n in range(1000)]
        self.assertEqual(expected, self.heard)
        link.unsubscribe("a")
        link.tell([("PUBLISH", "b", "last")])
        await self.until(lambda: len(self.heard) > 1000)
        self.assertEqual(b"0", b"%d" % await link.call("PUBLISH", "a", "nobody"))

    async def test_calls_fail_at_once_while_it_is_away_and_it_comes_back(self) -> None:
        link = self.link()
        self.assertIn("Redis is away", await self.failure(link.call("GET", "a")))
        await self.until(lambda: "refused" in link.error)
        self.assertIn("refused", await self.failure(link.call("GET", "a")))
        self.server.start()
        await self.until(lambda: link.is_here)
        self.server.kill()
        await self.until(lambda: not link.is_here)
        self.server.start()
        await self.until(lambda: link.is_here)
        self.assertEqual(["came", "went", "came"], self.events)
        self.assertEqual("", link.error)

    async def test_one_that_hangs_is_away_and_calls_fail_in_time(self) -> None:
        self.server.start()
        link = self.link()
        await self.until(lambda: link.is_here)
        self.server.send(signal.SIGSTOP)
        before = reactor.seconds()  # type: ignore[attr-defined]
        await self.failure(link.call("GET", "a"))
        seconds = reactor.seconds() - before  # type: ignore[attr-defined]
        self.assertLess(seconds, 5 + 5, "5 s are promised, and machines are slow")
        self.server.send(signal.SIGCONT)
        await self.until(lambda: link.is_here)

    async def test_a_wrong_password_is_tried_again_until_it_is_right(self) -> None:
        self.server.options = ("--requirepass", "other")
        self.server.start()
        link = self.link(f"redis://:right@127.0.0.1:{self.server.port}/1")
        await self.until(lambda: "auth" in link.error)
        self.server.kill()
        self.server.options = ("--requirepass", "right")
        self.server.start()
        await self.until(lambda: link.is_here)

    async def test_a_database_that_is_not_there(self) -> None:
        self.server.start()
        link = self.link(f"{self.server.url}/99")
        await self.until(lambda: "dbid" in link.error)
        self.assertFalse(link.is_here)

    async def test_over_a_unix_socket(self) -> None:
        path = f"{self.server.folder}/redis.sock"
        self.server.options = ("--unixsocket", path, "--requirepass", "right")
        self.server.start()
        link = self.link(f"unix:right@{path}?db=3")
        await self.until(lambda: link.is_here)
        self.assertIn(b"db=3", await link.call("CLIENT", "INFO"))

    async def test_one_that_hangs_up_at_once_is_away_and_said_to_be(self) -> None:
        listener = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(listener.close)
        link = self.link(f"redis://127.0.0.1:{listener.getsockname()[1]}")
        listener.settimeout(0)

        def hang_up() -> bool:
            with contextlib.suppress(BlockingIOError):
                listener.accept()[0].close()
            return "the connection was lost" in link.error

        await self.until(hang_up)
        self.assertEqual([], self.events)

    async def test_over_tls(self) -> None:
        key, certificate = make_pair(Path(self.server.folder))
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        self.server.options = (
            *("--tls-port", str(port), "--tls-auth-clients", "no"),
            *("--tls-key-file", str(key), "--tls-cert-file", str(certificate)),
        )
        self.server.start()
        url = f"rediss://localhost:{port}"
        # A certificate that nobody vouches for is not taken.
        stranger = self.link(url)
        await self.until(lambda: "certificate verify failed" in stranger.error)
        self.assertFalse(stranger.is_here)
        # OpenSSL reads the environment itself.
        os.environ["SSL_CERT_FILE"] = str(certificate)
        self.addCleanup(os.environ.pop, "SSL_CERT_FILE")
        link = self.link(url)
        await self.until(lambda: link.is_here)
        self.assertEqual(b"PONG", await link.call("PING"))

    async def test_no_more_commands_wait_than_may(self) -> None:
        self.server.start()
        link = self.link()
        await self.until(lambda: link.is_here)
        self.patch(redislink, "MAX_IN_FLIGHT", 10)
        calls = [link.call("PING") for _ in range(12)]
        self.assertIn("too much waits", await self.failure(calls[-1]))
        self.assertEqual(b"PONG", await calls[0])
        await self.failure(calls[-2])
        await calls[9]
        link.tell([("PING",)] * 12)
        self.assertEqual(2, link.failures)

    async def test_no_more_bytes_wait_than_may(self) -> None:
        self.server.start()
        link = self.link()
        await self.until(lambda: link.is_here)
        self.server.send(signal.SIGSTOP)
        word = b"x" * 1024 * 1024
        told = 0
        while not link.failures:
            link.tell([("SET", "key", word)])
            told += 1
        # What the kernel takes comes on top.
        self.assertLess(told, 2 * redislink.MAX_HELD_BYTES // len(word))
        self.assertGreater(told, redislink.MAX_HELD_BYTES // len(word))
        self.assertIn("too much waits", await self.failure(link.call("GET", "key")))
        self.server.send(signal.SIGCONT)
        await self.until(lambda: link.is_here and not link._commands._held)
        self.assertEqual(b"PONG", await link.call("PING"))
        self.assertEqual(1, link.failures)
        # One that is stopped while Redis takes nothing ends all the same.
        link.tell([("SET", "key", word)] * 8)

    async def test_what_is_told_in_vain_is_counted(self) -> None:
        self.server.start()
        link = self.link()
        link.tell([("PING",)])
        self.assertEqual(1, link.failures)
        await self.until(lambda: link.is_here)
        link.tell([("NOTHING",), ("PING",), ("INCR", "key", "x"), ("SET", "key", 1)])
        self.assertEqual(b"1", await link.call("GET", "key"))
        self.assertEqual(3, link.failures)
        self.server.send(signal.SIGSTOP)
        link.tell([("PING",)] * 5)
        self.server.kill()
        await self.until(lambda: not link.is_here)
        self.assertEqual(8, link.failures)

    async def test_a_lone_surrogate_is_sent_all_the_same(self) -> None:
        self.server.start()
        link = self.link()
        await self.until(lambda: link.is_here)
        await link.subscribe("\ud800")
        link.tell([("PUBLISH", "\ud800", b"hi")])
        await self.until(lambda: self.heard)
        self.assertEqual([(b"\xed\xa0\x80", b"hi")], self.heard)
        await link.call("SET", "\ud800", "x")
        self.assertEqual(b"x", await link.call("GET", b"\xed\xa0\x80"))
