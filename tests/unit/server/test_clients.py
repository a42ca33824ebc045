"""Who is connected, how they are welcomed, and how all of them go."""

from __future__ import annotations

import json
import os

from twisted.internet.error import ConnectionLost
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp.server.handshake import Handshake
from actionhero_tcp.server.protocol import ActionHeroProtocol
from tests import support

GOODBYE = {"status": "Server going down NOW", "context": "api"}
SLEEP = b'{"action":"sleepTest","params":{"sleepDuration":%d}}\n'


class Unending:
    """A request that cannot be ended."""

    def cancel(self) -> None:
        """Fails."""
        raise RuntimeError("not to be cancelled")

    def give_up(self, error: str) -> None:
        """Fails."""
        raise RuntimeError("not to be ended")


class ClientsTests(SynchronousTestCase):
    """Who is connected, and how all of them go."""

    def setUp(self) -> None:
        self.file = os.path.abspath(self.mktemp())
        self.service, self.reactor = support.make_service(
            {
                ("limits", "drain_timeout"): 20.0,
                ("limits", "close_timeout"): 5.0,
                ("general", "welcome_message"): "Grüß dich",
                ("general", "default_chat_room"): "hall",
                ("log", "requests"): True,
                ("log", "request_file"): self.file,
            }
        )
        self.factory = self.service.factory

    def client(self) -> support.Client:
        client = support.Client(self.service, self.reactor)
        self.reactor.advance(0)
        return client

    def lose(self, client: support.Client) -> None:
        client.protocol.connectionLost(Failure(ConnectionLost()))
        self.reactor.advance(0)

    def test_a_client_is_greeted_as_configured(self) -> None:
        greeting = (
            '{"welcome":"Grüß dich","room":"hall","context":"api","messageCount":0}\r\n'
        ).encode()
        self.assertEqual(greeting, self.client().raw())

    def test_a_client_is_in_the_default_room_and_the_others_hear_of_it(self) -> None:
        first = self.client()
        first.raw()
        second = self.client()
        (heard,) = first.lines()
        connection = second.protocol.connection
        assert connection is not None
        self.assertEqual(
            ("I have entered the room", "hall", connection.id),
            (heard["message"], heard["room"], heard["from"]),
        )
        self.assertEqual(1, len(second.lines()))

    def test_clients_are_counted_and_known_by_their_ids(self) -> None:
        clients = [self.client() for _ in range(3)]
        ids = [client.protocol.connection.id for client in clients]  # type: ignore[union-attr]
        self.assertEqual(3, len(self.factory.clients))
        self.assertEqual(ids, list(self.factory.context.connections))
        self.lose(clients[1])
        self.assertEqual(2, len(self.factory.clients))
        self.assertEqual([ids[0], ids[2]], list(self.factory.context.connections))
        stats = clients[0].ask("status")["stats"]["socketServer"]
        self.assertEqual(2, stats["numberOfLocalActiveSocketClients"])

    def test_connections_are_logged_where_that_is_asked_for(self) -> None:
        client = self.client()
        client.send(b"say a\n")
        self.lose(client)
        self.reactor.advance(1)
        with open(self.file, encoding="utf-8") as stream:
            first, request, last = stream.read().splitlines()
        self.assertIn(" connect client=", first)
        self.assertIn(" request client=", request)
        self.assertIn(" disconnect client=", last)
        self.assertIn("requests=1", last)
        self.assertIn('reason="connection lost"', last)

    def test_one_that_was_never_welcomed_is_counted_by_its_reason_alone(self) -> None:
        protocol = self.factory.buildProtocol(None)
        assert isinstance(protocol, ActionHeroProtocol)
        protocol.transport = StringTransport()
        self.factory.clients.opened(protocol)
        protocol.handshake = Handshake(protocol, protocol.transport, self.factory.context)
        self.factory.context.admission.enter()
        self.assertEqual(1, len(self.factory.clients))
        self.factory.clients.lost(protocol, None, "why")
        self.assertEqual(0, len(self.factory.clients))
        stats = self.factory.context.stats
        self.assertEqual((1, 0), (stats.closed["why"], stats.connections))

    def test_without_clients_it_is_drained_at_once(self) -> None:
        self.successResultOf(self.factory.clients.drain())
        self.assertEqual([], support.scheduled(self.reactor))

    def test_it_is_drained_when_the_last_client_is_gone(self) -> None:
        idle, busy = self.client(), self.client()
        idle.raw()
        busy.raw()
        busy.send(SLEEP % 100)
        drained = self.factory.clients.drain()
        self.assertEqual(GOODBYE, busy.lines()[0])
        self.assertEqual(GOODBYE, idle.lines()[0])
        self.assertEqual(1, len(self.factory.clients))
        self.assertNoResult(drained)
        self.reactor.advance(0.11)
        self.assertEqual(1, busy.lines()[-1]["messageCount"])
        self.successResultOf(drained)
        self.reactor.advance(1)
        self.assertEqual([], support.scheduled(self.reactor))

    def test_one_that_sends_nothing_more_hears_of_it(self) -> None:
        client = self.client()
        client.send(SLEEP % 100)
        client.protocol.readConnectionLost()
        client.raw()
        drained = self.factory.clients.drain()
        self.reactor.advance(0.11)
        goodbye, answer = client.lines()
        self.assertEqual((GOODBYE, 1), (goodbye, answer["messageCount"]))
        self.reactor.advance(1)
        self.successResultOf(drained)

    def test_actions_have_the_drain_timeout_and_no_more(self) -> None:
        client = self.client()
        client.send(SLEEP % 28_000)
        client.raw()
        drained = self.factory.clients.drain()
        self.reactor.advance(19.9)
        self.assertNoResult(drained)
        self.assertEqual([GOODBYE], client.lines())
        self.reactor.advance(0.2)
        (answer,) = client.lines()
        self.assertEqual("the action was ended, because the server goes down", answer["error"])
        self.successResultOf(drained)
        self.reactor.advance(1)
        self.assertEqual([], support.scheduled(self.reactor))

    def test_clients_that_take_nothing_have_the_close_timeout_more(self) -> None:
        client = self.client()
        client.transport.producer.pauseProducing()  # type: ignore[attr-defined]
        drained = self.factory.clients.drain()
        self.reactor.advance(20)
        self.reactor.advance(4.9)
        self.assertNoResult(drained)
        self.reactor.advance(0.2)
        self.successResultOf(drained)
        self.assertEqual(0, len(self.factory.clients))
        self.reactor.advance(1)
        self.assertEqual([], support.scheduled(self.reactor))

    def test_a_client_that_fails_holds_up_none_of_the_others(self) -> None:
        broken, busy = self.client(), self.client()
        assert broken.protocol.connection is not None
        broken.protocol.connection.action_began(Unending())
        busy.send(SLEEP % 28_000)
        busy.raw()
        drained = self.factory.clients.drain()
        self.reactor.advance(20)
        self.assertEqual(
            "the action was ended, because the server goes down", busy.lines()[-1]["error"]
        )
        self.assertNoResult(drained)
        self.reactor.advance(5)
        self.successResultOf(drained)
        self.assertEqual(0, len(self.factory.clients))
        self.assertEqual(2, len(self.flushLoggedErrors(RuntimeError)))

    def test_giving_up_after_the_last_one_has_gone_does_nothing(self) -> None:
        self.successResultOf(self.factory.clients.drain())
        self.factory.clients._give_up()
        self.reactor.advance(6)
        self.assertEqual([], support.scheduled(self.reactor))

    def test_the_rooms_of_those_that_go_are_gone_too(self) -> None:
        clients = [self.client() for _ in range(2)]
        for client in clients:
            self.lose(client)
        self.assertEqual(0, len(self.factory.context.rooms))

    def test_the_greeting_is_json(self) -> None:
        line = self.client().raw()
        self.assertEqual(["welcome", "room", "context", "messageCount"], list(json.loads(line)))
