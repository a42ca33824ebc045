"""The link of a client to its server: time limits, what waits, and new connections; by a clock."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred, fail
from twisted.internet.error import ConnectError
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransportWithDisconnection
from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp.client.content import Content
from actionhero_tcp.client.download import Download
from actionhero_tcp.client.link import LinkOptions
from actionhero_tcp.client.outcomes import CallTimeout, ConnectionLost, TooManyPending
from actionhero_tcp.client.reconnector import Reconnector
from actionhero_tcp.client.settings import Limits
from actionhero_tcp.net.client_endpoints import tcp
from tests.support.conversations import ModelServer, Waiter, answer, encode
from tests.support.resolving import ResolvingReactor

WELCOME = encode({"welcome": "hello", "room": "r", "context": "api", "messageCount": 0})


class Wire(StringTransportWithDisconnection):
    """A transport whose connection can be dropped."""

    def abortConnection(self) -> None:
        if self.connected:
            self.loseConnection()

    def sent(self) -> bytes:
        """What was written since the last call."""
        data = self.value()
        self.clear()
        return data


class Endpoint:
    """A client endpoint whose outcomes the test decides.

    Attributes:
        refuse: Whether connections are refused.
        wires: All connections that were made.
    """

    def __init__(self) -> None:
        self.refuse = False
        self.attempts = 0
        self.wires: list[Wire] = []

    def connect(self, factory: Any) -> Any:
        self.attempts += 1
        if self.refuse:
            return fail(ConnectError(string="refused"))
        wire = Wire()
        wire.protocol = factory.buildProtocol(None)
        self.wires.append(wire)
        connected: Deferred[Any] = Deferred()
        wire.protocol.makeConnection(wire)
        connected.callback(wire.protocol)
        return connected


class Recorder:
    """An owner that keeps what it is told of.

    Args:
        heard: Takes the messages.
        events: Takes words about connections.
    """

    def __init__(self, heard: list[Any], events: list[str]) -> None:
        self.message_received = heard.append
        self._events = events

    def connection_ready(self, welcome: object) -> None:
        self._events.append("ready")

    def connection_lost(self, error: ConnectionLost) -> None:
        self._events.append(f"lost: {error}")


class LinkTests(SynchronousTestCase):
    """A link whose clock and endpoint are the test's."""

    def make(self, **options: Any) -> Reconnector:
        self.clock = Clock()
        self.endpoint = Endpoint()
        self.heard: list[Any] = []
        self.events: list[str] = []
        limits = options.get("limits", Limits())
        how = LinkOptions(limits, timeout=10.0, connect_timeout=5.0, retry=lambda attempts: 1.0)
        return Reconnector(Recorder(self.heard, self.events), self.endpoint, self.clock, how)

    @property
    def wire(self) -> Wire:
        return self.endpoint.wires[-1]

    def receive(self, data: bytes) -> None:
        self.wire.protocol.dataReceived(data)

    def connect(self, link: Reconnector) -> None:
        connecting = link.connect(None, None)
        self.receive(WELCOME)
        self.assertIsNone(self.successResultOf(connecting))

    def test_is_up_from_the_welcome_on(self) -> None:
        link = self.make()
        connecting = link.connect(None, None)
        self.assertNoResult(connecting)
        self.assertFalse(link.is_up)
        self.receive(WELCOME)
        self.successResultOf(connecting)
        self.assertTrue(link.is_up)
        self.successResultOf(link.connect(None, None))
        self.assertEqual(["ready"], self.events)

    def test_a_server_that_does_not_greet_is_tried_again(self) -> None:
        link = self.make()
        connecting = link.connect(2, None)
        self.clock.advance(5)
        self.assertFalse(self.wire.connected)
        self.assertNoResult(connecting)
        self.clock.advance(1)
        self.assertEqual(2, self.endpoint.attempts)
        self.clock.advance(5)
        error = self.failureResultOf(connecting, ConnectionLost)
        self.assertIn("no welcome within 5 seconds", str(error.value))
        self.clock.advance(1)
        self.receive(WELCOME)
        self.assertTrue(link.is_up)

    def test_a_refusal_says_why(self) -> None:
        link = self.make()
        connecting = link.connect(1, None)
        self.receive(encode({"context": "response", "error": "too many", "messageCount": 0}))
        error = self.failureResultOf(connecting, ConnectionLost)
        self.assertEqual("the server does not let us in: too many", str(error.value))

    def test_a_strange_welcome_is_one_all_the_same(self) -> None:
        link = self.make()
        connecting = link.connect(1, None)
        self.receive(b"{}\r\n{}\r\n")
        self.successResultOf(connecting)
        self.assertEqual([{}], self.heard)

    def test_sets_all_again_before_anything_else(self) -> None:
        link = self.make()
        self.connect(link)
        link.sticky.params["a"] = "1"
        link.sticky.change("attic")
        self.wire.abortConnection()
        waiting = link.ask(b"roomView\n")
        self.clock.advance(1)
        self.receive(WELCOME)
        self.assertEqual(b"paramAdd a=1\nroomChange attic\n", self.wire.sent().replace(b"\r", b""))
        self.assertFalse(link.is_up)
        self.receive(answer(1, status="OK"))
        self.assertFalse(link.is_up)
        self.receive(answer(2, status="OK"))
        self.assertEqual(b"roomView\n", self.wire.sent())
        self.receive(answer(3, room="attic"))
        self.assertEqual("attic", self.successResultOf(waiting)["room"])

    def test_what_cannot_be_set_again_ends_the_connection(self) -> None:
        link = self.make()
        self.connect(link)
        link.sticky.change("attic")
        self.wire.abortConnection()
        waiting = link.ask(b"roomView\n")
        self.clock.advance(1)
        self.receive(WELCOME)
        self.receive(answer(1, error="no room left"))
        self.assertFalse(self.wire.connected)
        self.clock.advance(9)
        error = self.failureResultOf(waiting, CallTimeout)
        self.assertIn("what was sticky could not be set again: no room left", str(error.value))

    def test_a_connection_lost_while_all_is_set_again(self) -> None:
        link = self.make()
        self.connect(link)
        link.sticky.params.update(a="1", b="2")
        self.wire.abortConnection()
        self.clock.advance(1)
        self.receive(WELCOME)
        self.wire.abortConnection()
        self.clock.advance(1)
        self.assertEqual(3, self.endpoint.attempts)
        self.assertEqual([], self.flushLoggedErrors())

    def test_each_call_has_its_time_limit(self) -> None:
        link = self.make()
        self.connect(link)
        slow, fast = link.ask(b"a\n"), link.ask(b"b\n", 2.0)
        self.clock.advance(1.9)
        self.assertNoResult(fast)
        self.clock.advance(0.1)
        self.failureResultOf(fast, CallTimeout)
        last = link.ask(b"c\n")
        self.clock.advance(8)
        self.failureResultOf(slow, CallTimeout)
        self.assertNoResult(last)
        self.receive(answer(1) + answer(2))
        self.assertEqual(2, link.late)
        self.clock.advance(2)
        self.failureResultOf(last, CallTimeout)
        self.assertEqual([], self.clock.getDelayedCalls())

    def test_what_waits_for_a_connection_has_its_time_limit(self) -> None:
        link = self.make()
        self.endpoint.refuse = True
        link.connect(None, None)
        waiting, later = link.ask(b"a\n", 0.5), link.ask(b"b\n")
        self.clock.advance(0.5)
        error = self.failureResultOf(waiting, CallTimeout)
        self.assertIn("no connection within 0.5 seconds", str(error.value))
        self.assertIn("refused", str(error.value))
        self.endpoint.refuse = False
        self.clock.advance(0.5)
        self.receive(WELCOME)
        self.assertEqual(b"b\n", self.wire.sent())
        self.assertNoResult(later)

    def test_only_so_many_wait(self) -> None:
        link = self.make(limits=Limits(max_pending=1))
        connecting = link.connect(None, None)
        first = link.ask(b"a\n")
        self.failureResultOf(link.ask(b"b\n"), TooManyPending)
        self.receive(WELCOME)
        self.successResultOf(connecting)
        self.failureResultOf(link.ask(b"c\n"), TooManyPending)
        self.receive(answer(1))
        self.successResultOf(first)

    def test_as_many_go_out_as_could_wait(self) -> None:
        link = self.make(limits=Limits(max_pending=3))
        link.connect(None, None)
        first = link.ask(b"a\n")

        file = Waiter(timeout=10.0)
        download = Download({"fileName": "x"}, Content())
        download.attach(file)
        link.submit(download, lambda protocol: protocol.ask_file(download))
        last = link.ask(b"b\n")
        self.failureResultOf(link.ask(b"c\n"), TooManyPending)
        self.receive(WELCOME)
        self.failureResultOf(link.ask(b"c\n"), TooManyPending)
        self.receive(answer(1))
        self.successResultOf(first)
        self.assertFalse(file.done)
        self.assertNoResult(last)

    def test_what_is_asked_in_one_turn_leaves_in_one_write(self) -> None:
        link = self.make()
        self.connect(link)

        def more(_: object) -> None:
            link.ask(b"b\n")
            link.ask(b"c\n")

        link.ask(b"a\n").addCallback(more)
        self.wire.sent()
        written: list[bytes] = []
        self.wire.protocol._write_now = written.append
        self.receive(answer(1))
        self.assertEqual([b"b\nc\n"], written)

    def test_a_loss_fails_what_is_outstanding_and_what_is_asked_again_waits(self) -> None:
        link = self.make()
        self.connect(link)
        again: list[Deferred[Any]] = []
        asked = link.ask(b"a\n")
        asked.addErrback(lambda failure: again.append(link.ask(b"a\n")))
        self.wire.abortConnection()
        self.assertEqual(2, len(self.events))
        self.assertIn("lost: the connection is lost", self.events[1])
        self.assertNoResult(again[0])
        self.clock.advance(1)
        self.receive(WELCOME)
        self.receive(answer(1, status="OK"))
        self.successResultOf(again[0])

    def fetch(self, link: Reconnector, name: str) -> Waiter:
        """Asks for a file that the next connection goes on with."""
        call = Waiter(timeout=10.0)
        download = Download({"fileName": name}, Content(None, 1000))
        download.attach(call)

        def send(protocol: Any) -> None:
            protocol.ask_file(download)

        download.resume_by(lambda: link.submit_again(download, send))
        link.submit(download, send)
        return call

    def test_a_file_goes_on_on_the_next_connection(self) -> None:
        link = self.make()
        self.connect(link)
        call, content = self.fetch(link, "a"), b"0123456789"
        for part in content[:5], content[5:8], content[8:]:
            server = ModelServer({"a": content}, offers_header=True)
            self.receive(server.serve(self.wire.sent()))
            asked = self.wire.sent()
            offset = content.index(part)
            self.assertEqual(offset > 0, b'"offset":%d' % offset in asked, asked)
            header, _, _ = server.serve(asked).partition(b"\r\n")
            self.receive(header + b"\r\n" + part)
            if not call.done:
                self.wire.abortConnection()
                self.clock.advance(1)
                self.receive(WELCOME)
        self.assertEqual([content], call.results)

    def test_a_file_that_makes_no_progress_fails(self) -> None:
        link = self.make()
        self.connect(link)
        call = self.fetch(link, "a")
        for _ in range(4):
            self.assertFalse(call.done)
            self.wire.abortConnection()
            self.clock.advance(1)
            self.receive(WELCOME)
        self.assertIsInstance(call.errors[0], ConnectionLost)

    def test_a_file_fails_when_the_client_disconnects(self) -> None:
        link = self.make()
        self.connect(link)
        call = self.fetch(link, "a")
        link.disconnect()
        self.wire.abortConnection()
        self.assertIsInstance(call.errors[0], ConnectionLost)
        self.clock.advance(0)
        self.assertEqual([], self.clock.getDelayedCalls())

    def test_nonsense_ends_the_connection(self) -> None:
        link = self.make()
        self.connect(link)
        asked = link.ask(b"a\n")
        self.receive(b"\x00nonsense\r\n")
        error = self.failureResultOf(asked, ConnectionLost)
        self.assertIn("no message", str(error.value))
        self.assertFalse(self.wire.connected)

    def test_disconnect_says_goodbye_and_waits(self) -> None:
        link = self.make()
        self.connect(link)
        asked = link.ask(b"a\n")
        left = link.disconnect()
        self.assertEqual(b"a\nquit\n", self.wire.sent())
        self.receive(answer(2, status="Bye!") + answer(1))
        self.successResultOf(asked)
        self.assertNoResult(left)
        self.wire.loseConnection()
        self.clock.advance(0)
        self.successResultOf(left)
        self.clock.advance(100)
        self.assertEqual(1, self.endpoint.attempts)
        self.assertEqual([], self.clock.getDelayedCalls())
        self.failureResultOf(link.ask(b"a\n"), ConnectionLost)

    def test_goodbye_and_what_is_sticky_have_no_limit(self) -> None:
        link = self.make(limits=Limits(max_pending=1))
        link.sticky.params.update(a="1", b="2")
        link.connect(None, None)
        self.receive(WELCOME)
        self.receive(answer(1) + answer(2))
        self.assertTrue(link.is_up)
        asked = link.ask(b"a\n")
        self.wire.sent()
        link.disconnect()
        self.assertEqual(b"quit\n", self.wire.sent())
        self.receive(answer(3))
        self.successResultOf(asked)

    def test_a_server_that_does_not_hang_up(self) -> None:
        link = self.make()
        self.connect(link)
        left = link.disconnect()
        self.clock.advance(10)
        self.clock.advance(0)
        self.successResultOf(left)
        self.assertFalse(self.wire.connected)

    def test_disconnect_while_it_connects(self) -> None:
        link = self.make()
        connecting, waiting = link.connect(None, None), link.ask(b"a\n")
        left = link.disconnect()
        self.clock.advance(0)
        self.successResultOf(left)
        self.failureResultOf(connecting, ConnectionLost)
        self.failureResultOf(waiting, ConnectionLost)
        self.assertFalse(self.wire.connected)
        self.assertEqual([], self.clock.getDelayedCalls())

    def test_disconnect_without_ever_connecting(self) -> None:
        link = self.make()
        left = link.disconnect()
        self.clock.advance(0)
        self.successResultOf(left)
        self.failureResultOf(link.ask(b"a\n"), ConnectionLost)

    def test_connect_has_its_time_limit(self) -> None:
        link = self.make()
        self.endpoint.refuse = True
        connecting = link.connect(None, 3.0)
        self.clock.pump([1.0] * 3)
        error = self.failureResultOf(connecting, CallTimeout)
        self.assertIn("refused", str(error.value))
        self.endpoint.refuse = False
        self.clock.advance(1)
        self.receive(WELCOME)
        self.assertTrue(link.is_up)


class AttemptTests(SynchronousTestCase):
    """Attempts to connect that are given up leave no timer behind."""

    def setUp(self) -> None:
        self.reactor = ResolvingReactor(["127.0.0.1", "127.0.0.2", "::1"])
        self.link = Reconnector(
            Recorder([], []),
            tcp(self.reactor, "h.example", 5000),
            self.reactor,
            LinkOptions(timeout=10.0, connect_timeout=5.0, retry=lambda attempts: 1.0),
        )

    def test_by_a_disconnect(self) -> None:
        connecting = self.link.connect(None, None)
        self.assertNotEqual([], self.reactor.getDelayedCalls())
        left = self.link.disconnect()
        self.reactor.advance(0)
        self.failureResultOf(connecting, ConnectionLost)
        self.successResultOf(left)
        self.assertEqual([], self.reactor.getDelayedCalls())

    def test_by_the_time_limit(self) -> None:
        connecting = self.link.connect(1, None)
        self.reactor.pump([0.5] * 10)
        self.assertIn("5 seconds", str(self.failureResultOf(connecting, ConnectionLost)))
        self.assertEqual(3, len(self.reactor.connectors))
        self.assertTrue(all(each.stoppedConnecting for each in self.reactor.connectors))
        # The next attempt is due, and nothing else.
        self.assertEqual(1, len(self.reactor.getDelayedCalls()))
        self.link.disconnect()
        self.reactor.advance(0)
        self.assertEqual([], self.reactor.getDelayedCalls())
