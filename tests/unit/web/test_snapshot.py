"""Tests of `actionhero_tcp.web.snapshot`: what the live page shows."""

from __future__ import annotations

import json

from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp.logs.request_counter import RequestCounter
from actionhero_tcp.stats import BOUNDS
from actionhero_tcp.testing import FakeServer
from actionhero_tcp.web.snapshot import Snapshot


class SnapshotTests(SynchronousTestCase):
    """The state of a server without a network."""

    def setUp(self) -> None:
        self.server = FakeServer(self)
        self.reasons: list[str] = []
        self.snapshot = Snapshot(self.server.api, RequestCounter(list, None), lambda: self.reasons)

    def test_overview(self) -> None:
        self.server.run("randomNumber")
        self.reasons = ["draining"]
        shown = json.loads(json.dumps(self.snapshot.overview({})))
        self.assertEqual(["draining"], shown["server"]["notReady"])
        self.assertEqual([self.server.api.stats.id], shown["server"]["nodes"])
        self.assertEqual(
            (1, 1, 1), tuple(shown["totals"][k] for k in ("requests", "connections", "rooms"))
        )
        self.assertEqual(len(BOUNDS) + 1, len(shown["latency"]["counts"]))

    def test_limits_have_their_values_and_how_often_each_was_reached(self) -> None:
        self.server.api.stats.limited["maxParams"] += 2
        rows = {row["name"]: row for row in self.snapshot.limits({})}
        self.assertEqual((100, 2), (rows["maxParams"]["value"], rows["maxParams"]["reached"]))
        self.assertEqual(0, rows["maxLineLength"]["reached"])

    def test_connections_are_sorted_and_paged(self) -> None:
        clients = [self.server.connect(host=f"10.0.0.{number}") for number in range(5)]
        for number, client in enumerate(clients):
            for _ in range(number):
                client.send("detailsView")
        arguments = {"sort": "requests", "descending": "true", "limit": "2", "offset": "1"}
        shown = self.snapshot.connections(arguments)
        self.assertEqual((5, 5), (shown["total"], shown["matching"]))
        rows: list[dict[str, object]] = shown["rows"]  # type: ignore[assignment]
        self.assertEqual([clients[3].id, clients[2].id], [row["id"] for row in rows])
        self.assertEqual([3, 2], [row["requests"] for row in rows])

    def test_connections_are_found_by_address_id_and_room(self) -> None:
        one, other = self.server.connect(host="10.1.1.1"), self.server.connect()
        other.send("roomChange lobby")
        for search, found in (("10.1.1", one), (other.id[:12], other), ("lobb", other)):
            shown = self.snapshot.connections({"search": search})
            rows: list[dict[str, object]] = shown["rows"]  # type: ignore[assignment]
            self.assertEqual([found.id], [row["id"] for row in rows], search)
            self.assertEqual((2, 1), (shown["total"], shown["matching"]))

    def test_nothing_that_a_connection_keeps_is_shown(self) -> None:
        client = self.server.connect(attributes={"user": "s3cret"})
        client.send("paramAdd password=s3cret")
        for read in (self.snapshot.connections, self.snapshot.overview):
            self.assertNotIn("s3cret", json.dumps(read({})))

    def test_rooms_the_largest_first_and_their_members(self) -> None:
        for _ in range(2):
            self.server.connect().send("roomChange two")
        lonely = self.server.connect()
        lonely.send("roomChange one")
        rows = self.snapshot.rooms({})["rows"]
        self.assertEqual([{"room": "two", "members": 2}, {"room": "one", "members": 1}], rows)
        members = self.snapshot.members({"room": "one"})
        self.assertEqual(1, members["total"])
        self.assertEqual(lonely.id, members["rows"][0]["id"])  # type: ignore[index]
        self.assertEqual(0, self.snapshot.members({"room": "none"})["total"])

    def test_actions_with_their_inputs(self) -> None:
        actions = {action["name"]: action for action in self.snapshot.actions({})}
        self.assertEqual(["key", "value"], actions["cacheTest"]["inputs"]["required"])  # type: ignore[index]
        self.assertEqual(sorted(actions), list(actions))

    def test_wrong_arguments_say_what_is_expected(self) -> None:
        for arguments, error in (
            ({"limit": "-1"}, "limit must be a whole number from 0 to 200"),
            ({"limit": "201"}, "limit must be a whole number from 0 to 200"),
            ({"offset": "x"}, "offset must be a whole number from 0 to 100000"),
            ({"offset": "9" * 5000}, "offset must be a whole number from 0 to 100000"),
            ({"offset": "٣"}, "offset must be a whole number from 0 to 100000"),
        ):
            raised = self.assertRaises(ValueError, self.snapshot.connections, arguments)
            self.assertEqual(error, str(raised))
        raised = self.assertRaises(ValueError, self.snapshot.connections, {"sort": "password"})
        self.assertTrue(str(raised).startswith("sort must be one of address, "), raised)
