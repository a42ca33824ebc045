"""What clients of actionHero 3.1 and 4.2 get where these differ from the documentation of 2012."""

from __future__ import annotations

import json
from typing import Any

from actionhero_tcp import ActionError
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
