"""Tests of `actionhero_tcp.redis.sentinel`, with real Sentinels and a real failover."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

from twisted.internet import reactor
from twisted.internet.error import ConnectError
from twisted.internet.protocol import Factory
from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp.redis.address import RedisAddress
from actionhero_tcp.redis.endpoint import TlsFiles, connector
from actionhero_tcp.redis.keys import Keys
from actionhero_tcp.redis.link import RedisLink
from actionhero_tcp.redis.rights import Rights
from tests.support import wait_for
from tests.support.nodes import Nodes, converse
from tests.support.redis_server import RedisServer, RedisTestCase, redis_server

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

    @property
    def url(self) -> str:
        """Its address, for `redis.url`, after that of one that is not there."""
        return f"redis+sentinel://127.0.0.1:1,127.0.0.1:{self.port}/main"

    def knows_a_replica(self) -> bool:
        """Whether it knows one that could take over."""
        return b"slaves=1" in self.ask("INFO", "sentinel")

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
        self.url = self.sentinel.url

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
        await self.until(self.sentinel.knows_a_replica)
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


class NodesTests(SynchronousTestCase):
    """Nodes that find Redis by a Sentinel."""

    timeout = 300

    def test_clients_talk_again_after_a_failover_and_none_is_closed(self) -> None:
        with ExitStack() as stack:
            master = stack.enter_context(redis_server())
            replica = stack.enter_context(
                redis_server("--replicaof", "127.0.0.1", str(master.port))
            )
            sentinel = SentinelServer(master.port)
            stack.callback(sentinel.close)
            sentinel.start()
            wait_for(sentinel.knows_a_replica, "a replica")
            wait_for(
                lambda: b"master_link_status:up" in replica.ask("INFO"), "a replica that has all"
            )
            nodes = Nodes(stack, 2, redis=Shared(sentinel))
            members = nodes.members(2)
            converse(members, "before")
            before = [node.log.count("Redis connected") for node in nodes.running]
            master.kill()
            for node, count in zip(nodes.running, before, strict=True):
                node.wait_for_log("Redis connected", count + 1)
            self.assertIn(b"role:master", replica.ask("INFO"))
            nodes.agree(members)
            converse(members, "after")
            nodes.assert_well()


class Shared:
    """A Redis that others end.

    Attributes:
        url: Its address.
    """

    def __init__(self, redis: RedisServer) -> None:
        self.url = redis.url

    def close(self) -> None:
        """Leaves it to the others."""
