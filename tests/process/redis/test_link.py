"""Tests of `actionhero_tcp.redis.link`: both connections together, with a real Redis."""

from __future__ import annotations

import signal

from actionhero_tcp.redis.address import RedisAddress
from actionhero_tcp.redis.link import RedisLink
from actionhero_tcp.redis.reachability import REACH_SECONDS
from tests import support
from tests.support.redis_server import RedisTestCase


class LinkTests(RedisTestCase):
    """The line, and what is told of it."""

    async def test_what_is_published_is_heard_once_and_in_order(self) -> None:
        self.server.start()
        link = self.link()
        await self.until(lambda: link.is_reachable)
        await link.subscribe("a")
        await link.subscribe("b")
        link.send([("PUBLISH", "ab"[n % 2], b"%d\r\n" % n) for n in range(1000)])
        await self.until(lambda: len(self.heard) >= 1000)
        expected = [((b"a", b"b")[n % 2], b"%d\r\n" % n) for n in range(1000)]
        self.assertEqual(expected, self.heard)
        link.unsubscribe("a")
        link.send([("PUBLISH", "b", "last")])
        await self.until(lambda: len(self.heard) > 1000)
        self.assertEqual(b"0", b"%d" % await link.call("PUBLISH", "a", "nobody"))

    async def test_calls_fail_at_once_while_it_is_away_and_it_comes_back(self) -> None:
        link = self.link()
        self.assertIn("Redis is unreachable", await self.failure(link.call("GET", "a")))
        await self.until(lambda: "refused" in link.error)
        self.assertIn("refused", await self.failure(link.call("GET", "a")))
        self.server.start()
        await self.until(lambda: link.is_reachable)
        self.server.kill()
        await self.until(lambda: not link.is_reachable)
        self.server.start()
        await self.until(lambda: link.is_reachable)
        self.assertEqual(["came", "went", "came"], self.events)
        self.assertEqual("", link.error)

    async def test_whether_it_is_reachable_can_be_waited_for(self) -> None:
        self.server.start()
        link = self.link()
        await link.reached()
        self.assertTrue(link.is_reachable)
        await link.reached()
        self.assertEqual(b"OK", await link.call("SET", "key", 1))

    async def test_so_can_that_it_is_away(self) -> None:
        link = self.link()
        await link.reached()
        self.assertFalse(link.is_reachable)
        self.assertIn("refused", link.error)

    def test_where_nothing_is_known_for_long_nobody_waits_on(self) -> None:
        clock = support.Reactor()
        link = RedisLink(RedisAddress.parse("redis://127.0.0.1:1"), clock)
        reached = link.reached()
        clock.advance(REACH_SECONDS - 0.1)
        self.assertNoResult(reached)
        clock.advance(0.1)
        self.assertIsNone(self.successResultOf(reached))
        self.assertEqual([], clock.getDelayedCalls())

    async def test_what_is_told_in_vain_is_counted(self) -> None:
        self.server.start()
        link = self.link()
        link.send([("PING",)])
        self.assertEqual(1, link.failures)
        await self.until(lambda: link.is_reachable)
        link.send([("NOTHING",), ("PING",), ("INCR", "key", "x"), ("SET", "key", 1)])
        self.assertEqual(b"1", await link.call("GET", "key"))
        self.assertEqual(3, link.failures)
        self.server.send(signal.SIGSTOP)
        link.send([("PING",)] * 5)
        self.server.kill()
        await self.until(lambda: not link.is_reachable)
        self.assertEqual(8, link.failures)
