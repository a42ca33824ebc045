"""Transports that write at once, over a fake socket and over real ones."""

from __future__ import annotations

import errno
import os
from types import SimpleNamespace
from typing import Any

from twisted.internet import main, tcp, unix
from twisted.internet.error import ConnectionLost
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.internet.ssl import CertificateOptions
from twisted.internet.testing import MemoryReactor, StringTransport
from twisted.protocols.tls import TLSMemoryBIOFactory, TLSMemoryBIOProtocol
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp.net import lowest_transport, transport
from actionhero_tcp.net.transport import TCPTransport, UNIXTransport, WriteAtOnce
from tests.support import FakeSocket


class Producer:
    """Remembers what a transport tells it."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def pauseProducing(self) -> None:
        self.told.append("pause")

    def resumeProducing(self) -> None:
        self.told.append("resume")

    def stopProducing(self) -> None:
        self.told.append("stop")


class Lost(Protocol):
    """Remembers how its connection went."""

    reason: Failure | None = None

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.reason = reason


class FakeSocketTests(SynchronousTestCase):
    """`write`, send by send."""

    def make(self, *script: int) -> tuple[TCPTransport, FakeSocket]:
        sock = FakeSocket(script)
        self.reactor = MemoryReactor()
        self.protocol = Lost()
        made = TCPTransport(sock, self.protocol, ("127.0.0.1", 1), None, 1, self.reactor)  # type: ignore[arg-type]
        self.protocol.makeConnection(made)
        return made, sock

    def wants_to_write(self, made: TCPTransport) -> bool:
        return made in self.reactor.getWriters()

    def run_writer(self, made: TCPTransport) -> None:
        """What the reactor does while the socket is writable."""
        for _ in range(100):
            if not self.wants_to_write(made):
                return
            error = made.doWrite()
            if error:
                made.connectionLost(Failure(error))
                return
        self.fail("wants to write for ever")

    def test_all_is_sent_at_once_and_the_reactor_not_bothered(self) -> None:
        made, sock = self.make()
        made.write(b"hello")
        made.write(b"world")
        self.assertEqual([b"hello", b"world"], sock.taken)
        self.assertFalse(self.wants_to_write(made))
        self.assertEqual((0, 0), (made.taken_bytes, made.buffered_bytes))
        self.assertTrue(lowest_transport.is_drained(made))

    def test_a_sequence_is_one_send(self) -> None:
        made, sock = self.make()
        made.writeSequence([b"a", b"b", b"c"])
        self.assertEqual([b"abc"], sock.taken)

    def test_nothing_is_nothing(self) -> None:
        made, sock = self.make()
        made.write(b"")
        self.assertEqual(b"", b"".join(sock.taken))
        self.assertFalse(self.wants_to_write(made))

    def test_what_the_kernel_does_not_take_is_left_to_the_reactor(self) -> None:
        made, sock = self.make(3)
        made.write(b"hello")
        self.assertEqual([b"hel"], sock.taken)
        self.assertTrue(self.wants_to_write(made))
        self.assertEqual((0, 2), (made.taken_bytes, made.buffered_bytes))
        self.assertFalse(lowest_transport.is_drained(made))
        self.run_writer(made)
        self.assertEqual([b"hel", b"lo"], sock.taken)
        self.assertEqual((2, 0), (made.taken_bytes, made.buffered_bytes))
        self.assertTrue(lowest_transport.is_drained(made))

    def test_what_waits_is_told_as_it_grows_and_when_it_is_gone(self) -> None:
        made, _ = self.make(3, 1, -errno.EAGAIN)
        told: list[int] = []
        lowest_transport.count_buffered(made, told.append)
        made.write(b"hello")
        made.write(b"world")
        self.assertEqual([2, 7], told)
        made.doWrite()
        self.assertEqual([2, 7], told)
        made.write(b"!")
        self.assertEqual([2, 7, 7], told)
        self.run_writer(made)
        self.assertEqual([2, 7, 7, 0], told)
        made.write(b"at once")
        self.assertEqual([2, 7, 7, 0], told)

    def test_a_lost_connection_tells_nothing_more(self) -> None:
        made, _ = self.make(3)
        told: list[int] = []
        lowest_transport.count_buffered(made, told.append)
        made.write(b"hello")
        made.connectionLost(Failure(ConnectionLost()))
        self.assertEqual([2], [each for each in told if each])
        self.assertIsNone(made.on_buffered)

    def test_other_transports_tell_nothing(self) -> None:
        lowest_transport.count_buffered(StringTransport(), self.fail)
        self.assertFalse(transport.is_secure(StringTransport()))

    def test_what_comes_while_something_is_buffered_follows_it(self) -> None:
        made, sock = self.make(1)
        made.write(b"12")
        made.write(b"34")
        made.writeSequence([b"5", b"6"])
        self.assertEqual(1, len(sock.offered))
        self.assertEqual(5, made.buffered_bytes)
        self.run_writer(made)
        self.assertEqual(b"123456", b"".join(sock.taken))
        made.write(b"7")
        self.assertEqual(b"7", sock.taken[-1])
        self.assertFalse(self.wants_to_write(made))

    def test_what_comes_while_half_of_the_buffer_is_out_follows_it(self) -> None:
        made, sock = self.make(1, 1)
        made.write(b"1234")
        self.assertIsNone(made.doWrite())
        self.assertEqual(2, made.buffered_bytes)
        made.write(b"56")
        self.assertEqual(4, made.buffered_bytes)
        self.run_writer(made)
        self.assertEqual(b"123456", b"".join(sock.taken))

    def test_a_full_kernel_buffer_is_no_error(self) -> None:
        for number in (errno.EAGAIN, errno.EWOULDBLOCK, errno.ENOBUFS):
            made, sock = self.make(-number, -number)
            made.write(b"hello")
            self.assertEqual(([], 5), (sock.taken, made.buffered_bytes))
            self.assertTrue(self.wants_to_write(made))
            self.run_writer(made)
            self.assertEqual([b"hello"], sock.taken)
            self.assertIsNone(self.protocol.reason)

    def test_an_error_ends_the_connection_in_the_reactors_own_way(self) -> None:
        for number in (errno.EPIPE, errno.ECONNRESET):
            made, sock = self.make(-number, -number)
            made.write(b"hello")
            self.assertIsNone(self.protocol.reason, "lost within write")
            self.assertTrue(self.wants_to_write(made))
            self.run_writer(made)
            assert self.protocol.reason is not None
            self.assertIs(main.CONNECTION_LOST, self.protocol.reason.value)
            self.assertEqual([], sock.taken)

    def test_a_reset_that_a_write_meets_is_read_as_one(self) -> None:
        # The kernel tells of it once; to read would find an end, as of a half-close.
        for number in (errno.EPIPE, errno.ECONNRESET, errno.ETIMEDOUT):
            made, _ = self.make(-number)
            made.write(b"hello")
            self.assertIs(main.CONNECTION_LOST, made.doRead())

    def test_a_reset_that_is_told_as_a_clean_end_is_none(self) -> None:
        # epoll does so, now and then, while the kernel is still at the reset.
        for number, expected in (
            (errno.ECONNRESET, main.CONNECTION_LOST),
            (0, main.CONNECTION_DONE),
        ):
            made, sock = self.make()
            sock.error = number
            made.readConnectionLost(Failure(main.CONNECTION_DONE))
            assert self.protocol.reason is not None
            self.assertIs(expected, self.protocol.reason.value)

    def test_an_error_in_the_rest_of_a_write_ends_the_connection(self) -> None:
        made, _ = self.make(2, -errno.EPIPE)
        made.write(b"hello")
        self.run_writer(made)
        assert self.protocol.reason is not None
        self.assertIs(main.CONNECTION_LOST, self.protocol.reason.value)

    def test_an_error_while_something_is_written_after_the_loss_is_dropped(self) -> None:
        made, sock = self.make()
        made.connectionLost(Failure(main.CONNECTION_LOST))
        made.write(b"hello")
        self.assertEqual([], sock.taken)
        self.assertFalse(self.wants_to_write(made))

    def test_what_sends_now_is_there_while_nothing_waits(self) -> None:
        made, sock = self.make(1)
        assert made.send_now is not None
        made.write(b"ab")
        self.assertIsNone(made.send_now)
        self.run_writer(made)
        assert made.send_now is not None
        self.assertEqual(3, made.send_now(b"cde"))
        self.assertEqual(b"abcde", b"".join(sock.taken))

    def test_what_sends_now_is_gone_with_the_connection(self) -> None:
        for end in ("loseConnection", "loseWriteConnection", "connectionLost"):
            made, _ = self.make()
            getattr(made, end)(*[Failure(main.CONNECTION_DONE)] * (end == "connectionLost"))
            self.assertIsNone(made.send_now, end)
            self.run_writer(made)
            self.assertIsNone(made.send_now, end)

    def test_after_lose_connection_what_is_written_still_goes_out_first(self) -> None:
        made, sock = self.make()
        made.loseConnection()
        made.write(b"hello")
        self.assertEqual([], sock.offered)
        self.run_writer(made)
        self.assertEqual(b"hello", b"".join(sock.taken))
        assert self.protocol.reason is not None
        self.assertIs(main.CONNECTION_DONE, self.protocol.reason.value)

    def test_after_lose_write_connection_nothing_overtakes_the_half_close(self) -> None:
        made, sock = self.make()
        made.loseWriteConnection()
        made.write(b"hello")
        self.assertEqual([], sock.offered)
        self.run_writer(made)
        self.assertEqual(b"hello", b"".join(sock.taken))
        self.assertEqual([1], sock.shut)
        made.write(b"late")
        self.assertEqual(b"hello", b"".join(sock.taken))

    def test_after_abort_nothing_is_sent(self) -> None:
        made, sock = self.make()
        made.reactor = SimpleNamespace(
            **{name: getattr(self.reactor, name) for name in ("addWriter", "removeWriter")},
            removeReader=self.reactor.removeReader,
            callLater=lambda *_: None,
        )
        made.abortConnection()
        made.write(b"hello")
        made.doWrite()
        self.assertEqual([], sock.offered)

    def test_a_producer_hears_nothing_while_the_kernel_takes_all(self) -> None:
        made, sock = self.make()
        producer = Producer()
        made.registerProducer(producer, True)
        made.write(b"x" * 100_000)
        self.assertEqual([], producer.told)
        self.assertEqual([100_000], [len(data) for data in sock.taken])

    def test_a_producer_is_paused_at_the_bound_and_resumed_when_all_is_out(self) -> None:
        made, _ = self.make(0)
        producer = Producer()
        made.registerProducer(producer, True)
        made.write(b"x" * 65_536)
        self.assertEqual([], producer.told)
        made.write(b"x")
        self.assertEqual(["pause"], producer.told)
        self.run_writer(made)
        self.assertEqual(["pause", "resume"], producer.told)
        self.assertEqual(65_537, made.taken_bytes)

    def test_a_partial_write_pauses_the_producer_for_its_rest(self) -> None:
        made, _ = self.make(10)
        producer = Producer()
        made.registerProducer(producer, True)
        made.write(b"x" * 65_547)
        self.assertEqual(["pause"], producer.told)

    def test_much_is_offered_as_a_whole_and_its_rest_up_to_the_limit(self) -> None:
        made, sock = self.make(10)
        data = os.urandom(tcp.Server.SEND_LIMIT * 2 + 5)
        made.write(data)
        self.assertEqual([len(data)], sock.offered)
        self.run_writer(made)
        self.assertEqual(data, b"".join(sock.taken))
        self.assertLessEqual(max(sock.offered[1:]), tcp.Server.SEND_LIMIT)

    def test_exactly_the_limit_is_one_send(self) -> None:
        made, sock = self.make()
        made.write(b"x" * tcp.Server.SEND_LIMIT)
        self.assertEqual([tcp.Server.SEND_LIMIT], sock.offered)
        self.assertFalse(self.wants_to_write(made))

    def test_under_tls_of_its_own_it_stays_out_of_the_way(self) -> None:
        made, sock = self.make()
        through: list[bytes] = []
        self.patch(tcp.Server, "startTLS", lambda *_: setattr(made, "TLS", True))
        made.startTLS(None)
        made.protocol = SimpleNamespace(write=through.append)  # type: ignore[assignment]
        made.write(b"hello")
        self.assertEqual(([b"hello"], []), (through, sock.offered))


class PortTests(SynchronousTestCase):
    """Ports whose clients get these transports."""

    def test_ports_get_the_transport_of_their_kind(self) -> None:
        tcp_port = tcp.Port(0, Factory(), reactor=MemoryReactor())
        unix_port = unix.Port("/nowhere", Factory(), reactor=MemoryReactor())
        transport.write_at_once(tcp_port)
        transport.write_at_once(unix_port)
        self.assertIs(TCPTransport, tcp_port.transport)
        self.assertIs(UNIXTransport, unix_port.transport)

    def test_a_tls_port_loses_its_buffer_of_small_writes(self) -> None:
        factory = TLSMemoryBIOFactory(CertificateOptions(), False, Factory.forProtocol(Protocol))
        port = tcp.Port(0, factory, reactor=MemoryReactor())
        self.assertIsNot(TLSMemoryBIOProtocol, factory.protocol)
        transport.write_at_once(port)
        secure = factory.buildProtocol(None)
        self.assertIs(TLSMemoryBIOProtocol, type(secure))
        self.assertIs(TCPTransport, port.transport)

    def test_a_tls_client_that_gets_no_protocol_is_dropped(self) -> None:
        inner = Factory()
        inner.buildProtocol = lambda addr: None  # type: ignore[method-assign]
        factory = TLSMemoryBIOFactory(CertificateOptions(), False, inner)
        transport.write_at_once(tcp.Port(0, factory, reactor=MemoryReactor()))
        self.assertIsNone(factory.buildProtocol(None))

    def test_other_ports_keep_theirs(self) -> None:
        port: Any = SimpleNamespace(transport=None)
        transport.write_at_once(port)
        self.assertIsNone(port.transport)

    def test_it_goes_before_twisteds_own_transports(self) -> None:
        for kind in (TCPTransport, UNIXTransport):
            self.assertIs(WriteAtOnce.write, kind.write)
            self.assertIs(WriteAtOnce.writeSomeData, kind.writeSomeData)
