"""Tests of `actionhero_tcp.redis.connection` with real sockets or processes."""

from __future__ import annotations

import contextlib
import signal
import socket

from twisted.internet import reactor

from actionhero_tcp.redis import connection as redisconnection
from tests.support.redis_server import RedisTestCase


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
