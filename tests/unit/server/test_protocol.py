"""The protocol of one client: lines, pauses, timeouts, closing."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st
from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionAborted, ConnectionLost
from twisted.internet.interfaces import IHalfCloseableProtocol, IHandshakeListener
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.ssl import CertificateOptions
from twisted.internet.testing import StringTransport, StringTransportWithDisconnection
from twisted.protocols.basic import LineReceiver
from twisted.protocols.tls import TLSMemoryBIOFactory, TLSMemoryBIOProtocol
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from actionhero_tcp.connection import backlog
from actionhero_tcp.connection.backlog import LINES_AT_ONCE
from actionhero_tcp.net import lowest_transport
from actionhero_tcp.rooms import rooms
from actionhero_tcp.server import line_reader
from actionhero_tcp.wire import other_protocols
from tests import support
from tests.support import PROPERTY
from tools import certs

CTRL_C = b"\xff\xf4\xff\xfd\x06"
CTRL_D = b"\x04"
GOODBYE = {"status": "Server going down NOW", "context": "api"}


def sleep(ms: int) -> bytes:
    """A line that is answered so many ms later."""
    return b'{"action":"sleepTest","params":{"sleepDuration":%d}}\n' % ms


class Peer(support.Client):
    """A client whose transport half-closes and aborts as a socket does.

    Attributes:
        half_closed: Whether the server has closed its end.
        aborted: Whether the server has dropped the connection.
    """

    def __init__(self, service: Any, reactor: Any) -> None:
        self.half_closed = False
        self.aborted = False
        super().__init__(service, reactor)

    def prepare(self, transport: Any) -> None:
        transport.loseWriteConnection = self._half_close
        transport.abortConnection = self._abort

    def _half_close(self) -> None:
        self.half_closed = True

    def _abort(self) -> None:
        self.aborted = True
        self.lose(ConnectionAborted())

    def lose(self, error: Exception) -> None:
        """The connection is lost."""
        if self.transport.connected:
            self.transport.connected = False
            self.protocol.connectionLost(Failure(error))
            self.reactor.advance(0)

    @property
    def gone(self) -> bool:
        """Whether the connection is wholly closed."""
        return not self.transport.connected

    @property
    def paused(self) -> bool:
        """Whether the server has stopped to read."""
        return self.transport.producerState == "paused"

    def block(self) -> None:
        """The transport is full."""
        self.transport.producer.pauseProducing()  # type: ignore[attr-defined]

    def unblock(self) -> None:
        """The transport is empty."""
        self.transport.producer.resumeProducing()  # type: ignore[attr-defined]
        self.reactor.advance(0)

    def numbers(self) -> list[int]:
        """The numbers of the responses since the last call."""
        return [line["messageCount"] for line in self.lines() if line["context"] == "response"]


class ProtocolTestCase(SynchronousTestCase):
    """A daemon without a network, and its clients.

    Attributes:
        trusted: The proxies whose headers are believed.
    """

    trusted: tuple[str, ...] = ()

    def start(self, **limits: Any) -> None:
        """A daemon with these limits, whose turns end at the first look at the clock."""
        self.patch(backlog, "SLICE_SECONDS", 0)
        values = {("limits", name): value for name, value in limits.items()}
        folder = self.mktemp()
        os.mkdir(folder)
        self.folder = Path(folder)
        values["general", "flat_file_directory"] = folder
        values["general", "actions_directory"] = os.path.join(folder, "none")
        values["tcp_server", "trusted_proxies"] = self.trusted
        self.service, self.reactor = support.make_service(values)
        self.factory = self.service.factory

    def peer(self) -> Peer:
        """A new client, its welcome read."""
        peer = Peer(self.service, self.reactor)
        self.reactor.advance(0)
        peer.raw()
        return peer

    def closed(self) -> dict[str, int]:
        """How many connections have ended, by reason."""
        return dict(self.factory.context.stats.closed)

    def assertNothingIsLeft(self) -> None:
        """No timer runs and no client is known."""
        self.assertEqual([], support.scheduled(self.reactor))
        self.assertEqual(0, len(self.factory.clients))
        self.assertEqual({}, self.factory.context.connections)
        self.assertEqual(0, len(self.factory.context.rooms))


class LineTests(ProtocolTestCase):
    """Bytes to lines."""

    def setUp(self) -> None:
        self.start(max_line_length=64)
        self.client = self.peer()

    def say(self, size: int) -> bytes:
        """A line of so many bytes, without its end."""
        return b"say " + b"x" * (size - 4)

    def assertTooLong(self, answer: dict[str, Any], number: int) -> None:
        expected = {
            "context": "response",
            "error": "a line can be at most 64 bytes long",
            "messageCount": number,
        }
        self.assertEqual(expected, answer)

    def test_the_interfaces_of_half_close_and_handshake_are_there(self) -> None:
        self.assertTrue(verifyObject(IHandshakeListener, self.client.protocol))
        self.assertTrue(IHalfCloseableProtocol.providedBy(self.client.protocol))

    def test_each_connection_is_a_line_receiver_that_splits_by_itself(self) -> None:
        protocol = self.client.protocol
        self.assertIsInstance(protocol, LineReceiver)
        self.assertEqual(b"\n", protocol.delimiter)
        self.assertIsNot(LineReceiver.dataReceived, type(protocol).dataReceived)

    def test_being_a_line_receiver_costs_a_connection_no_memory(self) -> None:
        self.client.send(b"say a\nsay b")
        inherited = {"paused", *vars(LineReceiver)}
        self.assertEqual(set(), inherited & set(vars(self.client.protocol)))

    def test_a_whole_line_has_the_same_effect_as_its_bytes(self) -> None:
        self.client.protocol.lineReceived(b"say a")
        self.client.protocol.lineReceived(b"")
        self.client.protocol.lineReceived(b"say b\r")
        self.assertEqual([1, 2], self.client.numbers())

    def test_a_client_is_welcomed(self) -> None:
        client = Peer(self.service, self.reactor)
        self.reactor.advance(0)
        self.assertEqual(
            b'{"welcome":"Hello! Welcome to the actionHero api","room":"defaultRoom",'
            b'"context":"api","messageCount":0}\r\n',
            client.raw(),
        )

    def test_lines_end_in_lf_or_crlf(self) -> None:
        self.client.send(b"say a\nsay b\r\nsay c\n")
        self.assertEqual([1, 2, 3], self.client.numbers())

    def test_what_one_line_says_is_said_at_once_and_what_several_say_is_gathered(self) -> None:
        said: list[tuple[int, bytes]] = []

        def send_event_at_once(outboxes: Any, data: bytes) -> None:
            said.append((len(outboxes), data))

        self.patch(rooms, "send_event_at_once", send_event_at_once)
        listener = Peer(self.service, self.reactor)
        self.reactor.advance(0)
        listener.raw()
        self.client.send(b"say a\n")
        self.assertEqual([1], [count for count, _ in said])
        self.assertIn(b'"message":"a"', said[0][1])
        self.client.send(b"say b\nsay c\n")
        self.assertEqual(["b", "c"], [line["message"] for line in listener.lines()])
        self.assertEqual(1, len(said))

    def test_one_carriage_return_is_dropped_and_no_more(self) -> None:
        self.client.send(b"paramAdd k=v\r\r\nparamView k\n")
        self.assertEqual({"k": "v\r"}, self.client.lines()[1]["params"])

    def test_it_is_the_last_one_that_is_dropped_wherever_the_line_is_cut(self) -> None:
        line = b"paramAdd k=v\r\r\n"
        for cut in range(1, len(line)):
            self.client.send(line[:cut])
            self.client.send(line[cut:] + b"paramView k\n")
            self.assertEqual({"k": "v\r"}, self.client.lines()[1]["params"], cut)

    def test_empty_lines_are_neither_answered_nor_counted(self) -> None:
        self.client.send(b"\n\r\n\n\r\nsay a\n\n")
        self.assertEqual([1], self.client.numbers())

    def test_a_line_of_blanks_is_a_request(self) -> None:
        self.client.send(b"  \n")
        self.assertEqual(
            [
                {
                    "context": "response",
                    "error": "{no action} is not a known action.",
                    "messageCount": 1,
                }
            ],
            self.client.lines(),
        )

    def test_64_kib_of_empty_lines_are_nothing(self) -> None:
        for data in (b"\n" * 65536, b"\r\n" * 32768):
            self.client.send(data)
            self.assertEqual(b"", self.client.raw())
            self.assertFalse(self.client.paused)
        self.client.send(b"say a\n")
        self.assertEqual([1], self.client.numbers())

    def test_nothing_is_answered_before_the_line_ends(self) -> None:
        self.client.send(b"say a")
        self.assertEqual(b"", self.client.raw())
        self.client.send(b"\r")
        self.assertEqual(b"", self.client.raw())
        self.client.send(b"\nsay")
        self.assertEqual([1], self.client.numbers())
        self.client.send(b" b\n")
        self.assertEqual([2], self.client.numbers())

    def test_lines_up_to_the_limit_are_served(self) -> None:
        for size in (63, 64):
            for end in (b"\n", b"\r\n"):
                self.client.send(self.say(size) + end)
                self.assertEqual(["OK"], [line.get("status") for line in self.client.lines()])

    def test_a_line_above_the_limit_is_refused_and_the_next_one_served(self) -> None:
        for n, size in enumerate((65, 66, 67, 1000)):
            for m, end in enumerate((b"\n", b"\r\n")):
                number = 4 * n + 2 * m + 1
                self.client.send(self.say(size) + end + b"say a\n")
                refused, served = self.client.lines()
                self.assertTooLong(refused, number)
                self.assertEqual(number + 1, served["messageCount"])
                self.assertEqual("OK", served["status"])

    def test_the_limit_is_the_same_for_a_line_in_two_pieces(self) -> None:
        for size in (63, 64, 65, 66, 67):
            for end in (b"\n", b"\r\n"):
                for cut in (1, 4, size - 1, size, size + len(end) - 1):
                    client = self.peer()
                    data = self.say(size) + end
                    client.send(data[:cut])
                    client.send(data[cut:] + b"say a\n")
                    first, second = client.lines()
                    if size <= 64:
                        self.assertEqual("OK", first.get("status"), (size, end, cut))
                    else:
                        self.assertTooLong(first, 1)
                    self.assertEqual(("OK", 2), (second["status"], second["messageCount"]))
                    client.lose(ConnectionLost())

    def test_a_line_at_the_limit_is_not_refused_before_its_end_is_seen(self) -> None:
        self.client.send(self.say(64) + b"\r")
        self.assertEqual(b"", self.client.raw())
        self.client.send(b"\n")
        self.assertEqual("OK", self.client.lines()[0]["status"])

    def test_an_endless_line_is_refused_once_and_not_kept(self) -> None:
        answers = []
        for _ in range(200):
            self.client.send(b"x" * 60)
            answers += self.client.lines()
            self.assertLessEqual(
                sum(map(len, self.client.protocol._reader._splitter._fragments)), 65
            )
        self.assertEqual(1, len(answers))
        self.assertTooLong(answers[0], 1)
        self.assertEqual([], self.client.protocol._reader._splitter._fragments)
        self.client.send(b"xx\r\nsay a\nsa")
        self.assertEqual([2], self.client.numbers())
        self.client.send(b"y b\n")
        self.assertEqual([3], self.client.numbers())

    def test_a_long_line_byte_by_byte(self) -> None:
        self.start(max_line_length=65536)
        client = self.peer()
        line = b"say " + b"x" * 60_000
        for n in range(len(line)):
            client.protocol.dataReceived(line[n : n + 1])
        self.assertEqual(b"", client.raw())
        client.send(b"\n")
        self.assertEqual("OK", client.lines()[0]["status"])

    def test_a_session_byte_by_byte(self) -> None:
        session = b"paramAdd a=b\r\nparamsView\n\n\nsay \xe2\x98\x83\r\nrandomNumber\nnope\nquit\n"
        for n in range(len(session)):
            self.client.send(session[n : n + 1])
        self.assertEqual([1, 2, 3, 4, 5, 6], self.client.numbers())

    def test_half_lines_of_two_clients_never_mix(self) -> None:
        other = self.peer()
        self.client.raw()
        self.client.send(b"paramAdd k=")
        other.send(b"paramAdd k=o")
        self.client.send(b"mine\nparamView")
        other.send(b"thers\nparamView")
        self.client.send(b" k\n")
        other.send(b" k\n")
        self.assertEqual({"k": "mine"}, self.client.lines()[1]["params"])
        self.assertEqual({"k": "others"}, other.lines()[1]["params"])

    def test_a_burst_is_one_write(self) -> None:
        writes: list[bytes] = []
        self.client.transport.write = writes.append  # type: ignore[method-assign]
        self.client.send(b"say a\n" * 16)
        self.assertEqual([16], [data.count(b"\r\n") for data in writes])

    def test_a_burst_said_to_a_room_is_one_write_for_each_listener(self) -> None:
        writes: list[bytes] = []
        self.peer().transport.write = writes.append  # type: ignore[method-assign]
        self.client.send(b"say a\n" * 16)
        self.assertEqual([16], [data.count(b"\r\n") for data in writes])

    def test_more_lines_than_a_turn_takes_are_all_served_in_order(self) -> None:
        count = LINES_AT_ONCE * 2 + 10
        self.client.protocol.dataReceived(b"say a\n" * count)
        self.assertEqual(list(range(1, LINES_AT_ONCE + 1)), self.client.numbers())
        self.assertTrue(self.client.paused)
        self.reactor.advance(0)
        self.assertEqual(list(range(LINES_AT_ONCE + 1, count + 1)), self.client.numbers())
        self.assertFalse(self.client.paused)

    def test_others_get_their_turn_between_the_lines_of_a_burst(self) -> None:
        other = self.peer()
        self.client.protocol.dataReceived(b"detailsView\n" * (LINES_AT_ONCE + 1))
        other.protocol.dataReceived(b"detailsView\n")
        self.assertEqual([1], other.numbers())
        self.assertEqual(LINES_AT_ONCE, len(self.client.numbers()))
        self.reactor.advance(0)
        self.assertEqual([LINES_AT_ONCE + 1], self.client.numbers())

    def test_what_arrives_while_lines_wait_follows_them(self) -> None:
        self.client.protocol.dataReceived(b"say a\n" * LINES_AT_ONCE + b"say b\nsa")
        self.client.protocol.dataReceived(b"y c\nparamAdd k=last\nparamView k\n")
        self.client.protocol.dataReceived(b"x" * 100)
        self.reactor.advance(0)
        answers = self.client.lines()
        self.assertEqual(
            list(range(1, LINES_AT_ONCE + 6)), [line["messageCount"] for line in answers]
        )
        self.assertEqual({"k": "last"}, answers[-2]["params"])
        self.assertTooLong(answers[-1], LINES_AT_ONCE + 5)

    def test_a_client_lost_while_lines_wait_is_served_no_more(self) -> None:
        self.client.protocol.dataReceived(b"say a\n" * (LINES_AT_ONCE + 1))
        self.client.lose(ConnectionLost())
        self.client.raw()
        self.reactor.advance(0)
        self.assertEqual(b"", self.client.raw())
        self.client.protocol.dataReceived(b"say a\n")
        self.assertEqual(b"", self.client.raw())
        self.assertNothingIsLeft()


class InterruptTests(ProtocolTestCase):
    """Ctrl-D and telnet's Ctrl-C, with no line around them."""

    def setUp(self) -> None:
        self.start(max_line_length=64)
        self.client = self.peer()

    def assertSaysBye(self, number: int = 1) -> None:
        bye = {"status": "Bye!", "context": "response", "messageCount": number}
        self.assertEqual(bye, self.client.lines()[-1])
        self.assertTrue(self.client.half_closed)

    def test_ctrl_d_closes(self) -> None:
        self.client.send(CTRL_D)
        self.assertSaysBye()

    def test_telnets_ctrl_c_closes(self) -> None:
        self.client.send(CTRL_C)
        self.assertSaysBye()

    def test_telnets_ctrl_c_in_pieces_closes(self) -> None:
        for n in range(5):
            self.assertEqual(b"", self.client.raw())
            self.client.send(CTRL_C[n : n + 1])
        self.assertSaysBye()

    def test_with_a_line_end_they_are_answered_once(self) -> None:
        for interrupt in (CTRL_C, CTRL_D):
            self.client = self.peer()
            self.client.send(interrupt + b"\r\n")
            self.assertEqual([1], self.client.numbers())
            self.assertTrue(self.client.half_closed)

    def test_after_lines_of_the_same_chunk(self) -> None:
        self.client.send(b"say a\nsay b\n" + CTRL_D)
        self.assertSaysBye(3)

    def test_within_a_line_they_are_text(self) -> None:
        self.client.send(b"say " + CTRL_D)
        self.client.send(b"\n")
        self.assertEqual([1], self.client.numbers())
        self.assertFalse(self.client.half_closed)

    def test_at_the_start_of_a_line_that_is_too_long_they_close_too(self) -> None:
        for end in (b"", b"\n"):
            self.client = self.peer()
            self.client.send(CTRL_D + b"x" * 100 + end)
            self.assertSaysBye()

    def test_they_wait_for_their_turn_behind_lines_that_wait(self) -> None:
        self.client.protocol.dataReceived(b"say a\n" * (LINES_AT_ONCE + 1))
        self.client.send(CTRL_D)
        self.assertSaysBye(LINES_AT_ONCE + 2)

    def test_what_follows_is_not_served(self) -> None:
        self.client.send(CTRL_D + b"say a")
        self.client.send(b"\nsay a\n")
        self.assertEqual([1], self.client.numbers())


class PauseTests(ProtocolTestCase):
    """When the server stops to read."""

    def test_at_most_so_many_actions_run_and_the_rest_waits_in_order(self) -> None:
        self.start(max_pending_actions=2)
        client = self.peer()
        client.send(sleep(100) + sleep(200) + b"say a\n" + sleep(500) + b"say b\n")
        self.assertTrue(client.paused)
        self.assertEqual([], client.numbers())
        self.reactor.advance(0.11)
        self.assertEqual([1, 3], client.numbers())
        self.assertTrue(client.paused)
        self.reactor.advance(0.1)
        self.assertEqual([2, 5], client.numbers())
        self.assertFalse(client.paused)
        self.reactor.advance(0.5)
        self.assertEqual([4], client.numbers())

    def test_a_client_that_is_held_for_the_cluster_waits_in_order(self) -> None:
        self.start()
        client = self.peer()
        rooms, holds = self.factory.context.rooms, iter([True, False])
        (connection,) = self.factory.context.connections.values()
        owner = connection.owner
        say_from = rooms.say_from

        def say(*arguments: Any) -> None:
            say_from(*arguments)
            if next(holds, False):
                owner.hold_for_cluster()

        self.patch(rooms, "say_from", say)
        client.send(b"say a\nsay b\nsay c\n")
        self.assertEqual([1], client.numbers())
        self.assertTrue(client.paused)
        client.block()
        client.unblock()
        self.assertEqual([], client.numbers())
        owner.release_for_cluster()
        self.reactor.advance(0)
        self.assertEqual([2, 3], client.numbers())
        self.assertFalse(client.paused)

    def test_an_outbox_that_drains_resumes_nothing_while_too_many_actions_run(self) -> None:
        self.start(max_pending_actions=1)
        client = self.peer()
        client.send(sleep(100) + b"say a\n")
        client.block()
        client.unblock()
        self.assertTrue(client.paused)
        self.assertEqual([], client.numbers())
        self.reactor.advance(0.11)
        self.assertEqual([1, 2], client.numbers())

    def test_one_action_at_a_time_answers_in_order(self) -> None:
        self.start(max_pending_actions=1)
        client = self.peer()
        client.send(b"".join(sleep(50 - 10 * n) for n in range(5)))
        answered = []
        for _ in range(16):
            self.reactor.advance(0.0101)
            answered += client.numbers()
        self.assertEqual([1, 2, 3, 4, 5], answered)
        self.assertFalse(client.paused)

    def test_nothing_is_lost_when_more_arrives_while_paused(self) -> None:
        self.start(max_pending_actions=1)
        client = self.peer()
        client.send(sleep(10))
        for n in range(5):
            client.send(b"paramAdd k=%d\nparamView" % n)
            client.send(b" k\n")
        self.assertEqual([], client.numbers())
        self.reactor.advance(0.011)
        answers = client.lines()
        self.assertEqual(list(range(1, 12)), [line["messageCount"] for line in answers])
        self.assertEqual(
            ["0", "1", "2", "3", "4"], [line["params"]["k"] for line in answers if "params" in line]
        )

    def test_a_client_that_does_not_read_its_answers_is_not_read_from(self) -> None:
        self.start()
        client = self.peer()
        client.block()
        client.send(b"paramAdd k=" + b"v" * 10_000 + b"\n" + b"paramsView\n" * 20)
        self.assertTrue(client.paused)
        self.assertEqual(b"", client.raw())
        served = self.factory.context.stats.requests
        self.assertLess(served, 10)
        client.unblock()
        self.assertEqual(list(range(1, 22)), client.numbers())
        self.assertFalse(client.paused)

    def test_it_stays_paused_while_what_is_served_then_fills_it_again(self) -> None:
        self.start()
        client = self.peer()
        client.block()
        client.send(b"paramAdd k=" + b"v" * 10_000 + b"\n" + b"paramsView\n" * 20)
        numbers = []
        for _ in range(10):
            client.transport.write = (  # type: ignore[method-assign]
                lambda data: (StringTransport.write(client.transport, data), client.block())
            )
            client.unblock()
            numbers += client.numbers()
        self.assertEqual(list(range(1, 22)), numbers)

    def test_what_others_said_and_is_out_by_now_holds_up_nobody(self) -> None:
        self.start()
        client, other = self.peer(), self.peer()
        client.block()
        other.send((b"say " + b"x" * 50_000 + b"\n") * 2)
        client.unblock()
        client.raw()
        client.send(b"say a\nsay b\n")
        client.send(b"say c\n")
        self.assertEqual([1, 2, 3], client.numbers())
        self.assertFalse(client.paused)

    def test_a_late_answer_that_filled_the_outbox_and_is_out_by_now_holds_up_nobody(self) -> None:
        self.start()
        client = self.peer()
        client.send(sleep(10))
        connection = client.protocol.connection
        assert connection is not None
        client.block()
        connection.send({"much": "x" * 100_000})
        self.reactor.advance(0.011)
        client.unblock()
        client.raw()
        client.send(b"say a\nsay b\n")
        client.send(b"say c\n")
        self.assertEqual([2, 3, 4], client.numbers())
        self.assertFalse(client.paused)

    def test_an_action_that_ends_while_the_outbox_is_full_resumes_nothing(self) -> None:
        self.start(max_pending_actions=100)
        client = self.peer()
        client.block()
        client.send(sleep(10) + b"paramAdd k=" + b"v" * 16_000 + b"\n" + b"paramsView\n" * 20)
        served = self.factory.context.stats.requests
        self.reactor.advance(0.011)
        self.assertEqual(served, self.factory.context.stats.requests)
        self.assertTrue(client.paused)

    def test_two_files_are_as_many_as_wait(self) -> None:
        self.start()
        (self.folder / "a.txt").write_bytes(b"A" * 10 + b"\r\n")
        client = self.peer()
        client.protocol.dataReceived(b'{"action":"file","params":{"fileName":"a.txt"}}\n' * 5)
        self.assertTrue(client.paused)
        self.assertEqual(2, self.factory.context.stats.requests)
        self.reactor.advance(0)
        self.assertEqual((b"A" * 10 + b"\r\n") * 5, client.raw())
        self.assertFalse(client.paused)

    def test_a_file_then_a_verb_in_one_chunk(self) -> None:
        self.start()
        content = os.urandom(200_000)
        (self.folder / "a.bin").write_bytes(content)
        client = self.peer()
        client.send(b"paramAdd fileName=a.bin\n")
        client.raw()
        client.send(b"file\nsay a\n")
        expected = b'{"context":"response","status":"OK","messageCount":3}\r\n'
        self.assertEqual(content + expected, client.raw())

    def test_nothing_of_another_comes_between_the_bytes_of_a_file(self) -> None:
        self.start()
        content = os.urandom(200_000)
        (self.folder / "a.bin").write_bytes(content)
        client, other = self.peer(), self.peer()
        client.raw()
        client.protocol.dataReceived(b'{"action":"file","params":{"fileName":"a.bin"}}\n')
        other.protocol.dataReceived(b"say hello\n")
        self.reactor.advance(0)
        data = client.raw()
        self.assertEqual(content, data[: len(content)])
        self.assertEqual("hello", json.loads(data[len(content) :])["message"])


class SlowClientTests(ProtocolTestCase):
    """Who does not read."""

    def test_a_slow_consumer_is_closed_and_the_others_live_on(self) -> None:
        self.start(max_outbox_bytes=200_000)
        slow, speaker, listener = self.peer(), self.peer(), self.peer()
        slow.block()
        said = 0
        while not slow.gone and said < 50:
            speaker.send(b"say " + b"x" * 50_000 + b"\n")
            said += 1
        self.assertEqual(4, said)
        self.assertTrue(slow.aborted)
        self.assertEqual({"slow consumer": 1}, self.closed())
        self.assertFalse(listener.gone)
        left = listener.lines()[-1]
        self.assertEqual("I have left the room", left["message"])
        self.assertEqual([1, 2, 3, 4], speaker.numbers())

    def test_without_progress_the_write_timeout_closes(self) -> None:
        self.start(write_timeout=30.0)
        client = self.peer()
        client.block()
        self.reactor.advance(29.9)
        self.assertFalse(client.gone)
        self.reactor.advance(0.2)
        self.assertTrue(client.aborted)
        self.assertEqual({"write timeout": 1}, self.closed())
        self.assertNothingIsLeft()

    def test_with_progress_it_does_not(self) -> None:
        self.start(write_timeout=30.0)
        client = self.peer()
        client.block()
        wire: Any = client.transport
        for n in range(1, 5):
            wire.taken_bytes = n
            self.reactor.advance(30)
            self.assertFalse(client.gone)
        self.reactor.advance(30)
        self.assertTrue(client.aborted)

    def test_a_client_that_reads_in_time_is_left_alone(self) -> None:
        self.start(write_timeout=30.0)
        client = self.peer()
        client.block()
        self.reactor.advance(20)
        client.unblock()
        self.reactor.advance(100)
        self.assertFalse(client.gone)
        self.assertEqual([], support.scheduled(self.reactor))

    def test_each_block_has_the_whole_time_unless_the_last_one_was_just_before(self) -> None:
        self.start(write_timeout=30.0)
        client = self.peer()
        client.block()
        client.unblock()
        self.reactor.advance(31)
        client.block()
        self.reactor.advance(29)
        self.assertFalse(client.gone)
        self.reactor.advance(1.1)
        self.assertTrue(client.gone)

    def test_blocking_again_and_again_runs_one_timer(self) -> None:
        self.start()
        client = self.peer()
        for _ in range(3):
            client.block()
            client.unblock()
        self.assertEqual(1, len(support.scheduled(self.reactor)))

    def test_a_lost_client_leaves_no_timer(self) -> None:
        self.start()
        client = self.peer()
        client.block()
        client.lose(ConnectionLost())
        self.assertNothingIsLeft()


class QuitTests(ProtocolTestCase):
    """`quit`, and what is still to be done then."""

    def setUp(self) -> None:
        self.start(close_timeout=5.0)
        self.client = self.peer()

    def test_it_says_bye_and_closes_our_end(self) -> None:
        self.client.send(b"quit\n")
        self.assertEqual(
            b'{"status":"Bye!","context":"response","messageCount":1}\r\n', self.client.raw()
        )
        self.assertTrue(self.client.half_closed)
        self.assertIsNone(self.client.transport.producer)
        self.assertFalse(self.client.gone)

    def test_the_reason_is_counted_once_the_client_has_hung_up(self) -> None:
        self.client.send(b"quit\n")
        self.client.protocol.readConnectionLost()
        self.assertTrue(self.client.gone)
        self.assertEqual({"quit": 1}, self.closed())
        self.assertNothingIsLeft()

    def test_a_client_that_does_not_hang_up_is_hung_up_on(self) -> None:
        self.client.send(b"quit\n")
        self.reactor.advance(4.9)
        self.assertFalse(self.client.gone)
        self.reactor.advance(0.2)
        self.assertTrue(self.client.gone)
        self.assertFalse(self.client.aborted)
        self.assertNothingIsLeft()

    def test_one_that_does_not_take_its_last_lines_is_dropped(self) -> None:
        self.patch(lowest_transport, "is_drained", lambda _: False)
        self.client.send(b"quit\n")
        self.reactor.advance(5.1)
        self.assertTrue(self.client.aborted)
        self.assertNothingIsLeft()

    def test_one_that_still_takes_them_gets_more_time(self) -> None:
        self.patch(lowest_transport, "is_drained", lambda _: False)
        self.client.send(b"quit\n")
        wire: Any = self.client.transport
        for n in range(1, 4):
            wire.taken_bytes = n
            self.reactor.advance(5)
            self.assertFalse(self.client.gone)
        self.reactor.advance(5)
        self.assertTrue(self.client.aborted)

    def test_what_the_client_still_sends_is_read_and_dropped(self) -> None:
        self.client.send(b"quit\nsay a\n")
        self.assertEqual([1], self.client.numbers())
        self.assertFalse(self.client.paused)
        self.client.send(b"say a\n")
        self.assertEqual(b"", self.client.raw())
        self.assertEqual(1, self.factory.context.stats.requests)

    def test_pending_actions_are_answered_first(self) -> None:
        self.client.send(sleep(100) + sleep(200) + b"quit\n")
        self.assertEqual([3], self.client.numbers())
        self.assertFalse(self.client.half_closed)
        self.reactor.advance(0.11)
        self.assertEqual([1], self.client.numbers())
        self.assertFalse(self.client.half_closed)
        self.reactor.advance(0.11)
        self.assertEqual([2], self.client.numbers())
        self.assertTrue(self.client.half_closed)

    def test_what_waits_in_the_outbox_goes_out_first(self) -> None:
        self.client.block()
        self.client.send(b"say a\nquit\n")
        self.assertFalse(self.client.half_closed)
        self.client.unblock()
        self.assertEqual([1, 2], self.client.numbers())
        self.assertTrue(self.client.half_closed)

    def test_a_file_goes_out_first(self) -> None:
        content = os.urandom(300_000)
        (self.folder / "a.bin").write_bytes(content)
        self.client.protocol.dataReceived(
            b'{"action":"file","params":{"fileName":"a.bin"}}\nquit\n'
        )
        self.assertFalse(self.client.half_closed)
        self.reactor.advance(0)
        bye = b'{"status":"Bye!","context":"response","messageCount":2}\r\n'
        self.assertEqual(content + bye, self.client.raw())
        self.assertTrue(self.client.half_closed)

    def test_it_leaves_the_room_at_once_and_once(self) -> None:
        other = self.peer()
        self.client.send(sleep(100) + b"quit\n")
        self.assertEqual(["I have left the room"], [line["message"] for line in other.lines()])
        self.reactor.advance(0.11)
        self.client.protocol.readConnectionLost()
        self.assertTrue(self.client.gone)
        self.assertEqual([], other.lines())

    def test_quitting_twice_is_once(self) -> None:
        self.client.send(sleep(100) + b"quit\nquit\n")
        self.client.send(b"exit\n")
        self.assertEqual([2], self.client.numbers())
        self.client.protocol.close("again")
        self.client.lose(ConnectionLost())
        self.assertEqual({"quit": 1}, self.closed())

    def test_the_application_can_close(self) -> None:
        connection = self.client.protocol.connection
        assert connection is not None
        self.client.send(sleep(100))
        connection.close("kicked")
        self.reactor.advance(0)
        self.assertFalse(self.client.half_closed)
        self.reactor.advance(0.11)
        self.assertEqual([1], self.client.numbers())
        self.assertTrue(self.client.half_closed)
        self.client.protocol.readConnectionLost()
        self.assertEqual({"kicked": 1}, self.closed())

    def test_closing_what_is_gone_does_nothing(self) -> None:
        self.client.lose(ConnectionLost())
        self.client.protocol.close("late")
        self.assertEqual({"connection lost": 1}, self.closed())
        self.assertNothingIsLeft()

    def test_writeConnectionLost_is_taken_calmly(self) -> None:
        self.client.send(b"quit\n")
        self.client.protocol.writeConnectionLost()
        self.assertFalse(self.client.gone)


class HalfCloseTests(ProtocolTestCase):
    """A client that closes its end and waits for its answers."""

    def setUp(self) -> None:
        self.start(close_timeout=5.0, max_pending_actions=2)
        self.client = self.peer()

    def test_with_nothing_asked_it_is_closed(self) -> None:
        self.client.protocol.readConnectionLost()
        self.reactor.advance(0)
        self.assertTrue(self.client.gone)
        self.assertEqual({"client closed": 1}, self.closed())
        self.assertNothingIsLeft()

    def test_half_a_line_is_no_request(self) -> None:
        self.client.send(b"say a")
        self.client.protocol.readConnectionLost()
        self.reactor.advance(0)
        self.assertEqual(b"", self.client.raw())
        self.assertTrue(self.client.gone)

    def test_pending_actions_are_answered_first(self) -> None:
        self.client.send(sleep(100))
        self.client.protocol.readConnectionLost()
        self.reactor.advance(0)
        self.assertFalse(self.client.gone)
        self.reactor.advance(0.11)
        self.assertEqual([1], self.client.numbers())
        self.assertTrue(self.client.gone)
        self.assertNothingIsLeft()

    def test_actions_that_take_too_long_for_that_end_in_an_error(self) -> None:
        self.client.send(sleep(8000))
        self.client.protocol.readConnectionLost()
        self.reactor.advance(4.9)
        self.assertFalse(self.client.gone)
        self.reactor.advance(0.2)
        (answer,) = self.client.lines()
        self.assertIn("client has closed", answer["error"])
        self.assertEqual(1, answer["messageCount"])
        self.assertTrue(self.client.gone)
        self.assertNothingIsLeft()

    def test_lines_that_wait_are_served_first(self) -> None:
        self.client.send(sleep(100) + sleep(200) + b"say a\n" + sleep(50) + b"say b\n")
        self.client.protocol.readConnectionLost()
        self.reactor.advance(0)
        self.assertFalse(self.client.gone)
        numbers = []
        for _ in range(5):
            self.reactor.advance(0.051)
            numbers += self.client.numbers()
        self.assertEqual([1, 2, 3, 4, 5], sorted(numbers))
        self.assertTrue(self.client.gone)
        self.assertNothingIsLeft()

    def test_what_waits_in_the_outbox_goes_out_first(self) -> None:
        self.client.block()
        self.client.send(b"say a\n")
        self.client.protocol.readConnectionLost()
        self.reactor.advance(0)
        self.assertFalse(self.client.gone)
        self.client.unblock()
        self.assertEqual([1], self.client.numbers())
        self.assertTrue(self.client.gone)

    def test_after_quit_with_pending_actions_the_answers_still_come(self) -> None:
        self.client.send(sleep(100) + b"quit\n")
        self.client.protocol.readConnectionLost()
        self.assertFalse(self.client.gone)
        self.reactor.advance(0.11)
        self.assertEqual([2, 1], self.client.numbers())
        self.assertTrue(self.client.gone)
        self.assertEqual({"quit": 1}, self.closed())
        self.assertNothingIsLeft()

    def test_it_leaves_the_room_at_once(self) -> None:
        other = self.peer()
        self.client.send(sleep(100))
        self.client.protocol.readConnectionLost()
        self.assertEqual(["I have left the room"], [line["message"] for line in other.lines()])


class DrainTests(ProtocolTestCase):
    """A server that stops."""

    def setUp(self) -> None:
        self.start(close_timeout=5.0, drain_timeout=20.0, max_pending_actions=2)
        self.client = self.peer()

    def test_it_says_goodbye_and_closes(self) -> None:
        self.factory.clients.drain()
        self.assertEqual([GOODBYE], self.client.lines())
        self.assertTrue(self.client.half_closed)
        self.assertFalse(self.client.paused, "would not notice that the client hangs up")
        self.client.protocol.readConnectionLost()
        self.assertEqual({"server stopped": 1}, self.closed())

    def test_what_has_been_asked_is_answered(self) -> None:
        self.client.send(sleep(100) + sleep(150) + b"say a\n" + sleep(80))
        self.factory.clients.drain()
        self.assertEqual([GOODBYE], self.client.lines())
        self.assertTrue(self.client.paused)
        self.client.send(b"say late\n")
        steps_while_busy = 0
        for _ in range(25):
            self.reactor.advance(0.0101)
            if not self.client.half_closed:
                steps_while_busy += 1
                self.assertTrue(self.client.paused, "reads on while it stops")
        self.assertGreater(steps_while_busy, 10)
        self.assertEqual([1, 2, 3, 4], sorted(self.client.numbers()))
        self.assertTrue(self.client.half_closed)

    def test_a_client_that_has_quit_hears_no_goodbye(self) -> None:
        self.client.send(sleep(100) + b"quit\n")
        self.client.raw()
        self.factory.clients.drain()
        self.assertEqual([], self.client.lines())
        self.reactor.advance(0.11)
        self.assertEqual([1], self.client.numbers())
        self.client.protocol.readConnectionLost()
        self.assertEqual({"quit": 1}, self.closed())

    def test_actions_that_do_not_end_are_given_up(self) -> None:
        self.client.send(sleep(25_000) + sleep(26_000) + b"say never\n")
        self.factory.clients.drain()
        self.reactor.advance(19.9)
        self.assertEqual([GOODBYE], self.client.lines())
        self.reactor.advance(0.2)
        answers = self.client.lines()
        self.assertEqual([1, 2], sorted(line["messageCount"] for line in answers))
        for line in answers:
            self.assertIn("the server goes down", line["error"])
        self.assertTrue(self.client.half_closed)

    def test_a_client_that_takes_nothing_is_dropped_in_the_end(self) -> None:
        self.client.block()
        self.client.send(sleep(25_000))
        done = self.factory.clients.drain()
        self.reactor.advance(20)
        self.assertFalse(self.client.gone)
        self.reactor.advance(5.1)
        self.assertTrue(self.client.aborted)
        self.successResultOf(done)
        self.assertNothingIsLeft()

    def test_giving_up_on_a_client_that_is_gone_does_nothing(self) -> None:
        self.client.lose(ConnectionLost())
        self.client.protocol.give_up("late")
        self.assertNothingIsLeft()

    def test_a_half_closed_client_gets_its_answers_and_the_goodbye(self) -> None:
        self.client.send(sleep(100) + sleep(100) + b"say a\n")
        self.client.protocol.readConnectionLost()
        self.factory.clients.drain()
        self.reactor.advance(0.11)
        lines = self.client.lines()
        self.assertEqual(GOODBYE, lines[0])
        self.assertEqual([1, 2, 3], sorted(line["messageCount"] for line in lines[1:]))
        self.assertTrue(self.client.gone)


class LossTests(ProtocolTestCase):
    """Connections that are lost."""

    def setUp(self) -> None:
        self.start()
        self.client = self.peer()

    def test_pending_actions_are_cancelled_and_answer_nobody(self) -> None:
        self.client.send(sleep(1000) + sleep(2000))
        connection = self.client.protocol.connection
        assert connection is not None
        self.assertEqual(2, len(connection.pending))
        self.client.lose(ConnectionLost())
        self.assertEqual(set(), connection.pending)
        self.assertEqual(b"", self.client.raw())
        self.assertNothingIsLeft()

    def test_it_leaves_its_room_once(self) -> None:
        other = self.peer()
        connection = self.client.protocol.connection
        assert connection is not None
        self.client.lose(ConnectionLost())
        (left,) = other.lines()
        self.assertEqual(
            ("I have left the room", connection.id, "user"),
            (left["message"], left["from"], left["context"]),
        )
        other.send(b"roomView\n")
        self.assertEqual(1, other.lines()[0]["roomStatus"]["membersCount"])

    def test_the_reason_tells_a_close_from_a_loss(self) -> None:
        self.client.lose(ConnectionLost())
        self.peer().transport.loseConnection()
        self.assertEqual({"connection lost": 1, "client closed": 1}, self.closed())

    def test_abort_drops_everything(self) -> None:
        self.client.block()
        self.client.send(b"say a\n")
        self.client.protocol.abort()
        self.assertTrue(self.client.aborted)
        self.assertEqual(b"", self.client.raw())
        self.assertEqual({"server stopped": 1}, self.closed())
        self.assertNothingIsLeft()

    def test_abort_after_quit_keeps_the_first_reason(self) -> None:
        self.client.send(b"quit\n")
        self.client.protocol.abort()
        self.assertEqual({"quit": 1}, self.closed())

    def test_an_outbox_that_blocked_before_the_loss_ends_in_nothing(self) -> None:
        self.client.block()
        self.client.lose(ConnectionLost())
        self.reactor.advance(100)
        self.assertEqual({"connection lost": 1}, self.closed())

    def test_what_its_outbox_says_after_the_loss_is_not_heard(self) -> None:
        pressure = self.client.protocol._back_pressure
        self.client.lose(ConnectionLost())
        pressure.outbox_filled()
        pressure.outbox_drained()
        self.assertNothingIsLeft()

    def test_a_stalled_client_that_drains_is_finished_while_lines_wait(self) -> None:
        self.client.block()
        self.client.send(b"paramAdd k=" + b"v" * 16_000 + b"\n" + b"paramsView\n" * 10 + b"quit\n")
        self.client.unblock()
        self.assertEqual(list(range(1, 13)), self.client.numbers())
        self.assertTrue(self.client.half_closed)


class TLSTests(ProtocolTestCase):
    """What differs under TLS: the client is welcomed when its handshake is done."""

    def setUp(self) -> None:
        self.start(tls_handshake_timeout=10.0, close_timeout=5.0)
        files = certs.make(Path(self.mktemp()))
        options = support.make_certificates(files)
        wrapper = TLSMemoryBIOFactory(options, False, self.factory, self.reactor)
        wrapper.protocol = TLSMemoryBIOProtocol
        self.server = wrapper.buildProtocol(IPv4Address("TCP", "127.0.0.1", 1))
        self.wire: Any = StringTransportWithDisconnection()
        self.wire.protocol = self.server
        lose = self.wire.abortConnection = self.wire.loseConnection
        # TLSMemoryBIOProtocol does not expect to be lost within the call.
        self.wire.loseConnection = lambda: self.reactor.callLater(0, lose)
        self.server.makeConnection(self.wire)

    def assertNothingIsLeft(self) -> None:
        self.reactor.advance(0)
        super().assertNothingIsLeft()

    def connect(self) -> None:
        """Does the handshake, from the client's end."""
        factory = TLSMemoryBIOFactory(
            CertificateOptions(), True, Factory.forProtocol(Gatherer), self.reactor
        )
        factory._creatorInterface = None  # type: ignore[assignment]
        self.client_tls = factory.buildProtocol(None)
        self.client_wire = StringTransport()
        self.client_tls.makeConnection(self.client_wire)
        self.client: Any = self.client_tls.wrappedProtocol
        self.pump()

    def pump(self) -> None:
        """Carries bytes to and fro until there are none."""
        for _ in range(100):
            self.reactor.advance(0)
            up, down = self.client_wire.value(), self.wire.value()
            self.client_wire.clear()
            self.wire.clear()
            if not up and not down:
                return
            if down and not self.client_wire.disconnecting:
                self.client_tls.dataReceived(down)
            if up and self.wire.connected:
                self.server.dataReceived(up)

    def test_nothing_is_sent_before_the_handshake(self) -> None:
        self.assertEqual(b"", self.wire.value())
        self.assertEqual(1, len(self.factory.clients))
        self.assertEqual({}, self.factory.context.connections)
        self.assertEqual(0, self.factory.context.stats.connections)

    def test_the_client_is_welcomed_when_it_is_done(self) -> None:
        self.connect()
        self.assertEqual(0, self.client.lines()[0]["messageCount"])
        self.assertEqual(1, len(self.factory.context.connections))
        self.assertEqual({"TLSv1.3": 1}, dict(self.factory.context.stats.handshakes))
        self.reactor.advance(100)
        self.assertTrue(self.wire.connected)

    def test_a_handshake_that_takes_too_long_ends_the_connection(self) -> None:
        self.reactor.advance(9.9)
        self.assertTrue(self.wire.connected)
        self.reactor.advance(0.2)
        self.assertFalse(self.wire.connected)
        self.assertEqual({"TLS handshake timeout": 1}, self.closed())
        self.assertNothingIsLeft()

    def test_what_is_no_handshake_ends_the_connection(self) -> None:
        self.server.dataReceived(b"detailsView\r\n" * 10)
        self.reactor.advance(0)
        self.wire.abortConnection()
        self.assertEqual({"not TLS": 1}, self.closed())
        self.assertNothingIsLeft()

    def test_a_client_lost_in_its_handshake_is_counted_as_such(self) -> None:
        self.wire.abortConnection()
        self.assertEqual({"TLS handshake cut off": 1}, self.closed())
        self.assertNothingIsLeft()

    def test_a_half_close_in_the_handshake_ends_the_connection(self) -> None:
        self.server.wrappedProtocol.readConnectionLost()
        self.assertFalse(self.wire.connected)
        self.assertEqual({"client closed": 1}, self.closed())

    def test_a_server_that_stops_drops_a_client_in_its_handshake(self) -> None:
        self.successResultOf(self.factory.clients.drain())
        self.assertEqual({"server stopped": 1}, self.closed())
        self.assertNothingIsLeft()

    def test_a_handshake_done_too_late_welcomes_nobody(self) -> None:
        self.wire.abortConnection = lambda: None
        protocol = self.server.wrappedProtocol
        protocol.abort()
        protocol.handshakeCompleted()
        self.assertIsNone(protocol.connection)

    def test_requests_are_answered(self) -> None:
        self.connect()
        self.client.lines()
        self.client.transport.write(b"paramAdd a=b\nparamsView\n")
        self.pump()
        self.assertEqual([1, 2], [line["messageCount"] for line in self.client.lines()])

    def test_quit_closes_the_connection(self) -> None:
        self.connect()
        self.client.lines()
        self.client.transport.write(b"quit\n")
        self.pump()
        self.assertEqual("Bye!", self.client.lines()[0]["status"])
        self.assertTrue(self.client_wire.disconnecting)
        self.assertFalse(self.wire.connected)
        self.assertEqual({"quit": 1}, self.closed())

    def test_a_client_that_stays_silent_after_quit_is_hung_up_on(self) -> None:
        self.connect()
        protocol = self.server.wrappedProtocol
        protocol.dataReceived(b"quit\n")
        self.reactor.advance(0)
        self.assertTrue(self.wire.connected)
        self.reactor.advance(5.1)
        self.assertFalse(self.wire.connected)
        self.assertEqual({"quit": 1}, self.closed())
        self.assertNothingIsLeft()


class Gatherer(Protocol):
    """A TLS client that keeps what it gets."""

    def connectionMade(self) -> None:
        self.data = b""

    def dataReceived(self, data: bytes) -> None:
        self.data += data

    def lines(self) -> list[dict[str, Any]]:
        data, self.data = self.data, b""
        return [json.loads(line) for line in data.splitlines()]


LIMIT = 64
"""The longest line in the tests that follow."""

LINES = st.sampled_from(
    [
        b"paramAdd key=value",
        b"paramAdd k=\xe2\x98\x83=x ",
        b"addParam",
        b"paramView key",
        b"paramDelete key",
        b"paramsView",
        b"paramsDelete",
        b"roomChange other",
        b"roomChange",
        b"roomView",
        b"detailsView",
        b"say hello",
        b"say",
        b"  \tsay hello",
        b"randomNumber",
        b"cacheTest",
        b"nope",
        b"{nope",
        b"{}",
        b'{"action":"nope"}',
        b'{"action":1}',
        b'{"action":"randomNumber","params":[]}',
        b' {"action":"randomNumber"}',
        b'{"action":"cacheTest","params":{"key":"k","value":"v"}}',
        b"\xff\xfe",
        b"say \xff",
        b" ",
        b"\t",
        b"quit now",
    ]
)
LONG = st.builds(lambda size: b"say " + b"x" * (size - 4), st.integers(LIMIT - 3, LIMIT + 6))
VERY_LONG = st.builds(lambda size: b"y" * size, st.integers(LIMIT, LIMIT * 5))
GARBAGE = st.binary(max_size=12)
ODD = st.sampled_from([b"\r", b"\n", b"\r\n", b"\n\n", b"", CTRL_C[:3], CTRL_C[1:]])
CLOSING = st.sampled_from([b"quit\n", b"exit\r\n", b"close \n", CTRL_D, CTRL_C])
ENDED = st.builds(
    lambda line, end: line + end,
    st.one_of(LINES, LONG, VERY_LONG),
    st.sampled_from([b"\n", b"\r\n", b"\r\r\n"]),
)
STREAMS = st.lists(st.one_of(ENDED, ENDED, ENDED, GARBAGE, ODD, LINES, CLOSING), max_size=25).map(
    b"".join
)
CUTS = st.lists(st.tuples(st.integers(0, 2000), st.booleans()), max_size=12)

MASKS = (
    (re.compile(rb'"randomNumber":[0-9.e-]+'), b'"randomNumber":0'),
    (re.compile(rb"[0-9a-f]{32}"), b"ID"),
    (re.compile(rb'"connectedAt":[0-9]+'), b'"connectedAt":0'),
    (re.compile(rb'"stats":\{.*?"blocked":[0-9]+\}'), b'"stats":0'),
)


def masked(data: bytes) -> bytes:
    """The data without what differs from run to run."""
    for pattern, text in MASKS:
        data = pattern.sub(text, data)
    return data


def closes(line: bytes) -> bool:
    """Whether a line, without its end, closes the connection."""
    if line.startswith((CTRL_D, CTRL_C)):
        return True
    if len(line) > LIMIT:
        return False
    word, *rest = re.split(rb"[ \t]", line.lstrip(b" \t"), maxsplit=1)
    return word in (b"quit", b"exit", b"close") and not b"".join(rest).strip()


def requests_in(stream: bytes) -> int:
    """How many requests a stream holds, up to the one that closes."""
    *lines, rest = stream.split(b"\n")
    count = 0
    for line in lines:
        line = line.removesuffix(b"\r")
        count += bool(line)
        if closes(line):
            return count
    return count + (rest.startswith((CTRL_D, CTRL_C)) or len(rest) > LIMIT + 1)


class AnyStreamTests(ProtocolTestCase):
    """Any bytes, cut anywhere."""

    def setUp(self) -> None:
        self.start(max_line_length=LIMIT)
        # So that bursts stall and resume here too.
        self.patch(line_reader, "LINES_AT_ONCE", 4)
        self.patch(backlog, "LINES_AT_ONCE", 4)

    def answers(self, feed: Callable[[Peer], None]) -> bytes:
        """What a new client hears of what it is fed."""
        client = self.peer()
        try:
            feed(client)
            self.reactor.advance(0)
            answers = client.raw()
        finally:
            client.lose(ConnectionLost())
        self.assertNothingIsLeft()
        return masked(answers)

    @settings(PROPERTY, max_examples=300)
    @given(stream=STREAMS, cuts=CUTS)
    @example(stream=b"\x16\x03", cuts=[])
    def test_cut_anywhere_it_is_answered_as_whole(
        self, stream: bytes, cuts: list[tuple[int, bool]]
    ) -> None:
        def in_pieces(client: Peer) -> None:
            start = 0
            places = sorted((cut % (len(stream) + 1), breathe) for cut, breathe in cuts)
            for cut, breathe in places:
                client.protocol.dataReceived(stream[start:cut])
                start = cut
                if breathe:
                    self.reactor.advance(0)
            client.protocol.dataReceived(stream[start:])

        whole = self.answers(lambda client: client.protocol.dataReceived(stream))
        self.assertEqual(whole, self.answers(in_pieces))
        # The beginning of a TLS handshake is refused, ended or not.
        tls = other_protocols.begins_tls(stream.lstrip(b"\r\n"))
        self.assertEqual(
            list(range(1, (1 if tls else requests_in(stream)) + 1)),
            [json.loads(line)["messageCount"] for line in whole.split(b"\r\n")[:-1]],
        )

    @settings(PROPERTY, max_examples=100)
    @given(stream=STREAMS)
    def test_byte_by_byte_it_is_answered_as_whole(self, stream: bytes) -> None:
        def byte_by_byte(client: Peer) -> None:
            for n in range(len(stream)):
                client.protocol.dataReceived(stream[n : n + 1])

        whole = self.answers(lambda client: client.protocol.dataReceived(stream))
        self.assertEqual(whole, self.answers(byte_by_byte))

    @settings(PROPERTY, max_examples=100)
    @given(stream=st.binary(max_size=400), size=st.integers(1, 50))
    def test_bytes_at_random_never_raise(self, stream: bytes, size: int) -> None:
        def in_pieces(client: Peer) -> None:
            for start in range(0, len(stream), size):
                client.protocol.dataReceived(stream[start : start + size])

        answers = self.answers(in_pieces).split(b"\r\n")[:-1]
        tls = other_protocols.begins_tls(stream.lstrip(b"\r\n"))
        self.assertEqual(1 if tls else requests_in(stream), len(answers))

    @settings(PROPERTY, max_examples=100)
    @given(
        lines=st.lists(
            st.one_of(
                st.builds(sleep, st.integers(0, 50)),
                st.sampled_from([b"say a\n", b"paramsView\r\n", b"nope\n", b"\n"]),
            ),
            max_size=20,
        ),
        steps=st.lists(st.integers(0, 20), max_size=20),
        cut=st.integers(1, 100),
    )
    def test_every_request_gets_one_response_however_long_it_takes(
        self, lines: list[bytes], steps: list[int], cut: int
    ) -> None:
        self.start(max_pending_actions=2)
        client = self.peer()
        stream = b"".join(lines)
        for start in range(0, len(stream), cut):
            client.protocol.dataReceived(stream[start : start + cut])
            self.reactor.advance(steps.pop() / 1000 if steps else 0)
        client.send(b"quit\n")
        for _ in range(30):
            self.reactor.advance(0.05)
        expected = sum(line != b"\n" for line in lines) + 1
        self.assertEqual(list(range(1, expected + 1)), sorted(client.numbers()))
        self.assertTrue(client.half_closed)


class RateTests(ProtocolTestCase):
    """A client that may make so many requests a second."""

    def test_what_comes_too_fast_is_delayed_and_not_lost(self) -> None:
        self.start(request_rate=10, request_burst=5)
        client = self.peer()
        client.send(b"say a\n" * 12)
        self.assertEqual([1, 2, 3, 4, 5], client.numbers())
        self.assertTrue(client.paused)
        self.reactor.advance(0.1)
        self.assertEqual([6], client.numbers())
        for _ in range(6):
            self.reactor.advance(0.1)
        self.assertEqual([7, 8, 9, 10, 11, 12], client.numbers())
        self.assertFalse(client.paused)
        self.assertEqual(7, self.factory.context.stats.limited["requestRate"])

    def test_just_as_many_as_may_are_not_delayed(self) -> None:
        self.start(request_rate=10, request_burst=5)
        client = self.peer()
        client.send(b"say a\n" * 5)
        self.assertEqual([1, 2, 3, 4, 5], client.numbers())
        self.assertFalse(client.paused)
        self.assertEqual({}, dict(self.factory.context.stats.limited))

    def test_others_are_not_delayed(self) -> None:
        self.start(request_rate=1)
        fast, other = self.peer(), self.peer()
        fast.send(b"say a\n" * 10)
        other.send(b"paramsView\n")
        self.assertEqual([1], other.numbers())

    def test_an_action_that_ends_meanwhile_brings_no_request_forward(self) -> None:
        self.start(request_rate=1, request_burst=2)
        client = self.peer()
        client.send(sleep(100) + b"say a\n" * 3)
        self.assertEqual([2], client.numbers())
        self.reactor.advance(0.2)
        self.assertEqual([1], client.numbers())
        self.reactor.advance(1)
        self.assertEqual([3], client.numbers())

    def test_a_client_that_is_lost_while_it_waits_leaves_nothing(self) -> None:
        self.start(request_rate=1)
        client = self.peer()
        client.send(b"say a\n" * 10)
        client.lose(ConnectionLost())
        self.assertNothingIsLeft()

    def test_one_that_closes_its_end_while_it_waits_gets_all_its_answers(self) -> None:
        self.start(request_rate=1)
        client = self.peer()
        client.send(b"say a\n" * 3)
        client.protocol.readConnectionLost()
        self.reactor.pump([1] * 3)
        self.assertEqual([1, 2, 3], client.numbers())
        self.assertEqual({"client closed": 1}, self.closed())


class SilenceTests(ProtocolTestCase):
    """What a silent client gets."""

    def test_pings(self) -> None:
        self.start(ping_interval=10)
        client = self.peer()
        self.reactor.advance(10)
        (line,) = client.lines()
        self.assertEqual(["context", "status", "serverTime"], list(line))
        self.assertEqual(("api", "keep-alive"), (line["context"], line["status"]))
        self.assertIsInstance(line["serverTime"], int)
        client.lose(ConnectionLost())
        self.assertNothingIsLeft()

    def test_a_client_that_takes_nothing_is_not_pinged(self) -> None:
        self.start(ping_interval=10)
        client = self.peer()
        client.block()
        self.reactor.pump([10] * 2)
        client.unblock()
        self.assertEqual([], client.lines())

    def test_a_goodbye_after_the_idle_timeout(self) -> None:
        self.start(idle_timeout=8)
        client = self.peer()
        self.reactor.pump([2] * 3)
        self.assertEqual([], client.lines())
        self.reactor.advance(2)
        (line,) = client.lines()
        self.assertEqual({"status": "Bye!", "reason": "idle timeout", "context": "api"}, line)
        self.assertTrue(client.half_closed)
        self.assertEqual(1, self.factory.context.stats.limited["idleTimeout"])
        client.lose(ConnectionLost())
        self.assertEqual({"idle timeout": 1}, self.closed())
        self.assertNothingIsLeft()

    def test_any_byte_is_a_sign_of_life(self) -> None:
        self.start(idle_timeout=8)
        client = self.peer()
        for _ in range(5):
            self.reactor.pump([2] * 3)
            client.send(b"\n")
        self.assertFalse(client.half_closed)

    def test_a_client_that_waits_for_an_answer_is_not_idle(self) -> None:
        self.start(idle_timeout=8, action_timeout=100)
        client = self.peer()
        client.send(sleep(50_000))
        self.reactor.pump([2] * 26)
        self.assertEqual([1], client.numbers())
        self.assertFalse(client.half_closed)
        self.reactor.pump([2] * 5)
        self.assertTrue(client.half_closed)
