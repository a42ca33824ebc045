"""Tests of `actionhero_tcp.server.connect_hooks`: clients that `@on_connect` hooks decide on."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred

from actionhero_tcp import ActionError, on_connect, on_disconnect
from tests.support.routing import SERVER_ERROR, RouterTestCase
from tests.unit.server.test_protocol import Peer


class ArrivalTests(RouterTestCase):
    """From the connection to the welcome."""

    def begin(self, *hooks: Any, **limits: Any) -> None:
        """A daemon with these hooks, and no client."""
        self.gone: list[str] = []

        @on_disconnect
        def gone(api: Any, connection: Any, reason: str) -> None:
            self.gone.append(reason)

        values = {("limits", name): value for name, value in limits.items()}
        client = self.start(*hooks, gone, values=values)
        client.transport.loseConnection()
        self.gone.clear()
        self.factory = self.service.factory
        self.factory.context.stats.closed.clear()

    def peer(self) -> Peer:
        peer = Peer(self.service, self.reactor)
        self.reactor.advance(0)
        return peer

    def test_one_that_may_come_is_welcome(self) -> None:
        seen: list[Any] = []

        @on_connect
        def note(api: Any, connection: Any) -> None:
            seen.append((connection.room, connection.id in api.connections))
            connection.attributes["seen"] = True

        self.begin(note)
        peer = self.peer()
        (welcome,) = peer.lines()
        self.assertIn("welcome", welcome)
        self.assertEqual((None, False), seen[-1])
        assert peer.protocol.connection is not None
        self.assertEqual({"seen": True}, peer.protocol.connection.attributes)
        self.assertIn("details", peer.ask("detailsView"))

    def test_what_is_sent_follows_the_welcome(self) -> None:
        kept: list[Any] = []

        @on_connect
        def greet(api: Any, connection: Any) -> None:
            connection.send({"news": 1})
            connection.send({"news": 2})
            kept.append(connection)

        self.begin(greet)
        peer = self.peer()
        welcome, *news = peer.lines()
        self.assertIn("welcome", welcome)
        self.assertEqual([1, 2], [line["news"] for line in news])
        kept[-1].send({"news": 3})
        self.reactor.advance(0)
        self.assertEqual([{"news": 3, "context": "api"}], peer.lines())

    def test_rooms_are_entered_and_left_behind_the_welcome(self) -> None:
        @on_connect
        def enrol(api: Any, connection: Any) -> None:
            connection.join("@fleet")
            connection.leave("defaultRoom")
            connection.send({"fleet": 1})
            self.assertEqual((), connection.rooms)

        @on_connect
        def check(api: Any, connection: Any) -> None:
            self.assertRaises(ValueError, connection.join, "two words")

        self.begin(enrol, check)
        peer = self.peer()
        self.assertEqual(["welcome", "fleet"], [next(iter(line)) for line in peer.lines()])
        view = peer.ask("roomView")["roomStatus"]
        self.assertEqual(("@fleet", 1), (view["room"], view["membersCount"]))

    def test_one_that_is_refused_was_in_no_room(self) -> None:
        @on_connect
        def refuse(api: Any, connection: Any) -> None:
            connection.join("@fleet")
            raise ActionError("no")

        self.begin(refuse)
        self.peer()
        self.assertEqual(0, len(self.factory.context.rooms))

    def test_too_many_rooms_are_told_in_the_log(self) -> None:
        @on_connect
        def enrol(api: Any, connection: Any) -> None:
            connection.join("@one")
            connection.join("@two")

        self.begin(enrol, max_rooms=2)
        peer = self.peer()
        self.assertEqual("defaultRoom", peer.ask("roomView")["room"])
        self.assertIn("too many rooms: a connection can be in at most 2 rooms", self.log)
        self.assertNotIn("@two", self.factory.context.rooms)

    def test_one_that_is_closed_gets_its_welcome_first(self) -> None:
        @on_connect
        def close(api: Any, connection: Any) -> None:
            connection.send({"news": 1})
            connection.close()

        self.begin(close)
        peer = self.peer()
        self.assertEqual(["welcome", "news"], [next(iter(line)) for line in peer.lines()])
        self.assertTrue(peer.half_closed)
        peer.transport.loseConnection()
        self.assertEqual(["closed by the application"], self.gone)

    def test_one_that_is_refused_hears_why_and_nothing_else(self) -> None:
        seen: list[str] = []

        @on_connect
        def refuse(api: Any, connection: Any) -> None:
            raise ActionError("not today", {"code": 403})

        @on_connect
        def second(api: Any, connection: Any) -> None:
            seen.append("second")

        self.begin(refuse, second)
        peer = self.peer()
        self.assertEqual(
            [{"context": "response", "error": "not today", "code": 403, "messageCount": 0}],
            peer.lines(),
        )
        self.assertTrue(peer.half_closed)
        peer.send(b"detailsView\n")
        self.assertEqual([], peer.lines())
        peer.transport.loseConnection()
        self.assertEqual([], self.gone)
        self.assertEqual([], seen)
        self.assertEqual({"refused by the application": 1}, dict(self.factory.context.stats.closed))
        self.assertEqual(0, len(self.factory.clients))

    def test_where_a_hook_fails_nobody_comes_in(self) -> None:
        @on_connect
        def broken(api: Any, connection: Any) -> None:
            raise ValueError("oh")

        self.begin(broken)
        (answer,) = self.peer().lines()
        self.assertEqual(SERVER_ERROR, answer["error"])
        self.assertIn("a hook of on_connect failed, its client is refused", self.log)
        self.assertIn("ValueError: oh", self.log)

    def slow(self, **limits: Any) -> list[Deferred[None]]:
        """A daemon whose hook waits."""
        waits: list[Deferred[None]] = []

        @on_connect
        async def slow(api: Any, connection: Any) -> None:
            waits.append(Deferred())
            await waits[-1]
            connection.send({"late": True})

        self.begin(slow, **limits)
        waits.clear()
        return waits

    def test_while_a_hook_waits_nothing_is_read_and_nothing_is_lost(self) -> None:
        waits = self.slow()
        peer = self.peer()
        self.assertEqual("paused", peer.transport.producerState)
        # What was on its way already, as under TLS.
        peer.protocol.dataReceived(b"detailsView\nroom")
        self.assertEqual([], peer.lines())
        waits[0].callback(None)
        self.reactor.advance(0)
        self.assertEqual("producing", peer.transport.producerState)
        welcome, late, details = peer.lines()
        self.assertIn("welcome", welcome)
        self.assertTrue(late["late"])
        self.assertEqual(1, details["messageCount"])
        self.assertEqual(2, peer.ask("View")["messageCount"])

    def test_a_hook_that_waits_may_refuse(self) -> None:
        waits = self.slow()
        peer = self.peer()
        waits[0].errback(ActionError("too late"))
        (answer,) = peer.lines()
        self.assertEqual("too late", answer["error"])
        self.assertTrue(peer.half_closed)

    def test_its_time_has_an_end(self) -> None:
        waits = self.slow(action_timeout=5.0)
        peer = self.peer()
        self.reactor.advance(5)
        (answer,) = peer.lines()
        self.assertIn("could not decide in time", answer["error"])
        self.assertTrue(waits[0].called)
        self.assertEqual({"actionTimeout": 1}, dict(self.factory.context.stats.limited))

    def test_a_client_that_goes_meanwhile_ends_it(self) -> None:
        waits = self.slow()
        peer = self.peer()
        peer.transport.loseConnection()
        self.assertTrue(waits[0].called)
        self.assertEqual({"connection lost": 1}, dict(self.factory.context.stats.closed))
        self.assertEqual([], self.gone)
        self.assertEqual(0, len(self.factory.clients))
        self.assertEqual([], self.reactor.getDelayedCalls())

    def test_a_stop_meanwhile_drops_it(self) -> None:
        waits = self.slow()
        peer = self.peer()
        self.successResultOf(self.factory.clients.drain())
        self.assertTrue(waits[0].called)
        self.assertTrue(peer.gone)
        self.assertEqual({"server stopped": 1}, dict(self.factory.context.stats.closed))
