"""Tests of `actionhero_tcp.redis.rights`, with the users of a real Redis."""

from __future__ import annotations

from twisted.internet import reactor

from actionhero_tcp.redis.address import RedisAddress
from actionhero_tcp.redis.keys import Keys
from actionhero_tcp.redis.link import RedisLink
from actionhero_tcp.redis.rights import COMMANDS, Rights
from tests.support.redis_server import RedisTestCase

KEYS = Keys("test:")

COMPLETE = ("~test:v1:*", "&test:v1:*", "-@all", *(f"+{command}" for command in COMMANDS))


class RightsTests(RedisTestCase):
    """Users who may do all, or all but one thing."""

    def user(self, *rules: str) -> RedisLink:
        """A link that is logged in as a new user with these rights."""
        self.server.ask("ACL", "SETUSER", "node", "reset", "on", ">s3cret", *rules)
        address = RedisAddress.parse(f"redis://node:s3cret@127.0.0.1:{self.server.port}")
        link = RedisLink(address, reactor, Rights(KEYS, address.username))
        link.start()
        self.addCleanup(self.until, lambda: link.is_idle)
        self.addCleanup(link.stop)
        return link

    async def test_what_is_documented_is_enough(self) -> None:
        self.server.start()
        link = self.user(*COMPLETE)
        await self.until(lambda: link.is_reachable)
        self.assertEqual([], self.server.keys())

    async def test_each_right_that_is_missing_is_named(self) -> None:
        self.server.start()
        for missing in COMPLETE:
            if missing == "-@all":
                continue
            link = self.user(*(rule for rule in COMPLETE if rule != missing))
            await self.until(lambda link=link: link.error and "not been" not in link.error)
            name = missing.removeprefix("+").replace("v1:*", "v1:")
            self.assertIn(name, link.error)
            self.assertIn("user node" if missing != "+ping" else "'ping'", link.error)
            self.assertNotIn("s3cret", link.error)
            self.assertFalse(link.is_reachable)
            link.stop()

    async def test_one_that_is_taken_away_later_is_named(self) -> None:
        self.server.start()
        link = self.user(*COMPLETE)
        await self.until(lambda: link.is_reachable)
        self.server.ask("ACL", "SETUSER", "node", "resetchannels")
        if not link.is_reachable:
            # Redis itself may hang up on who has subscribed.
            return
        link.send([("PUBLISH", KEYS.said("r"), b"x")])
        await self.until(lambda: "&test:v1:*" in link.error)
        self.server.ask("ACL", "SETUSER", "node", "&test:v1:*")
        await self.until(lambda: link.is_reachable)
