"""Tests of `actionhero_tcp.redis.protocol` with real sockets or processes."""

from __future__ import annotations

from tests.support.redis_server import RedisTestCase


class ReplyTests(RedisTestCase):
    """Commands and replies, with a real Redis."""

    async def test_replies_come_as_they_are(self) -> None:
        self.server.start()
        link = self.link()
        await self.until(lambda: link.is_reachable)
        self.assertEqual(["came"], self.events)
        await link.call("SET", "key", b"\x00\xff007\r\n")
        self.assertEqual(b"\x00\xff007\r\n", await link.call("GET", "key"))
        await link.call("SET", "key", "007")
        self.assertEqual(b"007", await link.call("GET", "key"))
        self.assertEqual(3, await link.call("STRLEN", "key"))
        self.assertIsNone(await link.call("GET", "none"))
        self.assertIn("unknown command", await self.failure(link.call("NOTHING")))

    async def test_a_lone_surrogate_is_sent_all_the_same(self) -> None:
        self.server.start()
        link = self.link()
        await self.until(lambda: link.is_reachable)
        await link.subscribe("\ud800")
        link.send([("PUBLISH", "\ud800", b"hi")])
        await self.until(lambda: self.heard)
        self.assertEqual([(b"\xed\xa0\x80", b"hi")], self.heard)
        await link.call("SET", "\ud800", "x")
        self.assertEqual(b"x", await link.call("GET", b"\xed\xa0\x80"))
