"""Nodes with one Redis: clients come, go, move and talk, a node dies, and Redis dies once."""

from __future__ import annotations

import json
import random
import time
from collections import defaultdict
from contextlib import ExitStack
from typing import Any

from tests.faults.counts import (
    CLUSTER_CLIENTS,
    CLUSTER_NODES,
    CLUSTER_ROOMS,
    CLUSTER_SECONDS,
    CLUSTER_SLACK,
)
from tests.faults.crowd import BATCH, Crowd, LinePeer
from tests.faults.harness import FaultTestCase
from tests.support import Daemon
from tests.support.integration import connect
from tests.support.nodes import PROMISED, Nodes

SEED = 14
OUTSTANDING = 200
"""So many requests wait for their answers at most before another client acts."""


class Chatter(LinePeer):
    """A client in a room.

    Attributes:
        node: Its node.
        stays: Whether it stays in its room, and connected.
        id: Its id; empty until it knows it.
        room: Its room; empty until it is in the first of its own.
        said: How many things it has said; it says their numbers.
        waiting: What it waits for answers to, in order.
        leaving: Whether it hangs up, or has.
        counts: How much it has heard of each speaker since `forget`.
        members: The members of its room, as its node has last told it.
    """

    def __init__(self, crowd: Crowd, stream: Any, node: Daemon, room: str, stays: bool) -> None:
        super().__init__(crowd, stream)
        self.node = node
        self.stays = stays
        self.id = self.room = ""
        self.said = 0
        self.waiting: list[str] = []
        self.leaving = False
        self.counts: dict[str, int] = defaultdict(int)
        self.members: list[str] = []
        self._last: dict[str, int] = {}
        self.ask("detailsView")
        self.ask(f"roomChange {room}")

    @property
    def there(self) -> bool:
        """Whether it is in a room, and wants to be."""
        return bool(self.room) and not self.end and not self.leaving

    def ask(self, line: str) -> None:
        """Sends a line; for the answer, see `waiting`."""
        self.waiting.append(line)
        self.send(line.encode() + b"\n")

    def say(self) -> None:
        """Says the next number."""
        self.said += 1
        self.ask(f"say {self.said}")

    def act(self, chance: random.Random, rooms: list[str]) -> None:
        """Does something."""
        what = 0.0 if self.stays else chance.random()
        if what < 0.7:
            self.say()
        elif what < 0.95:
            self.ask(f"roomChange {chance.choice(rooms)}")
        else:
            self.leaving = True
            if what < 0.98:
                self.send(b"quit\n")
            else:
                self.reset()

    def forget(self) -> None:
        """Begins to count what it hears anew."""
        self.counts.clear()

    def line(self, line: bytes) -> None:
        message = json.loads(line)
        if message["context"] == "user":
            self.hear(message["from"], message["message"])
        elif message["context"] == "response" and not self.leaving:
            self.answered(self.waiting.pop(0), message)

    def hear(self, speaker: str, word: str) -> None:
        """Somebody said something, or came or went."""
        if word.isdecimal():
            number = int(word)
            assert speaker != self.id, "an echo"
            last = self._last.get(speaker, 0)
            assert number > last, f"{self.id} heard {number} of {speaker} after {last}"
            self._last[speaker] = number
            self.counts[speaker] += 1

    def answered(self, line: str, message: dict[str, Any]) -> None:
        """An answer has come, to this line."""
        assert "error" not in message, (line, message)
        if line == "detailsView":
            self.id = message["details"]["public"]["id"]
        elif line == "roomView":
            self.members = message["roomStatus"]["members"]
        elif "room" in message:
            self.room = message["room"]


class ClusterTests(FaultTestCase):
    """Whatever happens, in the end all know the same, and calm times lose nothing."""

    number = 14

    def test_nodes_and_redis_die_while_clients_come_and_go_and_talk(self) -> None:
        self.chance = random.Random(SEED)
        self.rooms = [f"room{number}" for number in range(CLUSTER_ROOMS)]
        stack = ExitStack()
        self.addCleanup(stack.close)
        self.cluster = Nodes(stack, CLUSTER_NODES, "--close-timeout=1")
        self.nodes = list(self.cluster.running)
        self.crowd = Crowd(self.nodes[0], False)
        self.addCleanup(self.crowd.close)
        self.chatters: list[Chatter] = []
        self.acts = self.delivered = 0
        self.fill()
        self.agree()
        self.calm()

        self.play(CLUSTER_SECONDS / 2)
        self.nodes.pop().process.kill()
        self.play(CLUSTER_SECONDS)
        after_node = self.agree()
        self.calm()

        self.play(CLUSTER_SECONDS / 2)
        self.cluster.redis.kill()
        self.play(CLUSTER_SECONDS)
        self.cluster.redis.start()
        self.play(1.0)
        after_redis = self.agree()
        self.calm()
        self.assertLess(max(after_node, after_redis), PROMISED + CLUSTER_SLACK)
        self.note(
            f"{CLUSTER_CLIENTS:,} clients in {CLUSTER_ROOMS} rooms of {CLUSTER_NODES} nodes talk, "
            "change rooms, come and go; one node is killed, later Redis, which comes back empty",
            f"all nodes and clients agreed on who is where {after_node:.1f} s after the clients "
            f"rested after the first, {after_redis:.1f} s after the second; of "
            f"{self.delivered:,} messages to those who stayed in times without faults none was "
            f"lost, and at no time one doubled or out of order; {self.acts:,} requests",
        )
        self.finish_nodes()

    def fill(self) -> None:
        """Lets clients in until all are there, each of those who stay in a room with others."""
        self.chatters = [each for each in self.chatters if not each.end]
        coming = sum(not each.room for each in self.chatters)
        for _ in range(min(BATCH - coming, CLUSTER_CLIENTS - len(self.chatters))):
            node = self.chance.choice(self.nodes)
            room, stays = self.chance.choice(self.rooms), self.chance.random() < 0.5
            self.chatters.append(self.crowd.adopt(Chatter, connect(node), node, room, stays))

    def play(self, seconds: float) -> None:
        """Has the clients do things for a while; who is gone is replaced."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.fill()
            outstanding = sum(len(each.waiting) for each in self.chatters)
            for _ in range(OUTSTANDING - outstanding):
                chatter = self.chance.choice(self.chatters)
                if chatter.there:
                    chatter.act(self.chance, self.rooms)
                    self.acts += 1
            self.crowd.write_batch(0.01)

    def rest(self) -> None:
        """Has all be there, and all requests answered."""

        def over() -> bool:
            self.fill()
            resting = sum(each.there and not each.waiting for each in self.chatters)
            return resting == CLUSTER_CLIENTS

        self.crowd.until(over, "answers")

    def agree(self) -> float:
        """Waits until every client is told of exactly those who are in its room.

        Returns:
            How many seconds that took.
        """
        begin = time.monotonic()
        self.rest()
        while not self.agreed():
            seconds = time.monotonic() - begin
            self.assertLess(seconds, PROMISED + CLUSTER_SLACK, "they do not agree")
            self.crowd.run(0.1)
        return time.monotonic() - begin

    def agreed(self) -> bool:
        """Whether all are told so now."""
        where: dict[str, list[str]] = defaultdict(list)
        for chatter in self.chatters:
            where[chatter.room].append(chatter.id)
            chatter.ask("roomView")
        self.rest()
        return all(sorted(each.members) == sorted(where[each.room]) for each in self.chatters)

    def calm(self) -> None:
        """A time without faults: between those who stay nothing is lost."""
        said = {}
        for chatter in self.chatters:
            chatter.forget()
            said[chatter.id] = chatter.said
        staying: dict[str, list[Chatter]] = defaultdict(list)
        for chatter in self.chatters:
            if chatter.stays:
                staying[chatter.room].append(chatter)
        self.play(CLUSTER_SECONDS)
        self.rest()
        pairs = [
            (speaker, listener)
            for room in staying.values()
            for speaker in room
            for listener in room
            if speaker is not listener
        ]

        def missing() -> int:
            return sum(s.said - said[s.id] - x.counts[s.id] for s, x in pairs)

        self.crowd.until(lambda: not missing(), "what was said")
        self.assertTrue(all(x.counts[s.id] == s.said - said[s.id] for s, x in pairs))
        heard = sum(listener.counts[speaker.id] for speaker, listener in pairs)
        self.assertGreater(heard, len(pairs))
        self.delivered += heard
        self.agree()

    def finish_nodes(self) -> None:
        """All hang up; the nodes stop in order, and leave nothing behind."""
        self.crowd.close()
        for node in self.nodes:
            self.stop(node)
        self.assertEqual([], self.cluster.redis.keys())
