"""What `server.protocol` charges to the memory budget, and what it does when that is spent."""

from __future__ import annotations

import json
from typing import Any

from actionhero_tcp.connection import fair_queue
from actionhero_tcp.connection.estimate import json_bytes
from actionhero_tcp.connection.memory import CONNECTION_BYTES
from actionhero_tcp.server.back_pressure import MAX_BUFFERED
from actionhero_tcp.server.line_reader import LineReader
from tests.unit.server.test_protocol import Peer, ProtocolTestCase, sleep

KIB = 1024


class ChargeTests(ProtocolTestCase):
    """What is kept is charged; when it goes, it is released."""

    def held(self, peer: Peer) -> int:
        """What the client's account holds beside the connection itself."""
        account = peer.protocol._back_pressure.account
        self.assertEqual(self.factory.context.memory.held, account.held)
        return account.held - CONNECTION_BYTES

    def test_what_is_answered_at_once_is_never_charged(self) -> None:
        self.start()
        peer = self.peer()
        charged: list[int] = []
        self.patch(
            peer.protocol._back_pressure.account.__class__,
            "charge",
            lambda _, size: charged.append(size),
        )
        for line in (b"detailsView\n", b"roomView\n" * 10, b'{"action":"randomNumber"}\n'):
            peer.send(line)
        self.assertEqual([], charged)

    def test_a_line_that_is_not_complete(self) -> None:
        self.start()
        peer = self.peer()
        peer.send(b"say " + b"x" * 996)
        self.assertTrue(1000 <= self.held(peer) < 1100)
        peer.send(b"x" * 1000)
        self.assertTrue(2000 <= self.held(peer) < 2200)
        peer.send(b"\n")
        self.assertEqual(0, self.held(peer))

    def test_lines_that_wait(self) -> None:
        self.start(max_pending_actions=1)
        peer = self.peer()
        peer.send(sleep(100))
        alone = self.held(peer)
        peer.send(b"paramView ab\n" * 1000)
        self.assertGreater(self.held(peer), alone + 1000 * 48)
        self.reactor.advance(0.1)
        for _ in range(100):
            self.reactor.advance(0)
        self.assertLess(self.held(peer), 3000)

    def test_requests_whose_actions_run(self) -> None:
        self.start()
        peer = self.peer()
        text = f'{{"action":"sleepTest","params":{{"x":[{",".join(["[0]"] * 1000)}]}}}}'
        peer.send(text.encode() + b"\n")
        first = self.held(peer)
        self.assertGreater(first, json_bytes(text.encode()))
        peer.send(text.encode() + b"\n")
        self.assertEqual(2 * first, self.held(peer))
        self.reactor.advance(0.1)
        self.assertEqual(0, self.held(peer))

    def test_requests_whose_client_has_gone(self) -> None:
        self.start()
        peer = self.peer()
        account = peer.protocol._back_pressure.account
        peer.send(sleep(100) * 5 + b"paramAdd a=b\nxyz")
        peer.lose(ConnectionError())
        self.assertEqual((0, 0), (account.held, self.factory.context.memory.held))

    def test_sticky_params(self) -> None:
        self.start()
        peer = self.peer()
        peer.send(b"".join(b"paramAdd key%d=%b\n" % (n, b"x" * 150) for n in range(90)))
        for _ in range(20):
            self.reactor.advance(0)
        self.assertGreater(self.held(peer), 90 * 400)
        peer.send(b"paramsDelete\n")
        self.assertEqual(0, self.held(peer))

    def test_what_is_to_be_sent(self) -> None:
        self.start()
        peer = self.peer()
        peer.block()
        peer.send(b"detailsView\n" * 3)
        self.assertGreater(self.held(peer), 300)
        peer.unblock()
        self.assertEqual(0, self.held(peer))


class HoldTests(ProtocolTestCase):
    """A client that holds too much is not read from, and goes on later."""

    def start(self, **limits: Any) -> None:
        super().start(max_connection_memory=256 * KIB, **limits)

    def test_it_is_read_from_when_half_is_released(self) -> None:
        self.start()
        peer = self.peer()
        big = b'{"action":"sleepTest","params":{"sleepDuration":%d,"x":[%b]}}\n'
        lines = [big % (100 * n, b",".join([b"[]"] * 1000)) for n in (1, 2, 3, 4)]
        peer.send(b"".join(lines) + b"detailsView\n")
        self.assertTrue(peer.paused)
        self.assertEqual([], peer.numbers())
        for _ in range(40):
            self.reactor.advance(0.05)
        self.assertFalse(peer.paused)
        self.assertEqual([1, 2, 3, 4, 5], sorted(peer.numbers()))
        self.assertGreater(self.factory.context.stats.limited["maxConnectionMemory"], 0)

    def test_the_heaviest_is_closed_where_all_hold_too_much(self) -> None:
        self.start(max_memory=300 * KIB)
        light, heavy = self.peer(), self.peer()
        heavy.send(b"x" * 60_000)
        light.send(b"detailsView\n")
        account = self.factory.context.memory.account()
        account.charge(280 * KIB)
        self.assertTrue(heavy.gone)
        self.assertFalse(light.gone)
        self.assertEqual(1, self.factory.context.stats.closed["memory limit"])

    def test_one_that_is_held_for_too_long_is_closed(self) -> None:
        self.start(max_memory=100 * KIB, memory_timeout=5)
        peer = self.peer()
        peer.send(b"x" * 60_000)
        self.factory.context.memory.account().charge(25 * KIB)
        self.assertTrue(peer.paused)
        for _ in range(7):
            self.reactor.advance(1)
        self.assertTrue(peer.gone)

    def test_new_clients_hear_why_they_are_refused(self) -> None:
        self.start(max_memory=300 * KIB)
        account = self.factory.context.memory.account()
        account.charge(270 * KIB)
        refused = Peer(self.service, self.reactor)
        self.assertIn("no memory left", json.loads(refused.raw())["error"])
        account.release(270 * KIB)
        self.assertEqual("OK", self.peer().ask("roomChange a")["status"])


class TransportTests(ProtocolTestCase):
    """What waits in the transport itself, TLS's own bytes among it."""

    def test_past_the_bound_the_client_is_not_read_from_until_all_is_out(self) -> None:
        self.start()
        peer = self.peer()
        peer.protocol._back_pressure._buffered(MAX_BUFFERED)
        self.assertFalse(peer.paused)
        peer.protocol._back_pressure._buffered(MAX_BUFFERED + 1)
        self.assertTrue(peer.paused)
        peer.protocol._back_pressure._buffered(0)
        self.reactor.advance(0)
        self.assertFalse(peer.paused)
        self.assertEqual([1], [peer.ask("roomView")["messageCount"]])
        self.assertEqual(CONNECTION_BYTES, peer.protocol._back_pressure.account.held)

    def test_on_its_way_out_the_client_is_dropped(self) -> None:
        self.start()
        peer = self.peer()
        peer.send(b"quit\n")
        peer.protocol._back_pressure._buffered(MAX_BUFFERED + 1)
        self.assertTrue(peer.gone)


class TurnTests(ProtocolTestCase):
    """Costly lines share a slice of the loop."""

    def test_a_client_that_has_cost_much_waits_behind_one_that_has_not(self) -> None:
        self.start()
        queue = self.factory.context.queue
        dear, light = self.peer(), self.peer()
        queue.spent(dear.protocol._reader, fair_queue.PASS_SECONDS)
        self.assertTrue(queue.exhausted)
        dear.protocol.dataReceived(b"paramView a\n")
        light.protocol.dataReceived(b"paramView b\n")
        self.assertEqual(([], []), (dear.numbers(), light.numbers()))
        order: list[str] = []
        names = {dear.protocol._reader: "dear", light.protocol._reader: "light"}
        serve = LineReader.serve_waiting

        def serve_waiting(reader: LineReader) -> None:
            order.append(names[reader])
            serve(reader)

        self.patch(LineReader, "serve_waiting", serve_waiting)
        self.reactor.advance(0)
        self.assertEqual(["light", "dear"], order)
        self.assertEqual(([1], [1]), (dear.numbers(), light.numbers()))
        self.assertFalse(dear.paused)

    def test_one_that_goes_while_it_waits_is_served_nothing(self) -> None:
        self.start()
        peer = self.peer()
        self.factory.context.queue.spent(peer.protocol._reader, 1)
        peer.protocol.dataReceived(b"detailsView\n")
        peer.lose(ConnectionError())
        self.reactor.advance(0)
        self.assertEqual(0, len(self.factory.context.queue))
