"""Clients of both dialects on two nodes: one server, which each sees in its own form."""

from __future__ import annotations

import json
import re
import socket
from contextlib import ExitStack
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from tests.support import PATIENCE, Daemon, wait_for
from tests.support.integration import Talker, request
from tests.support.nodes import Member, Nodes

BOTH = (
    "--listen=tcp:0:interface=127.0.0.1",
    "--listen=dialect29:tcp:0:interface=127.0.0.1",
    "--starting-chat-rooms=hall",
    "--announce-limit=0",
    "--max-rooms=3",
)


class Member29(Talker):
    """A client of the later dialect, which keeps what it hears.

    Attributes:
        heard: What it has heard in rooms.
    """

    def __init__(self, node: Daemon) -> None:
        super().__init__(node_connection(node))
        self.heard: list[dict[str, Any]] = []
        self._asked = 0
        assert self.message() == {
            "welcome": "Hello! Welcome to the actionHero api",
            "context": "api",
        }

    def ask(self, line: str) -> dict[str, Any]:
        """Sends a line, and gives the answer to it."""
        self._asked += 1
        self.send(line.encode() + b"\n")
        while (message := self.message()).get("messageCount") != self._asked:
            self.heard.append(message)
        return message

    def said(self) -> list[tuple[object, object]]:
        """What it has heard so far, each with its speaker."""
        self.ask("paramsView")
        return [(each["from"], each["message"]) for each in self.heard]


def node_connection(node: Daemon) -> socket.socket:
    """A connection to the second port of a node."""
    listening = re.compile(r"listening on 127\.0\.0\.1:(\d+)")
    wait_for(lambda: len(listening.findall(node.log)) == 2, "two ports")
    return socket.create_connection(("127.0.0.1", int(listening.findall(node.log)[1])), PATIENCE)


class TwoNodesTests(SynchronousTestCase):
    """Two nodes, each with a port for each dialect."""

    def setUp(self) -> None:
        stack = ExitStack()
        self.addCleanup(stack.close)
        self.stack = stack
        self.nodes = Nodes(stack, 2, *BOTH)
        self.old = self.nodes.member(0, "hall")
        self.new = self.member_29(1)

    def member_29(self, index: int) -> Member29:
        """A new client of the later dialect on a node."""
        member = Member29(self.nodes.running[index])
        self.stack.callback(member.close)
        return member

    def meet(self, old: Member, new: Member29) -> str:
        """Waits until two clients know each other; gives the id of the second."""
        self.assertIs(True, new.ask("roomAdd hall").get("data"))
        name: str = new.ask("detailsView")["data"]["id"]
        wait_for(lambda: len(old.members) == 2, "both in the list of the first")
        wait_for(lambda: new.ask("roomView hall")["data"]["membersCount"] == 2, "and the second")
        return name

    def test_each_hears_the_other_in_its_own_form(self) -> None:
        name = self.meet(self.old, self.new)
        self.assertEqual(sorted([self.old.name, name]), self.old.members)
        self.assertEqual(
            {self.old.name, name}, set(self.new.ask("roomView hall")["data"]["members"])
        )
        self.old.ask("say old one")
        self.new.ask("say hall new one")
        self.old.ask(request("announce", room="hall", text="the server"))
        expected = [(name, "new one"), (self.old.name, "old one"), ("0", "the server")]
        wait_for(
            lambda: sorted(map(str, self.new.said())) == sorted(map(str, expected)),
            f"{expected} at the client of dialect 29",
        )
        theirs = {(name, "new one"), (0, "the server")}
        wait_for(lambda: theirs == self.heard_by_old(), f"{theirs} at the client of 2012")
        self.assertTrue(all(each["context"] == "user" for each in self.new.heard))

    def heard_by_old(self) -> set[tuple[Any, Any]]:
        self.old.catch_up()
        return {(each["from"], each["message"]) for each in self.old.heard}

    def test_rooms_of_the_other_node_exist(self) -> None:
        self.assertEqual("room does not exist", self.new.ask("roomAdd den")["error"])
        other = self.member_29(0)
        created = other.ask(json.dumps({"action": "createChatRoom", "params": {"name": "den"}}))
        self.assertIs(True, created["didCreate"])
        self.old.ask("roomChange attic")
        for room in ("den", "attic"):
            wait_for(lambda r=room: self.new.ask(f"roomAdd {r}").get("data"), f"room {room}")
        self.assertEqual(["den", "attic"], self.new.ask("detailsView")["data"]["rooms"])
        self.assertEqual("room does not exist", self.new.ask("roomAdd cellar")["error"])

    def test_limits_actions_and_counters_are_shared(self) -> None:
        for room in ("hall", "x", "y"):
            self.new.ask(json.dumps({"action": "createChatRoom", "params": {"name": room}}))
            self.assertIs(True, self.new.ask(f"roomAdd {room}")["data"])
        self.new.ask(json.dumps({"action": "createChatRoom", "params": {"name": "z"}}))
        self.assertIn("at most 3 rooms", self.new.ask("roomAdd z")["error"])
        error = "team is a required parameter for this action"
        self.assertEqual(error, self.new.ask("logIn")["error"])
        peer = self.nodes.member(1, "hall")
        counted = peer.status["socketServer"]["numberOfLocalSocketRequests"]
        self.new.ask("paramsView")
        after = peer.status["socketServer"]["numberOfLocalSocketRequests"]
        self.assertEqual(2, after - counted)
        self.assertEqual(1, peer.status["limits"]["maxRooms"])
