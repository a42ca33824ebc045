"""Tests of `actionhero_tcp.redis.cluster` with real sockets or processes."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp.redis import cluster as module
from actionhero_tcp.redis.keys import Keys
from tests.support.redis_server import RedisServer

KEYS = Keys("test:")
PART = KEYS.parts[0]
CLIENTS = KEYS.clients(PART)


class ScriptTests(SynchronousTestCase):
    """The scripts, in a real Redis."""

    def setUp(self) -> None:
        self.redis = RedisServer()
        self.addCleanup(self.redis.close)
        self.redis.start()

    def beat(self, node: str, requests: int, new: bool = False) -> bytes:
        """A heartbeat; one is dead after a second."""
        process = node.partition(".")[0]
        words = [KEYS.nodes, KEYS.requests, node, "1000", process]
        return self.redis.ask(
            "EVAL", module._BEAT, "2", *words, str(requests), str(int(new)), "3600"
        )

    def clear(self, node: str, counted: int = 1000, at_once: int = 1000) -> bytes:
        """Clears what a node holds, or some of it, and removes it where that is all."""
        words = [KEYS.held(PART, node), CLIENTS, node, KEYS.any_room(PART), str(at_once)]
        cleared = self.redis.ask("EVAL", module._CLEAR, "2", *words)
        if int(cleared[1:]) < at_once:
            words = [KEYS.nodes, KEYS.requests, node, node.partition(".")[0], str(counted)]
            self.redis.ask("EVAL", module._REMOVE, "2", *words)
        return cleared

    def hold(self, node: str, client: str, room: str = "") -> None:
        """Has a node hold a client, or a member of a room."""
        self.redis.ask("HSET", KEYS.room(room) if room else CLIENTS, client, node)
        self.redis.ask("SADD", KEYS.held(PART, node), f"{client} {room}")

    def requests(self, reply: bytes) -> int:
        """The sum of all requests, as a heartbeat is told."""
        return int(reply.split(b"\r\n")[2][1:])

    def test_who_is_alive_and_who_is_dead(self) -> None:
        self.assertTrue(self.beat("a.1", 0, True).startswith(b"*4\r\n:0\r\n:0\r\n*1\r\n$3\r\na.1"))
        reply = self.beat("b.1", 0, True)
        self.assertIn(b"*2\r\n$3\r\na.1\r\n$3\r\nb.1\r\n*0", reply)
        self.redis.ask("ZADD", KEYS.nodes, "5", "a.1")
        self.assertTrue(self.beat("b.1", 0).endswith(b"*1\r\n$3\r\nb.1\r\n*1\r\n$3\r\na.1\r\n"))
        # One that is not known does not become so by itself.
        self.assertTrue(self.beat("c.1", 5).startswith(b"*4\r\n:0\r\n:0\r\n*1\r\n"))

    def test_requests_of_a_process_are_counted_once_over_its_incarnations(self) -> None:
        self.beat("a.1", 10, True)
        self.assertEqual(15, self.requests(self.beat("b.1", 5, True)))
        self.assertEqual(17, self.requests(self.beat("a.2", 12, True)))
        self.clear("a.1")
        self.assertEqual(17, self.requests(self.beat("b.1", 5)))
        # Redis is empty again: all tell what they have.
        self.redis.ask("FLUSHALL")
        self.assertEqual(12, self.requests(self.beat("a.3", 12, True)))
        self.assertEqual(18, self.requests(self.beat("b.2", 6, True)))

    def test_requests_of_the_gone_stay_in_the_sum_until_the_last_goes(self) -> None:
        self.beat("a.1", 10, True)
        self.beat("b.1", 5, True)
        self.beat("c.1", 1, True)
        self.clear("a.1")
        self.clear("b.1", counted=0)
        self.assertEqual(16, self.requests(self.beat("c.1", 1)))
        self.assertIn(b"gone\r\n$1\r\n5", self.redis.ask("HGETALL", KEYS.requests))
        self.clear("c.1", counted=0)
        self.assertEqual([], self.redis.keys())

    def test_a_node_is_cleared_of_what_is_its_own_and_no_more(self) -> None:
        self.beat("a.1", 0, True)
        self.beat("b.1", 0, True)
        for number in range(25):
            self.hold("a.1", f"c{number}")
            self.hold("a.1", f"c{number}", "r: 1\n")
        self.hold("b.1", "d", "r: 1\n")
        # It has come back under another incarnation.
        self.redis.ask("HSET", CLIENTS, "c7", "a.2")
        counts = []
        while not counts or counts[-1] == b":10\r\n":
            counts.append(self.clear("a.1", at_once=10))
        self.assertEqual([b":10\r\n"] * 5 + [b":0\r\n"], counts)
        self.assertEqual(b"*2\r\n$2\r\nc7\r\n$3\r\na.2\r\n", self.redis.ask("HGETALL", CLIENTS))
        self.assertEqual(
            b"*2\r\n$1\r\nd\r\n$3\r\nb.1\r\n", self.redis.ask("HGETALL", KEYS.room("r: 1\n"))
        )
        self.assertNotIn(KEYS.held(PART, "a.1"), self.redis.keys())

    def test_all_keys_of_a_heartbeat_expire(self) -> None:
        self.beat("a.1", 3, True)
        keys = self.redis.keys()
        self.assertEqual(2, len(keys))
        for key in keys:
            self.assertGreater(int(self.redis.ask("TTL", key)[1:]), 3000, key)
