"""Tests of `actionhero_tcp.redis.connection`: what may happen to a connection, and its limits."""

from __future__ import annotations

import contextlib
import signal
import socket
from typing import Any

from twisted.internet import reactor
from twisted.internet.error import ConnectError
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp.redis import connection as redisconnection
from actionhero_tcp.redis.address import RedisAddress
from actionhero_tcp.redis.link import RedisLink
from tests.support.redis_server import RedisTestCase
from tests.support.resolving import ResolvingReactor


class ConnectionTests(RedisTestCase):
    """A Redis that hangs, hangs up, refuses, or takes nothing."""

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

    async def test_no_more_commands_wait_than_may(self) -> None:
        self.server.start()
        link = self.link()
        await self.until(lambda: link.is_here)
        self.patch(redisconnection, "MAX_IN_FLIGHT", 10)
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
        self.assertLess(told, 2 * redisconnection.MAX_HELD_BYTES // len(word))
        self.assertGreater(told, redisconnection.MAX_HELD_BYTES // len(word))
        self.assertIn("too much waits", await self.failure(link.call("GET", "key")))
        self.server.send(signal.SIGCONT)
        await self.until(lambda: link.is_here and not link._commands._held)
        self.assertEqual(b"PONG", await link.call("PING"))
        self.assertEqual(1, link.failures)
        # One that is stopped while Redis takes nothing ends all the same.
        link.tell([("SET", "key", word)] * 8)


class StopTests(SynchronousTestCase):
    """A link that is stopped leaves nothing behind, whatever its connections are doing."""

    def start(self, url: str) -> tuple[RedisLink, ResolvingReactor]:
        reactor = ResolvingReactor(["127.0.0.1", "127.0.0.2"])
        link = RedisLink(RedisAddress(url), reactor)
        link.start()
        return link, reactor

    def test_attempts_are_cancelled(self) -> None:
        for url in "redis://r.example", "redis://127.0.0.1", "rediss://r.example", "unix:/r.sock":
            link, reactor = self.start(url)
            link.stop()
            self.assertEqual([], reactor.getDelayedCalls(), url)
            self.assertEqual(2, len(reactor.connectors))
            for connector in reactor.connectors:
                self.assertTrue(connector.stoppedConnecting, url)

    def test_connections_that_have_not_logged_in_are_closed(self) -> None:
        link, reactor = self.start("redis://:secret@127.0.0.1")
        transports = []
        for _, _, factory, _, _ in reactor.tcpClients:
            protocol: Any = factory.buildProtocol(None)
            transports.append(StringTransport())
            protocol.makeConnection(transports[-1])
        link.stop()
        self.assertEqual([True, True], [each.disconnecting for each in transports])
        self.assertEqual([], reactor.getDelayedCalls())

    def test_no_attempt_follows(self) -> None:
        link, reactor = self.start("redis://127.0.0.1")
        for _, _, factory, _, _ in reactor.tcpClients:
            factory.clientConnectionFailed(None, Failure(ConnectError()))
        self.assertEqual(2, len(reactor.getDelayedCalls()))
        link.stop()
        self.assertEqual([], reactor.getDelayedCalls())
