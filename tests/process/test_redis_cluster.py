"""Two real nodes and a real Redis Cluster of three masters, of which one dies and slots move."""

from __future__ import annotations

import atexit
import contextlib
import signal
from collections.abc import Iterator
from contextlib import ExitStack

from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp.redis.keys import Keys
from actionhero_tcp.redis.rights import CLUSTER_COMMANDS
from actionhero_tcp.redis.slots import slot_of, spread_tags
from tests.support import wait_for
from tests.support.integration import request
from tests.support.nodes import ENTERED, LEFT, Member, Nodes, converse
from tests.support.redis_cluster import ClusterNode, RedisCluster

KEYS = Keys("actionhero:", spread_tags())

MOVED = "of 256 parts moved"
CONNECTED = "Redis connected (redis+cluster:"


def slot_of_room(room: str) -> int:
    """The slot that a room is in."""
    return slot_of(KEYS.room(room).partition("{")[2].partition("}")[0])


class Move:
    """One slot on its way from its master to another one.

    Args:
        cluster: The cluster.
        slot: The slot.
    """

    def __init__(self, cluster: RedisCluster, slot: int) -> None:
        self.slot = slot
        self.source = cluster.master_of(slot)
        self.target = next(each for each in cluster.masters if each is not self.source)
        self._others = cluster.masters
        self._set(self.target, "IMPORTING", self.source.id)
        self._set(self.source, "MIGRATING", self.target.id)

    def finish(self) -> None:
        """Takes the keys along, and tells all that the slot has moved."""
        while keys := self._keys():
            self.source.ask("MIGRATE", "127.0.0.1", str(self.target.port), keys[0], "0", "5000")
        for each in (self.target, self.source, *self._others):
            self._set(each, "NODE", self.target.id)

    def _keys(self) -> list[str]:
        reply = self.source.ask("CLUSTER", "GETKEYSINSLOT", str(self.slot), "10")
        return reply.decode().split("\r\n")[2::2]

    def _set(self, node: ClusterNode, *words: str) -> None:
        reply = node.ask("CLUSTER", "SETSLOT", str(self.slot), *words)
        assert reply == b"+OK\r\n", reply


class RedisClusterTests(SynchronousTestCase):
    """The tests share the cluster and the nodes; each leaves the cluster well.

    Attributes:
        cluster: The cluster.
        nodes: The nodes.
    """

    timeout = 300
    cluster: RedisCluster
    nodes: Nodes
    _stack: ExitStack | None = None

    def setUp(self) -> None:
        cls = type(self)
        if cls._stack is None:
            with ExitStack() as stack:
                cls.cluster = RedisCluster()
                stack.callback(cls.cluster.close)
                cls.cluster.start()
                cls.nodes = Nodes(stack, 2, redis=RunningCluster(cls.cluster))
                cls._stack = stack.pop_all()
            atexit.register(cls._stack.close)
        self.room = self.id().rpartition(".test_")[2][:60]

    def tearDown(self) -> None:
        self.nodes.assert_well()

    def members(self, each: int = 2, room: str = "") -> list[Member]:
        """Clients of both nodes, who have nothing to tell once the test has ended."""
        members = self.nodes.members(each, room or self.room)
        for member in members:
            self.addCleanup(member.close)
        return members

    @contextlib.contextmanager
    def logged_by_both(self, text: str) -> Iterator[None]:
        """Waits at its end until each node has logged something once more."""
        before = [node.log.count(text) for node in self.nodes.running]
        yield
        for node, count in zip(self.nodes.running, before, strict=True):
            node.wait_for_log(text, count + 1)

    def flows_again(self, members: list[Member], label: str) -> None:
        """Messages reach the other node again; no client was closed."""

        def all_hear() -> bool:
            for member in members:
                member.ask(f"say again {label}")
            pairs = [(one, other) for one in members for other in members if one is not other]
            return all(f"again {label}" in one.words(other) for one, other in pairs)

        wait_for(all_hear, f"messages after {label}")
        self.nodes.agree(members, label)
        wait_for(lambda: all(m.status["redis"]["connected"] for m in members), "Redis")
        converse(members, label)
        assert_nothing_doubled_of(members, label)

    def test_members_of_both_nodes_talk_in_rooms_of_all_masters(self) -> None:
        masters = set()
        for number in range(12):
            room = f"{self.room[:40]}-{number}"
            masters.add(self.cluster.master_of(slot_of_room(room)).port)
            members = self.members(1, room)
            converse(members, f"in {number}")
            members[0].ask("roomChange elsewhere")
            wait_for(lambda m=members: m[1].members == [m[1].name], "one to leave")
            self.assertIn(LEFT, members[1].words(members[0]))
        self.assertEqual(3, len(masters))

    def test_who_enters_is_heard_of_on_the_other_node(self) -> None:
        first, second = self.members(1)
        guest = self.nodes.member(1, self.room)
        self.nodes.agree([first, second, guest])
        self.assertEqual([ENTERED], first.words(guest))
        guest.close()
        self.nodes.agree([first, second])
        self.assertEqual([ENTERED, LEFT], first.words(guest))

    def test_a_thousand_messages_arrive_in_order(self) -> None:
        speaker, listener = self.members(1)
        speaker.send(b"".join(b"say %d\n" % number for number in range(1000)))
        wait_for(lambda: len(listener.words(speaker)) >= 1000, "all of it")
        self.assertEqual([str(number) for number in range(1000)], listener.words(speaker))

    def test_the_cache_is_that_of_both(self) -> None:
        first, second = self.members(1)
        before = first.ask(request("fetch", key="none"))["size"]
        for number in range(30):
            kept = first.ask(request("keep", key=f"k{number}", value=f"v{number}"))
            self.assertEqual("new record", kept["kept"])
        for number in range(30):
            found = second.ask(request("fetch", key=f"k{number}"))
            self.assertEqual((f"v{number}", before + 30), (found["value"], found["size"]))

    def test_an_action_reaches_a_client_of_the_other_node(self) -> None:
        first, second = self.members(1)
        first.ask(request("whisper", to=second.name, text="psst"))

        def heard() -> bool:
            second.catch_up()
            return any(each.get("whisper") == "psst" for each in second.heard)

        wait_for(heard, "the whisper")

    def test_the_nodes_know_of_each_other(self) -> None:
        first, second = self.members(1)
        ids = [member.status["id"] for member in (first, second)]
        wait_for(lambda: first.status["peers"] == [ids[1]], "a peer")
        wait_for(lambda: second.status["peers"] == [ids[0]], "a peer")
        self.assertEqual({"connected": True, "lost": 0}, first.status["redis"] | {"lost": 0})

    def test_a_slot_moves(self) -> None:
        members = self.members(1)
        move = Move(self.cluster, slot_of_room(self.room))
        # Its room is new, so the new master gets it, which the earlier one asks for.
        others = [f"{self.room[:30]}{n}" for n in range(9999)]
        other = next(each for each in others if KEYS.part(each) == KEYS.part(self.room))
        joiners = self.members(1, other)
        converse(joiners, "in a slot that moves")
        converse(members, "before")
        with self.logged_by_both(MOVED):
            move.finish()
        self.flows_again(members, "a slot moved")
        self.flows_again(joiners, "its slot moved")

    def test_the_slot_of_the_heartbeats_moves(self) -> None:
        members = self.members(1)
        move = Move(self.cluster, slot_of(spread_tags()[0]))
        with self.logged_by_both(MOVED):
            move.finish()
        self.flows_again(members, "heartbeats moved")

    def test_a_master_dies_and_its_replica_takes_over(self) -> None:
        members = self.members(2)
        master = self.cluster.master_of(slot_of_room(self.room))
        with self.logged_by_both(CONNECTED):
            master.kill()
        self.flows_again(members, "a master died")
        master.start()
        self.cluster.settle()
        self.flows_again(members, "it came back")

    def test_a_master_hangs_and_its_replica_takes_over(self) -> None:
        members = self.members(1)
        master = self.cluster.master_of(slot_of(spread_tags()[0]))
        self.addCleanup(master.send, signal.SIGCONT)
        with self.logged_by_both(CONNECTED):
            master.send(signal.SIGSTOP)
        self.flows_again(members, "a master hung")
        master.send(signal.SIGCONT)
        self.cluster.settle()
        self.flows_again(members, "it went on")

    def test_the_rights_that_are_documented_are_enough_and_those_that_lack_are_named(self) -> None:
        rules = [f"+{command}" for command in CLUSTER_COMMANDS]
        names = ["~apart:v1:*", "&apart:v1:*", "-@all"]
        user = ("ACL", "SETUSER", "node", "on", ">s3cret")
        for node in self.cluster.nodes:
            self.assertEqual(b"+OK\r\n", node.ask(*user, *names, *rules))
        login, apart = RunningCluster(self.cluster, "node:s3cret"), "--redis-prefix=apart:"
        with ExitStack() as stack:
            others = Nodes(stack, 2, apart, redis=login)
            members = others.members(1)
            converse(members, "with these rights")
            self.assertEqual(0, members[0].status["redis"]["lost"])
        for right in ("spublish", "ssubscribe", "cluster|slots"):
            for node in self.cluster.nodes:
                node.ask(*user, f"-{right}")
            with ExitStack() as stack:
                others = Nodes(stack, 1, apart, redis=login)
                log = others.running[0].wait_for_log("Redis unreachable")
                wait_for(lambda o=others, r=right: r in o.running[0].log, right)
                self.assertNotIn("s3cret", log)
            for node in self.cluster.nodes:
                node.ask(*user, f"+{right}")

    def test_a_url_that_does_not_say_that_it_is_a_cluster_is_refused_with_the_right_one(
        self,
    ) -> None:
        with ExitStack() as stack:
            node = Nodes(stack, 1, redis=RunningCluster(self.cluster)).start(
                "--redis", f"redis://127.0.0.1:{self.cluster.nodes[0].port}"
            )
            node.wait_for_log("write redis+cluster://")

    def test_nodes_that_stop_leave_nothing_and_one_that_is_killed_is_cleared(self) -> None:
        with ExitStack() as stack:
            apart = "--redis-prefix=apart:"
            others = Nodes(stack, 2, apart, redis=RunningCluster(self.cluster))
            rooms = [f"{self.room[:30]}{number}" for number in range(20)]
            stays = others.member(1, rooms[0])
            guests = [others.member(0, room) for room in rooms]
            others.agree([stays, guests[0]])
            others.running[0].process.kill()
            others.running[0].process.wait()
            others.agree([stays])
            wait_for(lambda: "apart:" in " ".join(self.cluster.all_keys()), "what is left")

            def of_the_dead() -> list[str]:
                kept = (":nodes", ":requests", ":created-rooms")
                keys = [key for key in self.cluster.all_keys() if key.startswith("apart:")]
                return [key for key in keys if not key.endswith(kept)]

            # Its own: the client's entry, what the node holds, and the room.
            wait_for(lambda: len(of_the_dead()) <= 4, "the dead one to be cleared")
            stays.close()
            others.running[1].stop()
            wait_for(lambda: not of_the_dead(), "nothing to be left")


class RunningCluster(RedisCluster):
    """A cluster that others end.

    Args:
        cluster: The cluster.
        login: The user and the password to log in with.
    """

    def __init__(self, cluster: RedisCluster, login: str = ":") -> None:
        self.nodes = cluster.nodes
        self._login = login

    @property
    def url(self) -> str:
        """See `RedisCluster.url`."""
        return super().url.replace("://", f"://{self._login}@")

    def close(self) -> None:
        """Leaves it to the others."""


def assert_nothing_doubled_of(members: list[Member], label: str) -> None:
    """Nobody has heard twice what `converse` said; the tries before it are said several times."""
    for member in members:
        words = [each["message"] for each in member.heard if each["context"] == "user"]
        said = [word for word in words if word.startswith(f"{label} ")]
        assert len(said) == len(set(said)), said
