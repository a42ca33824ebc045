"""Tests of `actionhero_tcp.redis.cluster`: the heartbeat on a clock that is moved by hand.

What its scripts do in Redis is tested with real ones, in `tests.test_process_cluster` and below.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred, fail
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp.redis import cluster as module
from actionhero_tcp.redis.cluster import BEAT_SECONDS, MAX_PEERS_SHOWN, SETTLE_SECONDS, Cluster
from actionhero_tcp.redis.keys import Keys
from actionhero_tcp.redis.protocol import RedisError
from actionhero_tcp.stats import Stats

KEYS = Keys("test:")
PART = KEYS.parts[0]


class Reconnector:
    """A line whose replies the test gives.

    Attributes:
        calls: Each command, and the Deferred of its reply.
        told: Each command that was told.
        subscriptions: What was subscribed to, and the Deferreds.
        noted: What was noted.
        stopped: Whether it was stopped.
    """

    def __init__(self) -> None:
        self.is_reachable = True
        self.error = ""
        self.failures = 0
        self.calls: list[tuple[tuple[Any, ...], Deferred[Any]]] = []
        self.told: list[tuple[Any, ...]] = []
        self.subscriptions: list[tuple[str, Deferred[Any]]] = []
        self.noted: list[str] = []
        self.started = self.stopped = False

    def start(self) -> None:
        self.started = True

    def stop(self) -> None:
        self.stopped = True

    def call(self, *command: Any) -> Deferred[Any]:
        if not self.is_reachable:
            return fail(RedisError("Redis is away"))
        reply: Deferred[Any] = Deferred()
        self.calls.append((command, reply))
        return reply

    control = call

    def send(self, commands: list[tuple[Any, ...]], on_done: Any = None) -> None:
        self.told += commands

    def subscribe(self, channel: str) -> Deferred[Any]:
        subscribed: Deferred[Any] = Deferred()
        self.subscriptions.append((channel, subscribed))
        return subscribed

    def report(self, error: str) -> None:
        self.noted.append(error)


class Bus:
    """A bus that remembers what it was told."""

    def __init__(self) -> None:
        self.node: str | None = None
        self.alive: frozenset[str] = frozenset()
        self.nodes: set[str] = set()
        self.names: list[str] = []
        self.lost = 0
        self.told: list[str] = []
        self.refreshed: list[str] = []

    @property
    def expiring(self) -> list[str]:
        return list(self.names)

    def begin(self, node: str) -> None:
        self.node = node
        self.told.append(f"begin {node}")

    def end(self) -> None:
        self.node = None
        self.alive = frozenset()
        self.told.append("end")

    def drop(self, dead: Any) -> None:
        gone = sorted(filter(dead, self.nodes))
        self.nodes -= set(gone)
        self.told.append(f"drop {' '.join(gone)}")

    def refresh(self, keys: list[str]) -> None:
        self.refreshed += keys

    def is_own(self, message: bytes) -> bool:
        return message.startswith(b'["me.')

    def flush(self) -> None:
        self.told.append("flush")

    def heard(self, room: str, message: bytes) -> None:
        self.told.append(f"heard {room} {message!r}")


class Clients:
    """The clients of the node; remembers what was done with them."""

    def __init__(self, delivered: list[tuple[object, ...]]) -> None:
        self.delivered = delivered

    def send(self, client: str, line: bytes) -> None:
        self.delivered.append((client, line))

    def change_rooms(self, client: str, change: bytes, room: str) -> None:
        self.delivered.append((client, change, room))


class ClusterTestCase(SynchronousTestCase):
    """Has a node."""

    def setUp(self) -> None:
        self.link, self.bus, self.clock, self.stats = Reconnector(), Bus(), Clock(), Stats()
        self.stats.id = "me"
        self.delivered: list[tuple[object, ...]] = []
        self.node = Cluster(
            self.link,  # type: ignore[arg-type]
            KEYS,
            self.bus,  # type: ignore[arg-type]
            self.clock,
            self.stats,
            Clients(self.delivered),
        )

    def beat(self) -> tuple[Any, ...]:
        """The heartbeat that has just been sent; its id, process, requests, whether it is new."""
        (command, self.reply) = self.link.calls.pop()
        self.assertEqual(("EVAL", module._BEAT, 2, KEYS.nodes, KEYS.requests), command[:5])
        self.assertEqual([], self.link.calls)
        return (command[5], command[7], command[8], command[9])

    def told(
        self, *alive: str, known: int = 1, requests: int = 0, dead: tuple[str, ...] = ()
    ) -> None:
        """Redis answers to it."""
        names = [[name.encode() for name in each] for each in (alive, dead)]
        self.reply.callback([known, requests, *names])

    def join(self, *others: str) -> None:
        """Redis is here, and the node has joined."""
        self.node.on_connected()
        self.assertEqual(1, self.beat()[3])
        self.told("me.1", *others, known=0)
        for _, subscribed in self.link.subscriptions:
            subscribed.callback(None)
        self.link.subscriptions.clear()

    def next_beat(self, *alive: str, **more: Any) -> None:
        """The time of another heartbeat has come, and Redis answers to it."""
        self.clock.advance(BEAT_SECONDS)
        self.beat()
        self.told(*alive, **more)

    def cleared(self) -> list[str]:
        """The nodes that were cleared since the last call."""
        calls, self.link.calls[:] = self.link.calls[:], []
        for command, reply in calls:
            self.assertEqual(("EVAL", module._CLEAR, 2), command[:3])
            self.assertEqual(KEYS.held(PART, command[5]), command[3])
            reply.callback(0)
        cleared = [command[5] for command, _ in calls]
        calls, self.link.calls[:] = self.link.calls[:], []
        for command, reply in calls:
            self.assertEqual(("EVAL", module._REMOVE, 2), command[:3])
            reply.callback(None)
        self.assertEqual(cleared, [command[5] for command, _ in calls])
        return cleared


class JoiningTests(ClusterTestCase):
    """A node comes, and goes in order."""

    def test_it_starts_the_line(self) -> None:
        self.node.start()
        self.assertTrue(self.link.started)

    def test_it_says_that_it_has_not_joined_yet(self) -> None:
        self.assertEqual("this node has not joined yet", self.node.error)
        self.link.error = "it has not been reached yet"
        status = {
            "redis": {"connected": False, "lost": 0, "error": self.link.error},
            "peers": [],
            "peersCount": 0,
        }
        self.assertEqual(status, self.node.status())

    def test_it_tells_all_when_redis_has_taken_it(self) -> None:
        self.node.on_connected()
        self.assertEqual(("me.1", "me", 0, 1), self.beat())
        self.assertEqual([], self.bus.told)
        self.told("me.1", "b.1", known=0)
        self.assertEqual(["begin me.1"], self.bus.told)
        self.assertEqual([KEYS.node("me")], [channel for channel, _ in self.link.subscriptions])
        self.assertEqual(
            {"redis": {"connected": True, "lost": 0}, "peers": ["b"], "peersCount": 1},
            self.node.status(),
        )

    def test_its_status_names_no_more_nodes_than_may_be(self) -> None:
        self.join(*(f"{number:04d}.1" for number in range(MAX_PEERS_SHOWN + 5)))
        status = self.node.status()
        self.assertEqual(MAX_PEERS_SHOWN + 5, status["peersCount"])
        self.assertEqual(self.node.peers[:MAX_PEERS_SHOWN], status["peers"])

    def test_it_beats(self) -> None:
        self.join()
        self.stats.requests = 7
        self.clock.advance(BEAT_SECONDS)
        self.assertEqual(("me.1", "me", 7, 0), self.beat())
        self.told("me.1", requests=17)
        self.assertEqual(17, self.stats.global_requests)
        self.stats.requests = 8
        self.assertEqual(18, self.stats.global_requests)
        self.assertEqual(["begin me.1"], self.bus.told)

    def test_it_measures_how_long_redis_takes_to_answer(self) -> None:
        self.join()
        self.clock.advance(BEAT_SECONDS)
        self.beat()
        self.clock.advance(0.5)
        self.told("me.1")
        latency = self.stats.redis_latency
        self.assertEqual((2, 0.5), (latency.count, latency.seconds))

    def test_it_counts_how_often_redis_became_reachable(self) -> None:
        self.join()
        self.node.on_disconnected()
        self.node.on_connected()
        self.assertEqual(2, self.stats.redis_connects)

    def test_peers_are_named_once_each_and_without_itself(self) -> None:
        self.join("b.1", "b.2", "me.0", "a.7")
        self.assertEqual(["a", "b"], self.node.peers)

    def test_it_leaves_nothing_behind(self) -> None:
        self.join()
        left = self.node.leave()
        self.assertEqual("flush", self.bus.told[-1])
        ((command, reply),) = self.link.calls
        # Of one that goes in order only the sum of its requests is kept, at last.
        self.assertEqual((module._CLEAR, KEYS.held(PART, "me.1")), (command[1], command[3]))
        self.assertFalse(self.link.stopped)
        reply.callback(3)
        command, reply = self.link.calls[-1]
        self.assertEqual((module._REMOVE, "me.1", "me", 0), (command[1], *command[5:]))
        self.assertFalse(self.link.stopped)
        reply.callback(None)
        self.successResultOf(left)
        self.assertTrue(self.link.stopped)
        self.assertEqual([], self.clock.getDelayedCalls())

    def test_it_leaves_while_a_heartbeat_is_under_way_that_finds_it_missing(self) -> None:
        self.join()
        self.clock.advance(BEAT_SECONDS)
        self.beat()
        left = self.node.leave()
        self.told(known=0)
        self.assertEqual(["me.1"], self.cleared())
        self.successResultOf(left)
        self.assertEqual([], self.clock.getDelayedCalls())

    def test_it_does_not_come_again_when_it_leaves(self) -> None:
        self.join()
        self.link.is_reachable = False
        self.node.on_disconnected()
        left = self.node.leave()
        self.successResultOf(left)
        self.link.is_reachable = True
        self.node.on_connected()
        self.assertEqual(([], []), (self.link.calls, self.clock.getDelayedCalls()))

    def test_it_leaves_though_redis_refuses(self) -> None:
        self.join()
        left = self.node.leave()
        self.link.calls.pop()[1].errback(RedisError("no"))
        self.successResultOf(left)
        self.assertTrue(self.link.stopped)


class AwayTests(ClusterTestCase):
    """Redis goes, refuses, or forgets."""

    def test_while_redis_is_away_nothing_is_sent(self) -> None:
        self.join("b.1")
        self.link.is_reachable, self.link.error = False, "gone"
        self.node.on_disconnected()
        self.clock.advance(100)
        self.assertEqual(([], []), (self.link.calls, self.clock.getDelayedCalls()))
        self.assertEqual(["begin me.1", "end"], self.bus.told)
        status = {
            "redis": {"connected": False, "lost": 0, "error": "gone"},
            "peers": [],
            "peersCount": 0,
        }
        self.assertEqual(status, self.node.status())

    def test_it_comes_back_as_another_incarnation_and_clears_the_earlier_one(self) -> None:
        self.join()
        self.node.on_disconnected()
        self.node.on_connected()
        self.assertEqual(("me.2", "me", 0, 1), self.beat())
        self.told("me.2", "me.1", known=0)
        self.assertEqual(["begin me.1", "end", "begin me.2"], self.bus.told)
        self.assertEqual([], self.node.peers)
        # Until its clients are those of the new one, nobody is to find them missing.
        self.assertEqual([], self.cleared())
        self.next_beat("me.2", "me.1")
        self.assertEqual(["me.1"], self.cleared())
        self.next_beat("me.2")
        self.assertEqual([], self.cleared())

    def test_one_that_begins_anew_again_and_again_clears_all_incarnations(self) -> None:
        self.join()
        for number in (2, 3):
            self.link.failures += 1
            self.next_beat("me.1")
            self.beat()
            self.told(f"me.{number}", known=0)
        self.assertEqual(["me.1"], self.cleared())
        self.node.leave()
        self.assertEqual(["me.2", "me.3"], self.cleared())

    def test_one_that_was_taken_for_dead_comes_back(self) -> None:
        self.join()
        self.stats.requests = 5
        self.clock.advance(BEAT_SECONDS)
        self.beat()
        self.told("b.1", known=0)
        self.assertEqual(("me.2", "me", 5, 1), self.beat())
        self.told("b.1", "me.2", known=0, requests=9)
        self.assertEqual("begin me.2", self.bus.told[-1])
        self.assertEqual(9, self.stats.global_requests)

    def test_where_a_command_has_failed_all_is_told_anew(self) -> None:
        self.join()
        self.link.failures += 1
        self.next_beat("me.1")
        self.assertEqual(("me.2", "me", 0, 1), self.beat())
        self.told("me.2", known=0)
        self.assertEqual("begin me.2", self.bus.told[-1])
        self.next_beat("me.2")
        self.assertEqual("begin me.2", self.bus.told[-1])

    def test_where_its_own_channel_cannot_be_subscribed_to_all_is_told_anew(self) -> None:
        self.node.on_connected()
        self.beat()
        self.told("me.1", known=0)
        self.link.subscriptions.pop()[1].errback(RedisError("no"))
        self.next_beat("me.1")
        self.assertEqual("me.2", self.beat()[0])

    def test_a_redis_that_refuses_is_tried_again_and_said_to(self) -> None:
        self.join("b.1")
        self.clock.advance(BEAT_SECONDS)
        self.beat()
        self.reply.errback(RedisError("OOM command not allowed"))
        self.assertEqual("end", self.bus.told[-1])
        self.assertEqual(["OOM command not allowed"], self.link.noted)
        status = {
            "redis": {"connected": False, "lost": 0, "error": "OOM command not allowed"},
            "peers": [],
            "peersCount": 0,
        }
        self.assertEqual(status, self.node.status())
        self.clock.advance(BEAT_SECONDS)
        self.assertEqual(("me.2", "me", 0, 1), self.beat())
        self.told("me.2", known=0)
        self.assertEqual(
            {"redis": {"connected": True, "lost": 0}, "peers": [], "peersCount": 0},
            self.node.status(),
        )

    def test_an_answer_to_an_earlier_incarnation_is_none(self) -> None:
        self.node.on_connected()
        self.beat()
        early = self.reply
        self.clock.advance(BEAT_SECONDS)
        self.assertEqual("me.2", self.beat()[0])
        early.callback([0, 0, [b"me.1"], []])
        self.assertEqual([], self.bus.told)
        self.told("me.2", "me.1", known=0)
        self.assertEqual(["begin me.2"], self.bus.told)

    def test_an_answer_that_comes_after_redis_refused_joins_nobody(self) -> None:
        self.join()
        self.clock.advance(BEAT_SECONDS)
        self.beat()
        first = self.reply
        self.clock.advance(BEAT_SECONDS)
        self.beat()
        first.errback(RedisError("LOADING"))
        self.told("me.1")
        self.assertEqual(["begin me.1", "end"], self.bus.told)
        self.clock.advance(BEAT_SECONDS)
        self.assertEqual("me.2", self.beat()[0])

    def test_a_call_that_fails_because_redis_goes_is_not_told_twice(self) -> None:
        self.join()
        self.clock.advance(BEAT_SECONDS)
        self.beat()
        self.link.is_reachable = False
        self.node.on_disconnected()
        self.reply.errback(RedisError("lost"))
        self.assertEqual((["begin me.1", "end"], []), (self.bus.told, self.link.noted))


class DeadTests(ClusterTestCase):
    """Others die."""

    def test_one_that_is_missing_for_two_beats_is_gone(self) -> None:
        self.join("b.1")
        self.bus.nodes = {"b.1"}
        for _ in range(5):
            self.next_beat("me.1", "b.1")
        self.next_beat("me.1", dead=("b.1",))
        self.assertEqual(["b.1"], self.cleared())
        self.assertEqual(["begin me.1"], self.bus.told)
        self.next_beat("me.1")
        self.assertEqual(["begin me.1", "drop b.1"], self.bus.told)
        self.assertEqual([], self.node.peers)
        self.next_beat("me.1")
        self.assertEqual(["begin me.1", "drop b.1"], self.bus.told)

    def test_one_that_is_there_again_is_not_gone(self) -> None:
        self.join("b.1")
        self.clock.advance(SETTLE_SECONDS)
        self.link.calls.clear()
        self.bus.nodes = {"b.1"}
        for alive in ((), ("b.1",)) * 3:
            self.next_beat("me.1", *alive)
        self.assertEqual(["begin me.1"], self.bus.told)

    def test_after_redis_came_back_the_others_have_time_to_come_back_too(self) -> None:
        self.join()
        self.bus.nodes = {"b.1"}
        beats = 0
        while "drop b.1" not in self.bus.told:
            self.next_beat("me.1")
            beats += 1
        self.assertGreaterEqual((beats - 1) * BEAT_SECONDS, SETTLE_SECONDS)
        self.assertLess(beats * BEAT_SECONDS, 15)

    def test_much_is_cleared_in_several_calls(self) -> None:
        self.join()
        self.next_beat("me.1", dead=("b.1",))
        for _ in range(2):
            ((_, reply),) = self.link.calls
            self.link.calls.clear()
            reply.callback(module.CLEARED_AT_ONCE)
        self.assertEqual(["b.1"], self.cleared())
        self.assertEqual([], self.link.calls)

    def test_keys_of_rooms_are_refreshed_in_time(self) -> None:
        self.join()
        self.bus.names = [f"r{number}" for number in range(5000)]
        for _ in range(int(module.EXPIRY_SECONDS / 2 / BEAT_SECONDS)):
            self.next_beat("me.1")
        self.assertEqual(set(self.bus.names), set(self.bus.refreshed))
        self.assertLess(len(self.bus.refreshed), 4 * len(self.bus.names))


class MessageTests(ClusterTestCase):
    """Messages to one client."""

    def test_it_goes_to_the_node_that_has_the_client(self) -> None:
        self.join()
        for number in (1, 2):
            self.node.send("0f", b'{"n":%d}\r\n' % number)
        for command, reply in self.link.calls:
            self.assertEqual(("HGET", KEYS.clients(PART), "0f"), command)
            reply.callback(b"b.3")
        self.assertEqual(
            [("PUBLISH", KEYS.node("b"), b'0f\n{"n":%d}\r\n' % number) for number in (1, 2)],
            self.link.told,
        )

    def test_for_nobody_it_goes_nowhere(self) -> None:
        self.join()
        self.node.send("0f", b"{}\r\n")
        self.link.calls.pop()[1].callback(None)
        self.node.send("\ud800", b"{}\r\n")
        self.link.calls.pop()[1].errback(RedisError("away"))
        self.link.is_reachable = False
        self.node.send("0f", b"{}\r\n")
        self.assertEqual([], self.link.told)

    def test_what_comes_over_channels_goes_where_it_belongs(self) -> None:
        self.node.on_message(KEYS.said("r").encode(), b"x")
        self.assertEqual(["heard r b'x'"], self.bus.told)
        self.node.on_message(KEYS.node("me").encode(), b'0f\n{"a":1}\r\n')
        self.assertEqual([("0f", b'{"a":1}\r\n')], self.delivered)

    def test_a_change_of_rooms_goes_to_the_node_that_has_the_client(self) -> None:
        self.join()
        self.assertIs(True, self.node.join_room("0f", "@\u2603"))
        self.assertIs(True, self.node.leave_room("0f", "@\u2603"))
        for _, reply in self.link.calls:
            reply.callback(b"b.3")
        orders = [b"0f\njoin @\xe2\x98\x83", b"0f\nleave @\xe2\x98\x83"]
        self.assertEqual([("PUBLISH", KEYS.node("b"), order) for order in orders], self.link.told)
        for order in orders:
            self.node.on_message(KEYS.node("me").encode(), order)
        self.assertEqual([("0f", b"join", "@\u2603"), ("0f", b"leave", "@\u2603")], self.delivered)

    def test_junk_on_its_channel_is_ignored(self) -> None:
        for junk in (b"", b"\n", b"0f", b"0f\n", b"0f\n{}", b"\xff\xfe\n{}", b"0f\nenter r"):
            self.node.on_message(KEYS.node("me").encode(), junk)
        self.assertEqual([], self.delivered)
