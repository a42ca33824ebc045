"""Tests of `actionhero_tcp.redis.sharded_link`, with a cluster that a test moves by hand."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp.errors import StartError
from actionhero_tcp.redis.address import RedisAddress
from actionhero_tcp.redis.endpoint import TlsFiles
from actionhero_tcp.redis.keys import Keys
from actionhero_tcp.redis.protocol import RedisError
from actionhero_tcp.redis.sharded_link import MAX_REDIRECTS, ShardedLink
from actionhero_tcp.redis.slots import spread_tags
from tests.support import Reactor
from tests.support.redis_cluster_model import ClusterModel

KEYS = Keys("test:", spread_tags())
FIRST, LAST = KEYS.parts[0], KEYS.parts[-1]
"""Parts of the first and the last master."""


class ShardedLinkTestCase(SynchronousTestCase):
    """Has a link to three masters."""

    def setUp(self) -> None:
        self.reactor = Reactor()
        self.cluster = ClusterModel(self.reactor, 7001, 7002, 7003)
        self.events: list[str] = []
        self.heard: list[tuple[bytes, bytes]] = []
        address = RedisAddress.parse("redis+cluster://127.0.0.1:7001,127.0.0.1:7003")
        self.link = ShardedLink(address, KEYS, self.reactor, nullcontext(), TlsFiles())
        self.link.report_to(
            lambda: self.events.append("came"),
            lambda: self.events.append("went"),
            lambda channel, message: self.heard.append((channel, message)),
        )
        self.link.start()

    def connect(self) -> None:
        """Lets it connect."""
        self.cluster.advance(0)
        self.assertTrue(self.link.is_reachable, self.link.error)

    def received(self) -> list[tuple[int, list[str]]]:
        """What the masters have received since the last call."""
        self.cluster.run()
        received, self.cluster.received = self.cluster.received, []
        return received


class RoutingTests(ShardedLinkTestCase):
    """What goes to which master."""

    def test_it_is_reachable_once_all_masters_are(self) -> None:
        self.assertEqual("it has not been reached yet", self.link.error)
        self.cluster.dead.add(7002)
        self.cluster.advance(0)
        self.assertFalse(self.link.is_reachable)
        self.assertIn("refused", self.link.error)
        self.cluster.dead.clear()
        self.cluster.advance(3)
        self.assertTrue(self.link.is_reachable)
        self.assertEqual((["came"], ""), (self.events, self.link.error))

    def test_commands_go_to_the_master_of_their_part_in_one_piece_for_each(self) -> None:
        self.connect()
        done: list[int] = []
        commands: list[tuple[str | bytes | int, ...]] = [
            ("HSET", f"{FIRST}room:r", "c", "n"),
            ("PUBLISH", f"{LAST}said:s", b"x"),
            ("PUBLISH", f"{FIRST}said:r", b"y"),
        ]
        self.link.send(commands, done.append)
        expected = [
            (7001, ["HSET", f"{FIRST}room:r", "c", "n"]),
            (7001, ["SPUBLISH", f"{FIRST}said:r", "y"]),
            (7003, ["SPUBLISH", f"{LAST}said:s", "x"]),
        ]
        self.assertEqual(expected, sorted(self.received()))
        self.assertEqual(([0], 0), (done, self.link.failures))

    def test_calls_and_subscriptions_too(self) -> None:
        self.connect()
        done: list[str] = []
        key = f"{LAST}cache:k".encode()
        cached = self.link.call_cache(("EVAL", "x", 1, key), lambda: done.append("done"))
        called = self.link.call("HGET", f"{FIRST}clients", "c")
        subscribed = self.link.subscribe(f"{LAST}said:r")
        self.link.unsubscribe(f"{FIRST}said:r")
        ports = [port for port, _ in sorted(self.received())]
        self.assertEqual([7001, 7001, 7003, 7003], ports)
        for each in (cached, called):
            self.assertEqual(b"OK", self.successResultOf(each))
        self.successResultOf(subscribed)
        self.assertEqual(["done"], done)
        self.cluster.push(7003, b"smessage", b"channel", b"text")
        self.assertEqual([(b"channel", b"text")], self.heard)
        caught_up = self.link.catch_up()
        self.cluster.run()
        self.successResultOf(caught_up)

    def test_while_it_is_unreachable_all_fails_at_once(self) -> None:
        done: list[Any] = []
        self.link.send([("PUBLISH", f"{FIRST}said:r", b"y")], done.append)
        self.link.unsubscribe(f"{FIRST}said:r")
        name = f"{FIRST}x"
        calls = [self.link.call("GET", name), self.link.subscribe(name), self.link.catch_up()]
        calls.append(self.link.call_cache(("EVAL", "", 1, name), lambda: done.append("cache")))
        for each in calls:
            self.assertIn("unreachable", self.failureResultOf(each, RedisError).getErrorMessage())
        self.assertEqual(([1, "cache"], 1), (done, self.link.failures))

    def test_a_prefix_with_a_brace_is_refused(self) -> None:
        address = RedisAddress.parse("redis+cluster://127.0.0.1")
        keys = Keys("{x}", spread_tags())
        made = (address, keys, self.reactor, nullcontext(), TlsFiles())
        self.assertIn("redis.prefix", str(self.assertRaises(StartError, ShardedLink, *made)))

    def test_one_that_is_stopped_leaves_nothing(self) -> None:
        self.connect()
        self.link.stop()
        self.cluster.run()
        self.assertTrue(self.link.is_idle)
        self.assertEqual([], self.reactor.getDelayedCalls())

    def test_nor_does_one_that_is_stopped_while_it_asks(self) -> None:
        self.reactor.advance(0)
        self.link.stop()
        self.assertTrue(self.link.is_idle)
        self.assertEqual([], self.reactor.getDelayedCalls())


class MovingTests(ShardedLinkTestCase):
    """Slots move, and masters fail."""

    def setUp(self) -> None:
        super().setUp()
        self.connect()

    def refuse(self, port: int, name: str, error: bytes) -> None:
        """Has a master answer a command with an error."""
        self.cluster.answers[port, name] = b"-%b\r\n" % error

    def test_a_call_follows_its_slot(self) -> None:
        self.refuse(7001, "GET", b"MOVED 1 127.0.0.1:7002")
        done: list[str] = []
        called = self.link.call_cache(("GET", f"{FIRST}k"), lambda: done.append("done"))
        self.assertEqual([7001, 7002], [port for port, _ in self.received()])
        self.assertEqual((b"OK", ["done"]), (self.successResultOf(called), done))

    def test_a_slot_on_its_way_is_asked_for(self) -> None:
        self.refuse(7001, "GET", b"ASK 1 127.0.0.1:7002")
        called = self.link.call("GET", f"{FIRST}k")
        words = [(7001, ["GET", f"{FIRST}k"]), (7002, ["ASKING"]), (7002, ["GET", f"{FIRST}k"])]
        self.assertEqual(words, self.received())
        self.assertEqual(b"OK", self.successResultOf(called))
        self.refuse(7001, "HSET", b"ASK 1 127.0.0.1:7002")
        done: list[int] = []
        sent = ("HSET", f"{FIRST}room:r", "c", "n")
        self.link.send([sent, ("SADD", f"{FIRST}held", "x")], done.append)
        words = [(7001, [*sent]), (7001, ["SADD", f"{FIRST}held", "x"])]
        self.assertEqual([*words, (7002, ["ASKING"]), (7002, [*sent])], self.received())
        self.assertEqual(([0], 0), (done, self.link.failures))

    def test_a_call_does_not_follow_for_ever_nor_to_strangers(self) -> None:
        self.refuse(7001, "GET", b"MOVED 1 127.0.0.1:7002")
        self.refuse(7002, "GET", b"MOVED 1 127.0.0.1:7001")
        self.failureResultOf(self.run_call(), RedisError)
        self.assertEqual(1 + MAX_REDIRECTS, len(self.received()))
        for error in (b"MOVED 1 127.0.0.1:9", b"MOVED 1 x", b"MOVED", b"ASK 1 :x", b"ERR x y:1"):
            self.refuse(7001, "GET", error)
            self.failureResultOf(self.run_call(), RedisError)

    def run_call(self) -> Any:
        """A call, after all has happened."""
        called = self.link.call("GET", f"{FIRST}k")
        self.cluster.run()
        return called

    def test_a_message_that_is_refused_has_failed_and_the_slots_are_looked_at(self) -> None:
        self.refuse(7001, "SPUBLISH", b"MOVED 1 127.0.0.1:7002")
        done: list[int] = []
        self.link.send([("PUBLISH", f"{FIRST}said:r", b"y")], done.append)
        self.assertEqual([7001], [port for port, _ in self.received()])
        self.assertEqual(([1], 1), (done, self.link.failures))
        first, _ = self.cluster.slots.pop(7001)
        self.cluster.slots[7002] = (first, self.cluster.slots[7002][1])
        self.cluster.advance(1)
        # All is told again at the next heartbeat.
        self.assertEqual(2, self.link.failures)
        self.link.send([("PUBLISH", f"{FIRST}said:r", b"y")])
        self.assertEqual([7002], [port for port, _ in self.received()])
        self.assertEqual((["came"], True), (self.events, self.link.is_reachable))

    def test_a_subscription_that_redis_ends_has_failed(self) -> None:
        subscribed = self.link.subscribe(f"{FIRST}said:r")
        self.cluster.run()
        self.successResultOf(subscribed)
        self.cluster.push(7001, b"sunsubscribe", f"{FIRST}said:r".encode(), b"0")
        self.assertGreater(self.link.failures, 0)
        self.assertEqual(["came"], self.events)

    def test_a_replica_takes_over(self) -> None:
        self.cluster.kill(7003)
        self.assertEqual(["came", "went"], self.events)
        self.assertFalse(self.link.is_reachable)
        self.cluster.slots[7004] = self.cluster.slots.pop(7003)
        self.cluster.advance(3)
        self.cluster.advance(3)
        self.assertEqual(["came", "went", "came"], self.events)
        self.link.send([("PUBLISH", f"{LAST}said:r", b"y")])
        self.assertEqual([7004], [port for port, _ in self.received()])
        self.link.stop()
        self.cluster.run()
        self.assertTrue(self.link.is_idle)

    def test_a_master_that_comes_back_is_used_again(self) -> None:
        self.cluster.kill(7002)
        self.cluster.advance(5)
        self.assertFalse(self.link.is_reachable)
        self.cluster.dead.clear()
        for _ in range(5):
            self.cluster.advance(1)
        self.assertEqual(["came", "went", "came"], self.events)

    def test_a_new_master_is_used_once_it_is_ready(self) -> None:
        self.cluster.dead.add(7004)
        first, last = self.cluster.slots[7003]
        self.cluster.slots |= {7003: (first, last - 64), 7004: (last - 63, last)}
        self.refuse(7003, "SPUBLISH", b"MOVED 1 127.0.0.1:7004")
        self.link.send([("PUBLISH", f"{LAST}said:r", b"y")])
        self.cluster.run()
        self.cluster.advance(1)
        self.assertTrue(self.link.is_reachable)
        self.cluster.dead.clear()
        for _ in range(5):
            self.cluster.advance(1)
        self.received()
        self.link.send([("PUBLISH", f"{LAST}said:r", b"y")])
        self.assertEqual([7004], [port for port, _ in self.received()])
        self.assertEqual(["came"], self.events)
