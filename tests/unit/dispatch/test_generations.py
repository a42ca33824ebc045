"""What clients of actionHero 3.1 and 4.2 get where these differ from the documentation of 2012."""

from __future__ import annotations

import json
from typing import Any

from actionhero_tcp import ActionError
from tests import support
from tests.support.routing import RouterTestCase, Waiting, echo


def refuse(api: Any, connection: Any) -> None:
    """Refuses."""
    raise ActionError("not today", code=7)


class Generation31Tests(RouterTestCase):
    """A client of 3.1."""

    VERSION = "3.1"

    def setUp(self) -> None:
        self.waiting = Waiting()
        values: dict[tuple[str, str], Any] = {
            ("tcp_server", "compatibility"): self.VERSION,
            ("general", "simultaneous_actions"): 2,
            ("general", "pending_actions_policy"): "refuse",
            ("limits", "max_rooms"): 3,
            ("limits", "announce_delay"): 0,
        }
        self.start(echo, refuse, self.waiting.action(), values=values)

    def raw_after(self, line: bytes) -> bytes:
        """What comes back, without the number."""
        return self.raw(line).rpartition(b',"messageCount":')[0]

    def test_errors_of_actions_have_a_prefix(self) -> None:
        for line, text in (
            (b"nope", "Error: nope is not a known action."),
            (b'{"action":"nope"}', "Error: nope is not a known action."),
            (b'{"action":"say"}', "Error: say is not a known action."),
            (b"cacheTest", "Error: key is a required parameter for this action"),
        ):
            self.assertError(line, text)
        answer = self.client.ask("refuse")
        self.assertEqual(("Error: not today", 7), (answer["error"], answer["code"]))

    def test_errors_of_verbs_have_none(self) -> None:
        self.assertError(
            b"paramAdd", "paramAdd takes a param and its value, as in: paramAdd key=value"
        )
        self.assertError(
            b" roomChange", "roomChange takes the name of a room, as in: roomChange myRoom"
        )

    def test_what_was_loaded_from_the_cache_is_an_object(self) -> None:
        line = '{"action":"cacheTest","params":{"key":"k","value":"v"}}'
        results = self.client.ask(line)["cacheTestResults"]
        loaded = results["loadResp"]
        self.assertEqual(["saveResp", "sizeResp", "loadResp", "deleteResp"], list(results))
        self.assertEqual(["key", "value", "expireTimestamp", "createdAt", "readAt"], list(loaded))
        self.assertEqual(("cacheTest_k", "v"), (loaded["key"], loaded["value"]))
        self.assertEqual(5000, loaded["expireTimestamp"] - loaded["createdAt"])

    def test_details(self) -> None:
        details = self.client.ask("detailsView")["details"]
        self.assertEqual(["params", "public"], list(details))

    def test_there_is_nothing_to_listen_to(self) -> None:
        self.assertError(b"listenToRoom other", "Error: listenToRoom is not a known action.")

    def test_pending_actions_wait(self) -> None:
        self.client.send(b"wait\nwait\nwait\n")
        self.assertEqual(3, len(self.waiting.calls))

    def test_quit(self) -> None:
        self.assertEqual(b'{"status":"Bye!","context":"response"', self.raw_after(b"quit"))

    def test_the_server_stops(self) -> None:
        self.service.stopService()
        expected = {"status": "Server going down NOW", "context": "api"}
        self.assertEqual([expected], self.client.lines())


class Generation42Tests(Generation31Tests):
    """A client of 4.2."""

    VERSION = "4.2"

    def test_there_is_nothing_to_listen_to(self) -> None:
        """There is: what it takes is no action's name."""
        self.assertEqual("OK", self.client.ask("listenToRoom other")["status"])

    def test_details(self) -> None:
        for line in (b"echo", b" echo", b"nope", b'{"action":"echo"}', b'{"action":"nope"}'):
            self.raw(line)
        self.client.send(b"wait\n")
        details = self.client.ask("detailsView")["details"]
        self.assertEqual(
            ["params", "id", "connectedAt", "room", "totalActions", "pendingActions"],
            list(details),
        )
        self.assertEqual("defaultRoom", details["room"])
        self.assertEqual((6, 1), (details["totalActions"], details["pendingActions"]))

    def test_pending_actions_wait(self) -> None:
        """They do not: one too many is refused, as any action is."""
        self.client.send(b"wait\nwait\n")
        for line in (b"echo", b"nope", b'{"action":"echo"}'):
            self.assertError(line, "you have too many pending requests")
        self.assertIn("params", self.client.ask("paramsView"))
        self.waiting.end(0, None)
        self.client.raw()
        self.assertIn("params", self.client.ask("echo"))

    def test_it_hears_rooms_that_it_listens_to(self) -> None:
        ok = b'{"context":"response","status":"OK","room":"other"'
        other = support.Client(self.service, self.reactor)
        other.ask("roomChange other")
        self.assertEqual(ok, self.raw_after(b"listenToRoom other"))
        self.assertEqual(
            ok + b',"error":"you are already listening to this room"',
            self.raw_after(b"listenToRoom other"),
        )
        other.send(b"say hello\n")
        (heard,) = self.client.lines()
        self.assertEqual(("hello", "other"), (heard["message"], heard["room"]))
        self.assertEqual(1, other.ask("roomView")["roomStatus"]["membersCount"])
        self.client.send(b"say in my own room\n")
        self.assertEqual([], other.lines())
        self.client.raw()
        self.assertEqual(ok, self.raw_after(b"silenceRoom other"))
        self.assertEqual(
            ok + b',"error":"you are not listening to this room"',
            self.raw_after(b"silenceRoom other"),
        )
        other.send(b"say hello\n")
        self.assertEqual([], self.client.lines())

    def test_what_nobody_listens_to(self) -> None:
        self.assertIn("only the application", self.client.ask("listenToRoom @secret")["error"])
        self.assertIn("at most 64", self.client.ask("listenToRoom " + "x" * 65)["error"])
        self.assertIn("takes the name of a room", self.client.ask("listenToRoom")["error"])
        for number in range(3):
            self.client.ask(f"listenToRoom {number}")
        self.assertIn("at most 3 rooms", self.client.ask("listenToRoom 4")["error"])

    def test_one_that_is_gone_hears_nothing(self) -> None:
        self.client.ask("listenToRoom other")
        rooms = self.service.factory.context.rooms
        self.assertEqual(["other"], list(rooms.listening.rooms))
        self.client.transport.loseConnection()
        self.assertEqual({}, rooms.listening.rooms)

    def test_quit(self) -> None:
        self.assertEqual(
            b'{"status":"Bye!","context":"response","reason":"request"', self.raw_after(b"quit")
        )

    def test_the_server_stops(self) -> None:
        self.service.stopService()
        expected = {"status": "Bye!", "context": "response", "reason": "server shutdown"}
        self.assertEqual([expected], self.client.lines())


class BothTests(RouterTestCase):
    """Clients of the dialect of actionHero 29 on such a server."""

    def test_they_are_not_concerned(self) -> None:
        self.start(
            refuse, values={("tcp_server", "compatibility"): "4.2", ("tcp_server", "dialect"): "29"}
        )
        answer = json.loads(self.raw(b"refuse"))
        self.assertEqual("not today", answer["error"])
