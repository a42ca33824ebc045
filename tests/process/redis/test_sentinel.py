"""Tests of `actionhero_tcp.redis.sentinel`, with real Sentinels and a real failover."""

from __future__ import annotations

from pathlib import Path

from twisted.internet import reactor
from twisted.internet.error import ConnectError
from twisted.internet.protocol import Factory

from actionhero_tcp.redis.address import RedisAddress
from actionhero_tcp.redis.endpoint import TlsFiles, connector
from actionhero_tcp.redis.keys import Keys
from actionhero_tcp.redis.link import RedisLink
from actionhero_tcp.redis.rights import Rights
from tests.support.redis_server import RedisServer, RedisTestCase

CONFIG = """
sentinel monitor main 127.0.0.1 {master} 1
sentinel down-after-milliseconds main 500
sentinel failover-timeout main 3000
"""


class SentinelServer(RedisServer):
    """A Sentinel of one master."""

    def __init__(self, master: int) -> None:
        super().__init__()
        self._master = master

    def start(self) -> None:
        """Starts it with a configuration of its own, which it writes to."""
        path = Path(self.folder, "sentinel.conf")
        path.write_text(CONFIG.format(master=self._master))
        self.run(str(path), "--sentinel")


class SentinelTests(RedisTestCase):
    """A master, a replica, and a Sentinel beside one that is not there."""

    timeout = 120

    def setUp(self) -> None:
        super().setUp()
        self.server.start()
        self.replica = RedisServer("--replicaof", "127.0.0.1", str(self.server.port))
        self.addCleanup(self.replica.close)
        self.replica.start()
        self.sentinel = SentinelServer(self.server.port)
        self.addCleanup(self.sentinel.close)
        self.sentinel.start()
        self.url = f"redis+sentinel://127.0.0.1:1,127.0.0.1:{self.sentinel.port}/main"

    def checked_link(self, url: str) -> RedisLink:
        """A link that checks its rights."""
        link = RedisLink(RedisAddress.parse(url), reactor, Rights(Keys("test:"), ""))
        link.start()
        self.addCleanup(self.until, lambda: link.is_idle)
        self.addCleanup(link.stop)
        return link

    async def test_a_failover(self) -> None:
        link = self.checked_link(self.url)
        await self.until(lambda: link.is_reachable)
        # The replica is known to the Sentinel, and has all.
        await self.until(lambda: b"slaves=1" in self.sentinel.ask("INFO", "sentinel"))
        await self.until(lambda: b"master_link_status:up" in self.replica.ask("INFO"))
        self.server.kill()
        await self.until(lambda: not link.is_reachable)
        await self.until(lambda: link.is_reachable)
        await link.call("SET", "key", "value")
        self.assertIn(b"value", self.replica.ask("GET", "key"))
        self.assertIn(b"role:master", self.replica.ask("INFO"))

    async def test_a_name_that_no_sentinel_knows(self) -> None:
        url = self.url.replace("main", "other")
        endpoint = connector(RedisAddress.parse(url), TlsFiles(), reactor)
        error = await self.assertFailure(endpoint.connect(Factory()), ConnectError)
        self.assertIn("no Sentinel names a master 'other'", str(error))
        self.assertIn("does not know that name", str(error))

    async def test_a_replica_is_refused(self) -> None:
        await self.until(lambda: b"master_link_status:up" in self.replica.ask("INFO"))
        link = self.checked_link(self.replica.url)
        await self.until(lambda: "takes no writes" in link.error)
        self.assertFalse(link.is_reachable)

    async def test_one_that_is_stopped_while_it_asks_leaves_nothing(self) -> None:
        link = self.checked_link(self.url)
        link.stop()
        self.assertTrue(link.is_idle)
