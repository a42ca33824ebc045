"""actionHero's own Node clients, of three generations, against the installed daemon."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any

from twisted.trial.unittest import SkipTest, SynchronousTestCase

from tests.support import PATIENCE, Daemon, wait_for
from tests.support.integration import prepared_daemon, request
from tests.support.nodes import ACTIONS, Member, Nodes
from tools import node_clients

GENERATIONS = ("4", "6", "8")

OPTIONS = ("--starting-chat-rooms=hall", "--no-log-requests", "--announce-limit=0")
PENDING = ("--simultaneous-actions=5", "--pending-actions-policy=refuse")
BOTH = (
    "--listen=tcp:0:interface=127.0.0.1",
    "--listen=dialect29:tcp:0:interface=127.0.0.1",
)

FILES = {
    "public/hello.txt": b"Hello, I am\nhello.txt.\r\n",
    "actions/cluster.py": ACTIONS,
}


class NodeTestCase(SynchronousTestCase):
    """Tests that need the clients."""

    timeout = 4 * PATIENCE

    def setUp(self) -> None:
        try:
            node_clients.install()
        except subprocess.CalledProcessError as error:
            raise SkipTest(f"npm cannot install the clients: {error.stdout}") from None
        self.stack = ExitStack()
        self.addCleanup(self.stack.close)


class CallTests(NodeTestCase):
    """Every call of every client."""

    def check(self, generation: str) -> None:
        for pair in ("", "ec"):
            with prepared_daemon(FILES, "--dialect=29", *OPTIONS, *PENDING, pair=pair) as running:
                authority = running.folder / "certs" / "server-cert.pem" if pair else None
                secure = "true" if pair else "false"
                done = subprocess.run(
                    node_clients.command("calls.js", generation, str(running.port), secure),
                    env=node_clients.environment(authority),
                    capture_output=True,
                    text=True,
                    timeout=4 * PATIENCE,
                )
                seen = (done.returncode, done.stdout)
                self.assertEqual((0, "all calls passed\n"), seen, done.stderr)
                self.assertNotIn("Traceback", running.log)

    def test_4_0_1(self) -> None:
        self.check("4")

    def test_6_0_0(self) -> None:
        self.check("6")

    def test_8_0_1_as_recorded(self) -> None:
        self.check("8")


class Speaker:
    """A Node client in the room.

    Args:
        generation: Its generation.
        port: The port of its dialect.
        members: How many members it waits for.
        messages: How many messages it waits for.
    """

    def __init__(self, generation: str, port: int, members: int, messages: int) -> None:
        self.name = f"client {generation}"
        words = (generation, str(port), "false", self.name, str(members), str(messages))
        self.process = subprocess.Popen(
            node_clients.command("room.js", *words),
            env=node_clients.environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def line(self) -> str:
        """The next line that it prints."""
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def speak(self) -> None:
        """Has it speak."""
        assert self.process.stdin is not None
        self.process.stdin.write("speak\n")
        self.process.stdin.flush()

    def close(self) -> None:
        """Ends it."""
        self.process.kill()
        self.process.communicate()


class RoomTests(NodeTestCase):
    """Clients of all generations in one room; the first dialect's is one of them."""

    def converse(self, nodes: Sequence[Daemon]) -> None:
        """Has all speak, each on one of the nodes in turn, and checks what they hear."""
        members = [self.member(node) for node in nodes]
        count = len(GENERATIONS) + len(members)
        said = sorted(
            [f"client {each}" for each in GENERATIONS]
            + [f"member {index}" for index in range(len(members))]
            + ["the server"]
        )
        speakers = [
            self.speaker(each, nodes[index % len(nodes)], count, len(said))
            for index, each in enumerate(GENERATIONS)
        ]
        self.assertEqual(["ready"] * len(speakers), [speaker.line() for speaker in speakers])
        for member in members:
            wait_for(lambda m=member: len(m.members) == count, "all members")
        for speaker in speakers:
            speaker.speak()
        for index, member in enumerate(members):
            member.ask(f"say member {index} speaks")
        members[0].ask(request("announce", room="hall", text="the server speaks"))
        expected = [f"{name} speaks" for name in said]
        for speaker in speakers:
            self.assertEqual(expected, json.loads(speaker.line()), speaker.name)
        for index, member in enumerate(members):
            others = [text for text in expected if text != f"member {index} speaks"]
            wait_for(lambda m=member, o=others: heard(m) == o, f"{others} at member {index}")

    def member(self, node: Daemon) -> Member:
        """A client of the first dialect."""
        member = Member(node, "hall")
        self.stack.callback(member.close)
        return member

    def speaker(self, generation: str, node: Daemon, *counts: int) -> Speaker:
        speaker = Speaker(generation, port_29(node), *counts)
        self.stack.callback(speaker.close)
        return speaker

    def test_on_one_node(self) -> None:
        self.converse([self.stack.enter_context(prepared_daemon(FILES, *OPTIONS, *BOTH))])

    def test_on_two_nodes(self) -> None:
        self.converse(Nodes(self.stack, 2, *OPTIONS, *BOTH).running)


def port_29(node: Daemon) -> int:
    """The port of the later dialect, which is opened second."""
    listening = re.compile(r"listening on 127\.0\.0\.1:(\d+)")
    wait_for(lambda: len(listening.findall(node.log)) == 2, "two ports")
    return int(listening.findall(node.log)[1])


def heard(member: Member) -> list[Any]:
    """What a client of the first dialect has heard others say."""
    member.catch_up()
    return sorted(each["message"] for each in member.heard)
