"""Tests of `actionhero_tcp.redis.connection` with real sockets or processes."""

from __future__ import annotations

import contextlib
import signal
import socket
from contextlib import nullcontext
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransportWithDisconnection
from twisted.logger import formatEvent, globalLogPublisher

from actionhero_tcp.redis.address import RedisAddress
from actionhero_tcp.redis.connection import CHECK_SECONDS, SILENT_CHECKS, RedisConnection
from actionhero_tcp.redis.protocol import RedisProtocol
from tests.support.redis_server import RedisTestCase


class ConnectionTests(RedisTestCase):
    """A Redis that hangs, hangs up, refuses, or takes nothing; and what is none."""

    def setUp(self) -> None:
        super().setUp()
        self.log: list[str] = []

        def observe(event: Any) -> None:
            self.log.append(formatEvent(event))

        globalLogPublisher.addObserver(observe)
        self.addCleanup(globalLogPublisher.removeObserver, observe)

    async def test_one_that_hangs_is_away_and_calls_fail_in_time(self) -> None:
        self.server.start()
        link = self.link()
        await self.until(lambda: link.is_reachable)
        self.server.send(signal.SIGSTOP)
        self.assertIn("has not answered for", await self.failure(link.call("GET", "a")))
        self.server.send(signal.SIGCONT)
        await self.until(lambda: link.is_reachable)

    async def test_a_wrong_password_is_tried_again_until_it_is_right(self) -> None:
        self.server.options = ("--requirepass", "other")
        self.server.start()
        link = self.link(f"redis://:right@127.0.0.1:{self.server.port}/1")
        await self.until(lambda: "WRONGPASS" in link.error)
        self.server.kill()
        self.server.options = ("--requirepass", "right")
        self.server.start()
        await self.until(lambda: link.is_reachable)

    async def test_a_database_that_is_not_there(self) -> None:
        self.server.start()
        link = self.link(f"{self.server.url}/99")
        await self.until(lambda: "DB index" in link.error)
        self.assertFalse(link.is_reachable)

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

    async def test_another_service_costs_a_log_line_and_is_tried_again(self) -> None:
        for greeting, said in (
            (b"HTTP/1.1 400 Bad Request\r\n\r\n", "is not Redis"),
            (b"+OK POP3 ready\r\n", "is not Redis"),
            (
                b"-ERR unknown command AUTH, with args beginning with: s3cret\r\n",
                "unknown command AUTH",
            ),
            (b"\x00\xff\n\x1b[31m", "is not Redis"),
        ):
            with self.subTest(greeting), Service(greeting) as service:
                login = ":s3cret@" if b"s3cret" in greeting else ""
                link = self.link(f"redis://{login}127.0.0.1:{service.port}")
                await self.until(lambda s=service: s.accepted() >= 6)
                self.assertIn(said, link.error)
                link.stop()
                logged = [event for event in self.log if "Redis unreachable" in event]
                self.assertEqual(1, len(logged), logged)
                self.assertNotIn("s3cret", logged[0] + link.error)
                self.log.clear()
        self.assertEqual([], self.events)

    async def test_one_that_is_stopped_while_it_connects_leaves_nothing(self) -> None:
        for url in ("redis://127.0.0.1:1", "redis://localhost:1", "redis://192.0.2.1", "unix:/a"):
            link = self.link(url)
            link.stop()
            self.assertTrue(link.is_idle, url)

    async def test_one_that_is_stopped_while_redis_takes_nothing_ends_all_the_same(self) -> None:
        self.server.start()
        link = self.link()
        await self.until(lambda: link.is_reachable)
        self.server.send(signal.SIGSTOP)
        link.send([("SET", "key", b"x" * 1024 * 1024)] * 16)
        link.stop()
        await self.until(lambda: link.is_idle)

    def test_a_process_that_was_stopped_itself_does_not_take_redis_for_silent(self) -> None:
        clock, endpoint = Clock(), Endpoint()
        owner = Owner()
        connection = RedisConnection(
            owner,
            RedisAddress("127.0.0.1"),
            endpoint,
            lambda owner: RedisProtocol(owner, nullcontext()),
            clock,
        )
        connection.start()
        protocol = connection.buildProtocol(None)
        transport = StringTransportWithDisconnection()
        transport.protocol = protocol
        transport.abortConnection = transport.loseConnection  # type: ignore[method-assign]
        protocol.makeConnection(transport)
        endpoint.connected.callback(protocol)
        protocol.dataReceived(b"+PONG\r\n")
        self.assertTrue(connection.is_ready)
        # An hour passes at once: one look, and then the reply that has waited.
        clock.advance(CHECK_SECONDS)
        clock.advance(3600)
        protocol.dataReceived(b"+PONG\r\n")
        clock.advance(CHECK_SECONDS)
        self.assertTrue(connection.is_ready)
        clock.pump([CHECK_SECONDS] * (SILENT_CHECKS + 1))
        self.assertFalse(connection.is_ready)
        self.assertIn("has not answered", owner.reports[-1])
        connection.stop()
        self.assertTrue(connection.is_idle)
        self.assertEqual([], clock.getDelayedCalls())


class Service:
    """A listener that greets whoever connects, and never reads.

    Attributes:
        port: Where it listens, on 127.0.0.1.
    """

    def __init__(self, greeting: bytes) -> None:
        self._greeting = greeting
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(0)
        self._streams: list[socket.socket] = []
        self.port: int = self._listener.getsockname()[1]

    def __enter__(self) -> Service:
        return self

    def __exit__(self, *error: object) -> None:
        for stream in (self._listener, *self._streams):
            stream.close()

    def accepted(self) -> int:
        """How many have connected; new ones are greeted."""
        with contextlib.suppress(BlockingIOError):
            while True:
                stream, _ = self._listener.accept()
                self._streams.append(stream)
                stream.sendall(self._greeting)
        return len(self._streams)


class Endpoint:
    """Connects when the test says so."""

    def __init__(self) -> None:
        self.connected: Deferred[object] = Deferred()

    def connect(self, factory: object) -> Deferred[object]:
        return self.connected


class Owner:
    """Remembers what was reported."""

    error = ""

    def __init__(self) -> None:
        self.reports: list[str] = []

    def connection_changed(self) -> None:
        pass

    def report(self, error: str) -> None:
        self.reports.append(error)
