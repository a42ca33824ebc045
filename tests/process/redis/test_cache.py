"""The cache that all nodes share, in a real Redis."""

from __future__ import annotations

import signal
import time
from collections.abc import Awaitable, Callable
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from actionhero_tcp.app.cache import MAX_VALUE_BYTES
from actionhero_tcp.errors import CacheError
from actionhero_tcp.redis.address import RedisAddress
from actionhero_tcp.redis.cache import LOOKED_AT, REMOVED_AT_ONCE, RedisCache
from actionhero_tcp.redis.keys import Keys
from actionhero_tcp.redis.link import RedisLink
from tests.support import make_account, make_live
from tests.support.caches import LATER_MS, SOON_MS, CacheTestCase, Suite
from tests.support.redis_server import BlockingLink, RedisServer

PREFIX = "app:"
INDEXES = ["app:v1:cache-expiries", "app:v1:cache-used"]


class RedisCacheTestCase(CacheTestCase):
    """Has a Redis, and a cache in it that holds three entries."""

    cache: RedisCache

    def setUp(self) -> None:
        self.server = RedisServer()
        self.addCleanup(self.server.close)
        self.server.start()
        self.link: Any = BlockingLink(self.server)
        self.addCleanup(self.link.close)
        super().setUp()

    def fresh(self, max_entries: int = 3) -> None:
        self.bound(max_entries)
        self.ask("FLUSHALL")
        self.cache = RedisCache(self.link, Keys(PREFIX), make_account(), self.live)

    def ask(self, *command: str | bytes | int) -> Any:
        """The reply to a command."""
        return self.successResultOf(self.link.call(*command))

    def now(self) -> float:
        seconds, us = self.ask("TIME")
        return int(seconds) * 1000 + int(us) / 1000

    def wait(self) -> None:
        time.sleep(0.002)

    def cannot(self, call: Any) -> str:
        """How a call fails."""
        return str(self.failureResultOf(Deferred.fromCoroutine(call), CacheError).value)


class RedisSuiteTests(RedisCacheTestCase, Suite):
    """What every form of the cache has to do."""


class KeyTests(RedisCacheTestCase):
    """What there is in Redis."""

    def test_the_keys_are_those_that_are_documented(self) -> None:
        self.save("a", 1)
        self.save("☃", 1, LATER_MS)
        entries = ["app:v1:cache:a", "app:v1:cache:☃"]
        self.assertEqual(sorted([*INDEXES, *entries]), self.server.keys())

    def test_nothing_is_left_of_what_was_destroyed_or_has_expired(self) -> None:
        self.save("a", 1)
        self.save("b", 1, LATER_MS)
        self.save("c", 1, SOON_MS)
        self.destroy("a")
        self.destroy("b")
        self.until(lambda: self.size == 0)
        self.assertEqual([], self.server.keys())

    def test_redis_itself_lets_entries_expire(self) -> None:
        self.save("a", 1, LATER_MS)
        self.save("b", 1, SOON_MS)
        self.save("c")
        self.assertEqual(-1, self.ask("PTTL", "app:v1:cache:c"))
        self.assertGreater(self.ask("PTTL", "app:v1:cache:a"), LATER_MS / 2)
        self.until(lambda: not self.ask("EXISTS", "app:v1:cache:b"))

    def test_nothing_is_left_of_what_went_for_want_of_room(self) -> None:
        for number in range(10):
            self.save(str(number), 1, LATER_MS)
        entries = [f"app:v1:cache:{number}" for number in (7, 8, 9)]
        self.assertEqual(sorted([*INDEXES, *entries]), self.server.keys())
        self.assertEqual([3, 3], [self.ask("ZCARD", index) for index in INDEXES])

    def test_other_prefixes_are_other_caches(self) -> None:
        other = RedisCache(self.link, Keys("other:"), make_account(), make_live())
        self.save("a", 1)
        self.assertIsNone(self.run_now(other.load("a")))
        self.run_now(other.save("a", 2))
        self.assertEqual((1, 1), (self.load("a"), self.size))

    def test_a_closed_one_leaves_the_entries_to_the_others(self) -> None:
        self.save("a", 1)
        self.cache.close()
        self.assertEqual(1, self.load("a"))

    def test_any_number_that_has_expired_is_counted_no_more_and_goes_little_by_little(self) -> None:
        many = 3 * REMOVED_AT_ONCE
        self.fresh(many)
        for number in range(many):
            self.save(str(number), 1, LATER_MS)
            self.ask("PEXPIREAT", f"app:v1:cache:{number}", 1000)
        for number in range(many):
            self.ask("ZADD", INDEXES[0], 1000, str(number))
        for call, answer in ((self.cache.size, 0), (lambda: self.cache.save("a", 1), "new record")):
            before = self.ask("ZCARD", INDEXES[0])
            self.assertEqual(answer, self.run_now(call()))
            after = self.ask("ZCARD", INDEXES[0])
            self.assertLessEqual(REMOVED_AT_ONCE, before - after)
            self.assertLessEqual(before - after, REMOVED_AT_ONCE + LOOKED_AT)
        self.assertEqual((1, 1), (self.size, self.size))
        self.assertEqual([0, 1], [self.ask("ZCARD", index) for index in INDEXES])

    def test_a_bound_that_becomes_much_lower_is_reached_little_by_little(self) -> None:
        many = 3 * REMOVED_AT_ONCE
        self.fresh(many)
        for number in range(many):
            self.save(str(number))
        self.bound(2)
        sizes = []
        for _ in range(4):
            self.save("a")
            sizes.append(self.size)
        self.assertEqual([many + 1 - REMOVED_AT_ONCE, many + 1 - 2 * REMOVED_AT_ONCE, 2, 2], sizes)
        self.assertEqual(3, self.ask("DBSIZE"))
        self.assertIsNotNone(self.entry("a"))


class LossTests(RedisCacheTestCase):
    """A Redis that loses something, has no room, or holds something else."""

    def test_a_flush_empties_it(self) -> None:
        self.save("a")
        self.save("b", 1, LATER_MS)
        self.ask("FLUSHALL")
        self.assertEqual(0, self.size)
        self.assertIsNone(self.entry("a"))
        self.assertEqual("new record", self.save("a"))
        self.assertEqual(1, self.size)

    def test_entries_that_redis_has_thrown_away_are_gone(self) -> None:
        self.save("a")
        self.save("b")
        self.ask("DEL", "app:v1:cache:a")
        self.assertIsNone(self.entry("a"))
        self.assertIs(False, self.destroy("a"))
        self.ask("DEL", "app:v1:cache:b")
        self.assertEqual("new record", self.save("b"))
        self.assertEqual(1, self.size)

    def test_they_are_counted_no_more_after_a_while(self) -> None:
        many = 5 * LOOKED_AT
        self.fresh(many)
        for number in range(many):
            self.save(str(number))
            if number % 2:
                self.ask("DEL", f"app:v1:cache:{number}")
        self.assertGreaterEqual(self.size, many - LOOKED_AT)
        self.until(lambda: self.size == many / 2)

    def test_an_index_that_redis_has_thrown_away_comes_back(self) -> None:
        self.save("a")
        self.save("b")
        self.ask("DEL", *INDEXES)
        self.assertEqual("ab", self.keys())
        self.assertEqual(2, self.size)

    def test_a_full_one_refuses_what_is_new_and_can_be_read(self) -> None:
        self.save("a", 1, LATER_MS)
        self.save("b", 2)
        self.ask("CONFIG", "SET", "maxmemory", "1")
        for key in "ac":
            self.assertIn("OOM", self.cannot(self.cache.save(key, "x" * 1000, SOON_MS)))
        self.assertEqual((1, 2, 2), (self.load("a"), self.load("b"), self.size))
        self.assertIs(True, self.destroy("a"))
        self.ask("CONFIG", "SET", "maxmemory", "0")
        self.assertEqual("updated record", self.save("b", 3))

    def test_what_is_no_entry_is_an_error(self) -> None:
        self.ask("SET", "app:v1:cache:a", "somebody's")
        for call in (self.cache.load("a"), self.cache.save("a", 1)):
            self.assertIn("WRONGTYPE", self.cannot(call))

    def test_scripts_that_redis_has_forgotten_do_no_harm(self) -> None:
        self.save("a")
        self.ask("SCRIPT", "FLUSH")
        self.assertEqual("a", self.keys())


class LinkTests(TestCase):
    """Two nodes, each with a line of its own."""

    timeout = 60

    def setUp(self) -> None:
        self.server = RedisServer()
        self.addCleanup(self.server.close)
        self.server.start()
        self.links = [self.link(), self.link()]
        self.caches = [
            RedisCache(link, Keys(PREFIX), make_account(), make_live()) for link in self.links
        ]

    def link(self) -> RedisLink:
        """A link that is started, and stopped when the test ends."""
        link = RedisLink(RedisAddress.parse(self.server.url), reactor)
        link.start()
        self.addCleanup(self.until, lambda: link.is_idle)
        self.addCleanup(link.stop)
        return link

    async def until(self, condition: Callable[[], object]) -> None:
        """Waits for something."""
        while not condition():
            await deferLater(reactor, 0.01)  # type: ignore[arg-type]

    async def here(self) -> None:
        """Waits until both lines are there."""
        await self.until(lambda: all(link.is_reachable for link in self.links))

    async def failure(self, call: Awaitable[Any]) -> str:
        """How a call fails."""
        with self.assertRaises(CacheError) as context:
            await call
        return str(context.exception)

    async def test_what_one_saves_the_other_loads(self) -> None:
        await self.here()
        one, two = self.caches
        value = {"☃": ["007", 7, "a\r\n\0", "\ud800"]}
        self.assertEqual("new record", await one.save("a", value))
        entry = await two.load("a")
        self.assertEqual(value, entry and entry.value)
        self.assertEqual("updated record", await two.save("a", 2))
        self.assertEqual(1, await one.size())
        self.assertIs(True, await one.destroy("a"))
        self.assertIsNone(await two.load("a"))

    async def test_of_two_that_save_at_once_one_is_told_that_it_is_new(self) -> None:
        await self.here()
        for number in range(100):
            saving = [Deferred.fromCoroutine(c.save(str(number), 1)) for c in self.caches]
            told = await gatherResults(saving)
            self.assertEqual(["new record", "updated record"], sorted(told))

    async def test_the_largest_value_travels(self) -> None:
        await self.here()
        one, two = self.caches
        value = "x" * (MAX_VALUE_BYTES - 2)
        await one.save("a", value)
        entry = await two.load("a")
        self.assertEqual(value, entry and entry.value)

    async def test_where_redis_is_away_every_call_fails_at_once(self) -> None:
        await self.here()
        one, two = self.caches
        await one.save("a", 1)
        self.server.kill()
        await self.until(lambda: not any(link.is_reachable for link in self.links))
        for call in (one.save("a", 1), one.load("a"), one.destroy("a"), one.size()):
            error = await self.failure(call)
            self.assertRegex(error, "^the cache cannot be used: Redis is unreachable: ")
        self.server.start()
        await self.here()
        self.assertIsNone(await two.load("a"))
        self.assertEqual("new record", await two.save("a", 1))

    async def test_what_is_no_json_is_that_even_where_redis_is_away(self) -> None:
        self.server.kill()
        with self.assertRaises(ValueError):
            await self.caches[0].save("a", 1, 0)

    async def test_where_redis_hangs_every_call_fails_in_time(self) -> None:
        await self.here()
        self.server.send(signal.SIGSTOP)
        one = self.caches[0]
        calls = (one.save("a", 1), one.load("b"), one.destroy("b"), one.size())
        for call in [Deferred.fromCoroutine(call) for call in calls]:
            self.assertRegex(await self.failure(call), "^the cache cannot be used: ")
        self.server.send(signal.SIGCONT)
        await self.here()
        self.assertIn(await one.save("a", 2), ("new record", "updated record"))
        entry = await one.load("a")
        self.assertEqual(2, entry and entry.value)
