"""Real nodes and a real Redis, and all that may happen to either and between them.

Waiting dominates here. So all scenarios are played at once, each with nodes and a Redis of its
own; each test gives the outcome of one.
"""

from __future__ import annotations

import itertools
import signal
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

from twisted.trial.unittest import SynchronousTestCase

from tests.support import wait_for
from tests.support.nodes import (
    ENTERED,
    LEFT,
    Member,
    Nodes,
    assert_nothing_doubled,
    converse,
    nodes,
)
from tests.support.redis_server import RedisServer

CUTS = 5
"""So often, at least, each line is cut."""


def alone(members: Sequence[Member], why: str) -> None:
    """Each node says that it is alone; its own members hear each other, and actions run.

    Args:
        members: Some of one and the same node in a row, all of one room.
        why: What the status says.
    """
    for member in members:
        wait_for(
            lambda m=member: why in m.status["redis"].get("error", "-"), "a status that says so"
        )
        assert member.status["redis"]["connected"] is False
        assert member.status["peers"] == []
        assert "randomNumber" in member.ask("randomNumber")
    for node in {id(member.node): member.node for member in members}.values():
        own = [member for member in members if member.node is node]
        assert all(member.members == sorted(each.name for each in own) for member in own)
        converse(own, f"alone {time.monotonic()}")


def joined(cluster: Nodes, members: Sequence[Member], what: str) -> None:
    """Within the time promised all is as before, and nothing was doubled."""
    cluster.agree(members, what)
    for member in members:
        wait_for(lambda m=member: m.status["redis"]["connected"] is True, "a status that says so")
        peers = len(cluster.running) - 1
        wait_for(lambda m=member, p=peers: len(m.status["peers"]) == p, "all peers")
    converse(members, f"again {what}")
    assert_nothing_doubled(members)
    cluster.assert_well()


def quiet(members: Sequence[Member]) -> None:
    """Nobody has heard that anybody came or went."""
    for member in members:
        member.catch_up()
        heard = [each["message"] for each in member.heard]
        assert ENTERED not in heard, heard
        assert LEFT not in heard, heard


def a_node_is_killed() -> None:
    """Within the time promised its clients are gone, once, and so are its keys."""
    with nodes() as three:
        members = three.members(2)
        other = three.member(0, "other")
        dying, staying = members[:2], members[2:]
        name = dying[0].status["id"]
        three.running[0].process.kill()
        three.agree(staying)
        for member in staying:
            for gone in dying:
                assert member.words(gone) == [LEFT], member.heard
        lost = (name, other.name, *(gone.name for gone in dying))
        wait_for(
            lambda: not any(word in content(three.redis) for word in lost), "keys that are cleared"
        )
        del three.running[0]
        joined(three, staying, "without one")


def content(redis: RedisServer) -> str:
    """All that is in Redis, but for the counters of requests."""
    found = []
    names = redis.keys()
    for key in names:
        command = {"hash": "HGETALL", "set": "SMEMBERS", "zset": "ZRANGE"}[kind(redis, key)]
        if not key.endswith(":requests"):
            words = ["0", "-1"] if command == "ZRANGE" else []
            found.append(f"{key} {redis.ask(command, key, *words)!r}")
    return "\n".join(found)


def kind(redis: RedisServer, key: str) -> str:
    """The type of a key; that of a hash where it has just gone."""
    found = redis.ask("TYPE", key).decode().strip().removeprefix("+")
    return "hash" if found == "none" else found


def a_node_is_stopped_and_goes_on() -> None:
    """Its clients are gone, and then back."""
    with nodes() as three:
        members = three.members(2)
        stopped, others = members[:2], members[2:]
        three.running[0].process.send_signal(signal.SIGSTOP)
        # Until it is taken for dead.
        three.agree(others)
        converse(others, "without it")
        three.running[0].process.send_signal(signal.SIGCONT)
        joined(three, members, "it goes on")
        for member in others:
            for back in stopped:
                words = [word for word in member.words(back) if word in (ENTERED, LEFT)]
                assert words == [LEFT, ENTERED], words


def redis_is_killed_and_comes_back_empty() -> None:
    """Nobody hears that anybody went, for nobody did."""
    with nodes() as three:
        members = three.members(2)
        three.redis.kill()
        alone(members, "refused")
        three.redis.start()
        joined(three, members, "an empty Redis")
        quiet(members)
        # Some come and go while it is away.
        three.redis.kill()
        alone(members, "refused")
        members.pop(0).close()
        members.append(three.member(2))
        three.redis.start()
        joined(three, members, "another empty Redis")
        for member in members[:-1]:
            heard = [each["message"] for each in member.heard]
            assert (heard.count(ENTERED), heard.count(LEFT)) == (1, 1), heard


def redis_hangs() -> None:
    """It is stopped, and goes on with all that it had."""
    with nodes() as three:
        members = three.members(2)
        three.redis.send(signal.SIGSTOP)
        for member in members:
            member.send(b"say into the void\n")
        alone(members, "not answered")
        three.redis.send(signal.SIGCONT)
        joined(three, members, "a Redis that hung")
        quiet(members)


def redis_is_flushed() -> None:
    """All is told it anew, and nobody notices."""
    with nodes() as three:
        members = three.members(2)
        for _ in range(3):
            three.redis.ask("FLUSHALL")
            converse(members, f"flushed {time.monotonic()}")
        wait_for(
            lambda: all(member.name in content(three.redis) for member in members),
            "all members in Redis",
        )
        joined(three, members, "flushed")
        quiet(members)


def redis_wants_another_password() -> None:
    """Nodes with a wrong one serve alone, and join when it is right."""
    redis = RedisServer("--requirepass", "right")
    redis.start()
    with nodes(login=":wrong", redis=redis) as three:
        members = [three.member(index) for index in (0, 0, 1, 1, 2, 2)]
        alone(members, "WRONGPASS")
        assert "wrong" not in "".join(node.log for node in three.running)
        redis.kill()
        redis.options = ("--requirepass", "wrong")
        redis.start()
        joined(three, members, "the right password")


def redis_is_full() -> None:
    """It takes nothing more for a while."""
    with nodes() as three:
        members = three.members(2)
        three.redis.ask("CONFIG", "SET", "maxmemory-policy", "noeviction")
        three.redis.ask("SET", "ballast", "x" * 2_000_000)
        three.redis.ask("CONFIG", "SET", "maxmemory", "1mb")
        alone(members, "OOM")
        # Who comes and goes meanwhile leaves no trace.
        three.member(0).close()
        three.redis.ask("CONFIG", "SET", "maxmemory", "0")
        joined(three, members, "a Redis with room")


def redis_comes_after_the_nodes() -> None:
    """Nodes start without it."""
    with nodes(redis=RedisServer()) as three:
        members = [three.member(index) for index in (0, 0, 1, 1, 2, 2)]
        alone(members, "refused")
        for member in members:
            member.forget()
        three.redis.start()
        joined(three, members, "a Redis that came late")


def the_line_of_one_node_stalls() -> None:
    """That node is alone; for the others it is dead."""
    with nodes(proxied=True) as three:
        members = three.members(2)
        apart, others = members[:2], members[2:]
        three.proxies[0].stalled = True
        alone(apart, "not answered")
        three.agree(others)
        converse(others, "without it")
        three.proxies[0].stalled = False
        joined(three, members, "a line that stalled")


def all_lines_stall_for_a_while() -> None:
    """Too short to be noticed, or not."""
    with nodes(proxied=True) as three:
        members = three.members(2)
        for seconds in (1.0, 5.0):
            for proxy in three.proxies:
                proxy.stalled = True
            time.sleep(seconds)
            for proxy in three.proxies:
                proxy.stalled = False
            joined(three, members, f"lines that stalled for {seconds:g} s")
        quiet(members)


def lines_are_cut_in_mid_message() -> None:
    """Again and again, while all talk."""
    with nodes(proxied=True) as three:
        members = three.members(2)
        for number, proxy in enumerate(three.proxies):
            proxy.cut_after = 1999 + 1000 * number
        count = itertools.count()

        def talk() -> bool:
            for member in members:
                member.ask(f"say {'x' * 100} {next(count)}")
            return all(proxy.cuts >= CUTS for proxy in three.proxies)

        wait_for(talk, f"{CUTS} cuts of each line")
        for proxy in three.proxies:
            proxy.cut_after = 0
            proxy.cut()
        joined(three, members, "lines that were cut")
        in_order(members)


def in_order(members: Sequence[Member]) -> None:
    """What they have heard of each speaker of what is numbered came in that order."""
    for member in members:
        for speaker in members:
            words = [word for word in member.words(speaker) if word.startswith("x")]
            numbers = [int(word.rpartition(" ")[2]) for word in words]
            assert numbers == sorted(set(numbers)), numbers


def lines_are_slow() -> None:
    """What takes long arrives late, but arrives."""
    with nodes(proxied=True) as three:
        for number, proxy in enumerate(three.proxies):
            proxy.delay = 0.1 + 0.2 * number
        members = [three.member(index) for index in (0, 0, 1, 1, 2, 2)]
        joined(three, members, "slow lines")
        for count in range(20):
            for member in members:
                member.ask(f"say x {count}")
        for member in members:
            for speaker in members:
                if member is not speaker:
                    wait_for(lambda m=member, s=speaker: "x 19" in m.words(s), "all of it")
        in_order(members)


SCENARIOS: tuple[Callable[[], None], ...] = (
    a_node_is_killed,
    a_node_is_stopped_and_goes_on,
    redis_is_killed_and_comes_back_empty,
    redis_hangs,
    redis_is_flushed,
    redis_wants_another_password,
    redis_is_full,
    redis_comes_after_the_nodes,
    the_line_of_one_node_stalls,
    all_lines_stall_for_a_while,
    lines_are_cut_in_mid_message,
    lines_are_slow,
)

_playing: dict[Callable[[], None], Future[None]] = {}


class FaultTests(SynchronousTestCase):
    """The outcomes; no process ends, and clients stay connected."""

    timeout = 300

    def outcome(self, scenario: Callable[[], None]) -> None:
        """Waits for the outcome of a scenario; the first one begins all."""
        if not _playing:
            pool = ThreadPoolExecutor(len(SCENARIOS))
            _playing.update((each, pool.submit(each)) for each in SCENARIOS)
        _playing[scenario].result(self.timeout)


def _test(scenario: Callable[[], None]) -> Callable[[FaultTests], None]:
    def test(self: FaultTests) -> None:
        self.outcome(scenario)

    test.__doc__ = scenario.__doc__
    return test


for _scenario in SCENARIOS:
    setattr(FaultTests, f"test_{_scenario.__name__}", _test(_scenario))
