"""A connection's life, through any order of events."""

from __future__ import annotations

import json
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionLost
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.ssl import CertificateOptions
from twisted.internet.testing import StringTransport
from twisted.protocols.tls import TLSMemoryBIOFactory, TLSMemoryBIOProtocol
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp import ActionError, action, on_connect
from actionhero_tcp.app import hooks
from actionhero_tcp.app.actions import MARK
from actionhero_tcp.app.loader import Loaded
from actionhero_tcp.connection import state as states
from actionhero_tcp.connection.state import TRANSITIONS, State
from actionhero_tcp.net import tls
from tests import support
from tools import certs

LINES = (b"paramsView\n", b"wait\n", b"say a\n", b"nothing\n", b"quit\n", b"paramAdd a=b\nwait\n")
LIMITS = {
    "max_pending_actions": 2,
    "action_timeout": 40.0,
    "write_timeout": 20.0,
    "close_timeout": 10.0,
    "drain_timeout": 15.0,
    "idle_timeout": 60.0,
    "ping_interval": 25.0,
    "request_rate": 2.0,
    "request_burst": 4,
}


class Bottom(StringTransport):
    """A transport that can be half-closed, paused and lost.

    Attributes:
        protocol: What it belongs to.
        taken: Whether it takes what is written.
    """

    protocol: Any

    def __init__(self) -> None:
        super().__init__()
        self.aborted = self.half_closed = False

    def abortConnection(self) -> None:
        """Drops the connection; its loss comes later, as under a real reactor."""
        self.aborted = True

    def loseWriteConnection(self) -> None:
        """Closes our end."""
        self.half_closed = True

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        """Takes a producer in the place of another one, as TLS does."""
        self.producer, self.streaming = producer, streaming


class Life(RuleBasedStateMachine):
    """One client of a server, over a transport without a network."""

    def __init__(self) -> None:
        super().__init__()
        self.steps = self.answered = 0
        self.lost = self.finished = self.draining = False
        self.waiting: list[Deferred[Any]] = []
        self.deciding: list[Deferred[Any]] = []
        self.trace: list[tuple[State, State]] = []
        values = {("limits", name): value for name, value in LIMITS.items()}
        self.service, self.reactor = support.make_service(values)
        self.context = self.service.factory.context
        self.context.api.application.replace(self.loaded())
        self.check = states.check

        def check(before: State, after: State) -> None:
            self.trace.append((before, after))
            self.check(before, after)

        states.check = check

    def teardown(self) -> None:
        states.check = self.check
        if not self.lost:
            self.lose()
        self.reactor.advance(1000)
        assert support.scheduled(self.reactor) == [], support.scheduled(self.reactor)
        assert sum(self.context.stats.closed.values()) == 1, self.context.stats.closed
        assert len(self.service.factory.clients) == 0
        assert not self.context.connections
        assert len(self.context.rooms) == 0
        assert self.context.memory.held == 0

    def loaded(self) -> Loaded:
        """The actions and hooks of the server."""

        @action
        def wait(api: Any, connection: Any) -> Deferred[Any]:
            self.waiting.append(Deferred())
            return self.waiting[-1]

        @on_connect
        def decide(api: Any, connection: Any) -> Any:
            if not self.asks_hook:
                return None
            self.deciding.append(Deferred())
            return self.deciding[-1]

        return Loaded({"wait": getattr(wait, MARK)}, list(getattr(decide, hooks.MARK)))

    @initialize(asks_hook=st.booleans())
    def connect(self, asks_hook: bool) -> None:
        """The client connects; in half of the examples a hook takes its time to let it in."""
        self.asks_hook = asks_hook
        self.build()

    def build(self) -> None:
        """Makes the client."""
        made = self.service.factory.buildProtocol(None)
        assert made is not None
        self.server: Any = made
        self.transport = Bottom()
        self.transport.protocol = made
        made.makeConnection(self.transport)

    def deliver(self, data: bytes) -> None:
        """Has the server read something."""
        self.server.dataReceived(data)

    def received(self) -> bytes:
        """What the server has written since the last call."""
        data = self.transport.value()
        self.transport.clear()
        return data

    @property
    def is_late(self) -> bool:
        """Whether enough has happened for the connection to come to an end."""
        return self.steps > 8

    @property
    def reads(self) -> bool:
        """Whether the server reads what the client sends."""
        return not self.lost and self.transport.producerState == "producing" and not self.finished

    @rule(line=st.sampled_from(LINES))
    @precondition(lambda self: self.reads)
    def data(self, line: bytes) -> None:
        """The client sends lines."""
        self.deliver(line)

    @rule(line=st.sampled_from(LINES), cut=st.integers(1, 8))
    @precondition(lambda self: self.reads)
    def data_in_pieces(self, line: bytes, cut: int) -> None:
        """The client sends lines in two pieces."""
        self.deliver(line[:cut])
        if self.reads:
            self.deliver(line[cut:])

    @rule(lines=st.lists(st.sampled_from(LINES[:4]), max_size=20))
    @precondition(lambda self: self.reads)
    def several(self, lines: list[bytes]) -> None:
        """The client sends several lines at once, none of which closes."""
        self.deliver(b"".join(lines))

    @rule(count=st.integers(17, 40))
    @precondition(lambda self: self.reads)
    def burst(self, count: int) -> None:
        """The client sends many lines at once."""
        self.deliver(b"paramsView\n" * count)

    @rule()
    @precondition(lambda self: self.reads and self.is_late)
    def fin(self) -> None:
        """The client closes its end."""
        self.finished = True
        self.server.readConnectionLost()

    @rule()
    @precondition(lambda self: not self.lost and self.is_late)
    def lose(self) -> None:
        """The connection is reset."""
        self.lost = True
        self.transport.connected = False
        self.server.connectionLost(Failure(ConnectionLost()))

    @rule()
    @precondition(lambda self: not self.lost and getattr(self.transport, "producer", None))
    def block(self) -> None:
        """The transport is full."""
        self.transport.producer.pauseProducing()

    @rule()
    @precondition(lambda self: not self.lost and getattr(self.transport, "producer", None))
    def unblock(self) -> None:
        """The transport is empty."""
        self.transport.producer.resumeProducing()

    @rule()
    @precondition(lambda self: not self.draining and self.is_late)
    def drain(self) -> None:
        """The server stops."""
        self.draining = True
        self.service.factory.clients.drain()

    @rule(seconds=st.sampled_from((0, 0.3, 1, 6, 11, 30)))
    def time(self, seconds: float) -> None:
        """Time goes by."""
        self.reactor.advance(seconds)

    @rule(fails=st.booleans())
    @precondition(lambda self: self.waiting)
    def action_ends(self, fails: bool) -> None:
        """An action that has waited ends."""
        waiting = self.waiting.pop(0)
        if not waiting.called:
            waiting.errback(ActionError("no")) if fails else waiting.callback({"a": 1})

    @rule(refuses=st.sampled_from((False, False, False, True)))
    @precondition(lambda self: self.deciding)
    def hook_decides(self, refuses: bool) -> None:
        """The hook of a client that connects ends."""
        deciding = self.deciding.pop(0)
        if not deciding.called:
            deciding.errback(ActionError("no")) if refuses else deciding.callback(None)

    @rule()
    @precondition(lambda self: self.server.connection is not None and self.is_late)
    def application_closes(self) -> None:
        """The application closes the connection."""
        self.server.connection.close()

    @rule()
    @precondition(lambda self: not self.lost)
    def memory(self) -> None:
        """The client is held for its memory, and let go."""
        self.server._back_pressure.hold_for_memory()
        self.server._back_pressure.release_for_memory()

    @rule()
    @precondition(lambda self: not self.lost and self.leaves)
    def peer_hangs_up(self) -> None:
        """The client follows when our end is closed, or the connection was dropped."""
        self.lose()

    @property
    def leaves(self) -> bool:
        return self.transport.half_closed or self.transport.aborted or self.transport.disconnecting

    @invariant()
    def a_step_is_counted(self) -> None:
        self.steps += 1

    @invariant()
    def each_request_has_at_most_one_answer(self) -> None:
        connection = self.server.connection
        for line in self.received().split(b"\r\n")[:-1]:
            message = json.loads(line)
            if message["context"] == "response" and message["messageCount"]:
                self.answered += 1
        if connection is None:
            return
        outbox = self.server._outbox
        if self.server.state is not State.CLOSED and outbox.empty and not outbox.blocked:
            running = len(connection.pending)
            assert self.answered + running == connection.requests, (
                self.answered,
                running,
                connection.requests,
            )

    @invariant()
    def each_transition_is_legal(self) -> None:
        for before, after in self.trace:
            assert after in TRANSITIONS[before], (before, after)

    @invariant()
    def nothing_of_a_lost_client_is_scheduled(self) -> None:
        if self.lost and not self.draining:
            self.reactor.advance(0)
            names = [str(call.func) for call in support.scheduled(self.reactor)]
            assert not [name for name in names if "Clients" not in name], names


class Received(Protocol):
    """The client's end of TLS, which keeps what it gets."""

    def __init__(self) -> None:
        self.data = b""

    def dataReceived(self, data: bytes) -> None:
        """Keeps it."""
        self.data += data


@cache
def certificates() -> tls.Certificates:
    """A certificate for all examples."""
    with tempfile.TemporaryDirectory() as folder:
        return support.make_certificates(certs.make(Path(folder)))


class SecureLife(Life):
    """The same over TLS, whose bytes go to and fro when the rules say so."""

    def build(self) -> None:
        """Makes the client and both ends of its TLS."""
        wrapper = TLSMemoryBIOFactory(certificates(), False, self.service.factory, self.reactor)
        wrapper.protocol = TLSMemoryBIOProtocol
        self.tls: Any = wrapper.buildProtocol(None)
        self.server = self.tls.wrappedProtocol
        self.transport = Bottom()
        self.transport.protocol = self.tls
        self.wire = StringTransport()
        client = TLSMemoryBIOFactory(
            CertificateOptions(), True, Factory.forProtocol(Received), self.reactor
        )
        client._creatorInterface = None  # type: ignore[assignment]
        self.client: Any = client.buildProtocol(None)
        self.tls.makeConnection(self.transport)
        self.client.makeConnection(self.wire)

    def deliver(self, data: bytes) -> None:
        """Has the client send something, and the server read it if it reads at all."""
        self.client.write(data)
        self.pump()

    def received(self) -> bytes:
        """What the client has read since the last call."""
        self.pump()
        end = self.client.wrappedProtocol
        data, end.data = end.data, b""
        return data

    @rule()
    def pump(self) -> None:
        """Bytes go to and fro until there are none."""
        while True:
            down = self.transport.value()
            self.transport.clear()
            if down:
                self.client.dataReceived(down)
            up = self.wire.value() if self.reads else b""
            if up:
                self.wire.clear()
                self.tls.dataReceived(up)
            if not up and not down:
                return

    def lose(self) -> None:
        """The connection is reset."""
        self.lost = True
        self.transport.connected = False
        self.tls.connectionLost(Failure(ConnectionLost()))


EXAMPLES = settings(support.PROPERTY, max_examples=150, stateful_step_count=50)


class LifeTests(SynchronousTestCase):
    """One answer for each request, one reason for each close, and nothing afterwards."""

    def test_over_a_plain_transport(self) -> None:
        run_state_machine_as_test(Life, settings=EXAMPLES)

    def test_over_tls(self) -> None:
        run_state_machine_as_test(SecureLife, settings=settings(EXAMPLES, max_examples=40))
