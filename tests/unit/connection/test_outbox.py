"""What waits to go to one client."""

from __future__ import annotations

import errno
from typing import Any, cast

from twisted.internet import main
from twisted.internet.interfaces import IPushProducer
from twisted.internet.protocol import Protocol, connectionDone
from twisted.internet.testing import MemoryReactor
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from actionhero_tcp.connection.estimate import LINE_BYTES
from actionhero_tcp.connection.memory import Account
from actionhero_tcp.connection.outbox import HIGH_WATER, Outbox, send_event_at_once
from actionhero_tcp.connection.write_batch import WriteBatch
from actionhero_tcp.errors import FileCutError
from actionhero_tcp.net.transport import TCPTransport
from tests.support import FakeSocket, OutboxOwner, Soon, Writer, make_account


class Reader:
    """A file of some chunks."""

    def __init__(self, *chunks: bytes) -> None:
        self.chunks = list(chunks)
        self.closed = 0
        self.reads = 0

    def read(self) -> bytes:
        assert not self.closed, "read after close"
        self.reads += 1
        return self.chunks.pop(0) if self.chunks else b""

    def close(self) -> None:
        self.closed += 1


class OutboxTests(SynchronousTestCase):
    """Joining, bounds and pauses."""

    def setUp(self) -> None:
        self.soon = Soon()
        self.write_batch = WriteBatch(self.soon)
        self.owner = OutboxOwner()
        self.writer = Writer()
        self.account = make_account()
        self.outbox = Outbox(self.write_batch, self.owner, 200_000, self.account)
        self.outbox.open(self.writer)

    def test_what_is_written_at_the_end_of_the_turn_is_never_charged(self) -> None:
        charged: list[int] = []
        self.patch(Account, "charge", lambda account, size: charged.append(size))
        with self.write_batch:
            self.outbox.send(b"x" * 1000)
            self.outbox.send_event(b"x" * 1000)
        self.outbox.send(b"x")
        self.soon.run()
        self.assertEqual(3, len(b"".join(self.writer.writes)) // 667)
        self.assertEqual([], charged)

    def test_what_waits_is_charged_until_the_transport_has_it(self) -> None:
        self.outbox.pauseProducing()
        for number in range(1, 4):
            with self.write_batch:
                self.outbox.send(b"x" * 1000)
                self.outbox.send_event(b"y" * 500)
            self.assertEqual(number * (1500 + 2 * LINE_BYTES), self.account.held)
        self.outbox.resumeProducing()
        self.assertEqual(0, self.account.held)
        self.assertEqual(4500, len(b"".join(self.writer.writes)))

    def test_what_is_dropped_is_charged_no_more(self) -> None:
        self.outbox.pauseProducing()
        self.outbox.send(b"x" * 1000)
        self.soon.run()
        self.assertEqual(1000 + LINE_BYTES, self.account.held)
        self.outbox.close()
        self.assertEqual(0, self.account.held)

    def test_what_waits_for_a_response_is_charged(self) -> None:
        slot = self.outbox.hold()
        with self.write_batch:
            self.outbox.send(b"x" * 1000)
        self.assertEqual(1000 + 2 * LINE_BYTES, self.account.held)
        slot.take(b"first")
        self.soon.run()
        self.soon.run()
        self.assertEqual((0, 1005), (self.account.held, len(b"".join(self.writer.writes))))

    def say_without_end(self, size: int, count: int) -> int:
        """Says so many bytes so often, each in a turn; gives the first overflow's number."""
        for n in range(1, count + 1):
            with self.write_batch:
                self.outbox.send_event(b"x" * size)
            if "overflowed" in self.owner.told:
                return n
        return 0

    def test_it_is_a_push_producer(self) -> None:
        self.assertTrue(verifyObject(IPushProducer, self.outbox))
        self.assertIs(self.outbox, self.writer.producer)
        self.assertIs(True, self.writer.streaming)

    def test_a_new_one_is_empty(self) -> None:
        self.assertTrue(self.outbox.empty)
        self.assertFalse(self.outbox.full)
        self.assertFalse(self.outbox.blocked)

    def test_order_is_kept_between_answers_and_what_others_say(self) -> None:
        with self.write_batch:
            self.outbox.send(b"1")
            self.outbox.send_event(b"2")
            self.outbox.send(b"3")
            self.assertFalse(self.outbox.empty)
        self.assertEqual([b"123"], self.writer.writes)
        self.assertTrue(self.outbox.empty)

    def test_a_single_part_is_written_as_it_is(self) -> None:
        data = b"only"
        with self.write_batch:
            self.outbox.send(data)
        self.assertIs(data, self.writer.writes[0])

    def test_much_is_written_in_mid_turn_so_that_memory_stays_bounded(self) -> None:
        chunk = b"x" * 10_000
        with self.write_batch:
            for _ in range(7):
                self.outbox.send(chunk)
            self.assertEqual([70_000], [len(data) for data in self.writer.writes])
            self.assertFalse(self.outbox.full)
            self.outbox.send(b"rest")
        self.assertEqual(b"rest", self.writer.writes[1])
        self.assertEqual(2, len(self.writer.writes))

    def test_exactly_the_high_water_still_waits_for_the_end_of_the_turn(self) -> None:
        with self.write_batch:
            self.outbox.send_event(b"x" * HIGH_WATER)
            self.assertEqual([], self.writer.writes)
            self.outbox.send_event(b"y")
            self.assertEqual(1, len(self.writer.writes))
        self.assertEqual(1, len(self.writer.writes))

    def test_much_said_to_a_client_that_reads_is_no_overflow(self) -> None:
        self.assertEqual(0, self.say_without_end(70_000, 50))
        self.assertEqual(50 * 70_000, sum(map(len, self.writer.writes)))
        self.assertEqual(([], 0), (self.owner.told, self.owner.filled))

    def test_nothing_is_written_while_blocked(self) -> None:
        self.outbox.pauseProducing()
        with self.write_batch:
            self.outbox.send(b"1")
        self.outbox.flush()
        self.assertEqual([], self.writer.writes)
        self.assertTrue(self.outbox.blocked)
        self.assertFalse(self.outbox.empty)

    def test_what_waited_is_written_once_on_resuming_and_the_owner_is_told(self) -> None:
        self.outbox.pauseProducing()
        for n in range(3):
            with self.write_batch:
                self.outbox.send(b"%d" % n)
        self.outbox.resumeProducing()
        self.assertEqual([b"012"], self.writer.writes)
        self.assertEqual(["blocked", "drained"], self.owner.told)
        self.assertFalse(self.outbox.blocked)

    def test_pausing_again_and_again_is_told_once(self) -> None:
        for _ in range(3):
            self.outbox.pauseProducing()
        self.assertEqual(["blocked"], self.owner.told)
        self.outbox.resumeProducing()
        self.outbox.pauseProducing()
        self.assertEqual(["blocked", "drained", "blocked"], self.owner.told)

    def test_resuming_again_and_again_writes_nothing_twice(self) -> None:
        self.outbox.pauseProducing()
        with self.write_batch:
            self.outbox.send(b"1")
        for _ in range(3):
            self.outbox.resumeProducing()
        self.assertEqual([b"1"], self.writer.writes)

    def test_a_transport_that_is_full_again_at_once_is_not_drained(self) -> None:
        self.writer.room = 1
        with self.write_batch:
            self.outbox.send(b"1")
        self.assertEqual(["blocked"], self.owner.told)
        with self.write_batch:
            self.outbox.send(b"2")
        self.outbox.resumeProducing()
        self.assertEqual([b"1", b"2"], self.writer.writes)
        self.assertEqual(["blocked", "blocked"], self.owner.told)
        self.outbox.resumeProducing()
        self.assertEqual(["blocked", "blocked", "drained"], self.owner.told)

    def test_it_is_full_past_the_high_water(self) -> None:
        self.outbox.pauseProducing()
        with self.write_batch:
            self.outbox.send(b"x" * HIGH_WATER)
            self.assertEqual((False, 0), (self.outbox.full, self.owner.filled))
            self.outbox.send(b"x")
            self.assertEqual((True, 1), (self.outbox.full, self.owner.filled))
        self.outbox.resumeProducing()
        self.assertFalse(self.outbox.full)

    def test_what_others_say_past_the_bound_is_told_once(self) -> None:
        self.outbox.pauseProducing()
        self.assertEqual(3, self.say_without_end(70_000, 10))
        with self.write_batch:
            self.outbox.send_event(b"x" * 70_000)
        self.assertEqual(["blocked", "overflowed"], self.owner.told)

    def test_the_bound_itself_is_no_overflow(self) -> None:
        self.outbox.pauseProducing()
        self.assertEqual(0, self.say_without_end(100_000, 2))
        self.assertEqual(1, self.say_without_end(1, 1))

    def test_a_bound_below_the_high_water_holds_too(self) -> None:
        outbox = Outbox(self.write_batch, self.owner, 2000, make_account())
        outbox.open(Writer())
        outbox.pauseProducing()
        with self.write_batch:
            outbox.send_event(b"x" * 2001)
        self.assertIn("overflowed", self.owner.told)

    def test_own_answers_never_overflow(self) -> None:
        self.outbox.pauseProducing()
        for _ in range(10):
            with self.write_batch:
                self.outbox.send(b"x" * 100_000)
                self.outbox.send_event(b"y")
        self.assertEqual(["blocked"], self.owner.told)
        self.outbox.resumeProducing()
        self.assertEqual(10 * 100_001, len(b"".join(self.writer.writes)))

    def test_the_bound_counts_anew_once_what_waited_is_out(self) -> None:
        for _ in range(3):
            self.outbox.pauseProducing()
            self.assertEqual(0, self.say_without_end(100_000, 2))
            self.outbox.resumeProducing()
        self.assertNotIn("overflowed", self.owner.told)

    def test_the_owner_is_told_of_an_overflow_at_the_end_of_the_turn(self) -> None:
        self.outbox.pauseProducing()
        with self.write_batch:
            self.outbox.send_event(b"x" * 200_001)
            self.assertEqual(["blocked"], self.owner.told)
        self.assertEqual(["blocked", "overflowed"], self.owner.told)

    def test_before_it_is_opened_nothing_is_kept(self) -> None:
        outbox = Outbox(self.write_batch, self.owner, 10, make_account())
        reader = Reader(b"x")
        outbox.send(b"1")
        outbox.send_event(b"2")
        outbox.send_file(reader)  # type: ignore[arg-type]
        self.assertTrue(outbox.empty)
        self.assertEqual(1, reader.closed)
        self.assertEqual([], self.soon.calls)

    def test_closing_forgets_what_waits(self) -> None:
        self.outbox.pauseProducing()
        reader = Reader(b"x")
        with self.write_batch:
            self.outbox.send(b"x" * 100_000)
            self.outbox.send_file(reader)  # type: ignore[arg-type]
        self.outbox.close()
        self.assertTrue(self.outbox.empty)
        self.assertFalse(self.outbox.full)
        self.assertEqual((1, 0), (reader.closed, reader.reads))
        self.outbox.resumeProducing()
        self.assertEqual([], self.writer.writes)
        self.assertEqual(["blocked"], self.owner.told)

    def test_closing_leaves_the_producer_registered(self) -> None:
        self.outbox.close()
        self.assertIs(self.outbox, self.writer.producer)

    def test_a_transport_that_is_gone_closes_it(self) -> None:
        with self.write_batch:
            self.outbox.send(b"1")
            self.outbox.stopProducing()
            self.outbox.send(b"2")
        self.soon.run()
        self.assertEqual([], self.writer.writes)
        self.assertTrue(self.outbox.empty)

    def test_a_file_that_is_cut_short_closes_it_and_is_told(self) -> None:
        class Cut(Reader):
            def read(self) -> bytes:
                if self.chunks:
                    return super().read()
                raise FileCutError("page: the file became 3 bytes shorter")

        reader = Cut(b"12")
        with self.write_batch:
            self.outbox.send_file(reader)  # type: ignore[arg-type]
            self.outbox.send(b"the next answer")
        self.soon.run()
        self.assertEqual([b"12"], self.writer.writes)
        self.assertEqual(
            (1, ["cut: page: the file became 3 bytes shorter"]), (reader.closed, self.owner.told)
        )
        self.assertTrue(self.outbox.empty)

    def test_release_unregisters_and_drops_what_comes_later(self) -> None:
        with self.write_batch:
            self.outbox.send(b"1")
        self.outbox.release()
        self.assertIsNone(self.writer.producer)
        with self.write_batch:
            self.outbox.send(b"2")
            self.outbox.send_event(b"3")
        self.assertEqual([b"1"], self.writer.writes)

    def test_release_twice_does_no_harm(self) -> None:
        self.outbox.release()
        self.writer.unregisterProducer = lambda: self.fail("again")  # type: ignore[method-assign, assignment]
        self.outbox.release()


class FileTests(SynchronousTestCase):
    """Files, and what waits behind them."""

    def setUp(self) -> None:
        self.soon = Soon()
        self.write_batch = WriteBatch(self.soon)
        self.owner = OutboxOwner()
        self.writer = Writer()
        self.outbox = Outbox(self.write_batch, self.owner, 200_000, make_account())
        self.outbox.open(self.writer)

    def send_file(self, *chunks: bytes) -> Reader:
        reader = Reader(*chunks)
        self.outbox.send_file(reader)  # type: ignore[arg-type]
        return reader

    def test_everything_keeps_its_order_around_files(self) -> None:
        with self.write_batch:
            self.outbox.send(b"before1 ")
            self.outbox.send_event(b"before2 ")
            first = self.send_file(b"A1 ", b"A2 ")
            self.outbox.send(b"between1 ")
            self.outbox.send_event(b"between2 ")
            second = self.send_file(b"B1 ")
            self.outbox.send(b"after")
        self.soon.run()
        self.assertEqual(
            b"before1 before2 A1 A2 between1 between2 B1 after", b"".join(self.writer.writes)
        )
        self.assertEqual((1, 1), (first.closed, second.closed))
        self.assertTrue(self.outbox.empty)

    def test_what_comes_while_a_file_goes_out_follows_its_last_byte(self) -> None:
        with self.write_batch:
            self.send_file(b"A1 ", b"A2 ", b"A3 ")
        self.assertEqual([b"A1 "], self.writer.writes)
        with self.write_batch:
            self.outbox.send_event(b"said ")
        self.outbox.send(b"answer")
        self.outbox.flush()
        self.assertEqual([b"A1 "], self.writer.writes)
        self.soon.run()
        self.assertEqual(b"A1 A2 A3 said answer", b"".join(self.writer.writes))

    def test_a_file_goes_out_a_chunk_for_each_pass(self) -> None:
        with self.write_batch:
            reader = self.send_file(b"1", b"2", b"3")
        for reads in (1, 2, 3):
            self.assertEqual(reads, reader.reads)
            self.assertEqual(1, self.soon.one_pass())
        self.soon.run()
        self.assertEqual([b"1", b"2", b"3"], self.writer.writes)

    def test_the_owner_is_told_when_a_file_is_out(self) -> None:
        with self.write_batch:
            self.send_file(b"1")
        self.assertEqual([], self.owner.told)
        self.soon.run()
        self.assertEqual(["drained"], self.owner.told)

    def test_an_empty_file_sends_nothing(self) -> None:
        with self.write_batch:
            self.outbox.send(b"before ")
            reader = self.send_file()
            self.outbox.send(b"after")
        self.soon.run()
        self.assertEqual([b"before ", b"after"], self.writer.writes)
        self.assertEqual(1, reader.closed)

    def test_an_empty_file_alone_leaves_nothing(self) -> None:
        with self.write_batch:
            reader = self.send_file()
        self.assertTrue(self.outbox.empty)
        self.assertEqual(([], 1), (self.writer.writes, reader.closed))
        self.assertEqual([], self.soon.calls)

    def test_a_slow_client_holds_the_file_where_it_is(self) -> None:
        self.writer.room = 1
        with self.write_batch:
            reader = self.send_file(b"1", b"2")
            self.outbox.send(b"3")
        self.soon.run()
        self.assertEqual(([b"1"], 1), (self.writer.writes, reader.reads))
        self.outbox.resumeProducing()
        self.soon.run()
        self.assertEqual(([b"1", b"2"], 2), (self.writer.writes, reader.reads))
        self.outbox.resumeProducing()
        self.soon.run()
        self.outbox.resumeProducing()
        self.assertEqual(([b"1", b"2", b"3"], 1), (self.writer.writes, reader.closed))

    def test_a_file_sent_while_blocked_waits(self) -> None:
        self.outbox.pauseProducing()
        with self.write_batch:
            reader = self.send_file(b"1")
        self.soon.run()
        self.assertEqual(0, reader.reads)
        self.outbox.resumeProducing()
        self.soon.run()
        self.assertEqual([b"1"], self.writer.writes)

    def test_resuming_while_the_next_chunk_is_due_reads_nothing_twice(self) -> None:
        with self.write_batch:
            reader = self.send_file(b"1", b"2", b"3")
        self.outbox.pauseProducing()
        self.outbox.resumeProducing()
        self.outbox.resumeProducing()
        self.assertEqual(1, reader.reads)
        self.assertEqual(1, self.soon.one_pass())
        self.assertEqual(2, reader.reads)
        self.soon.run()
        self.assertEqual([b"1", b"2", b"3"], self.writer.writes)

    def test_two_files_are_as_many_as_may_wait(self) -> None:
        with self.write_batch:
            self.send_file(b"1")
            self.assertEqual((False, 0), (self.outbox.full, self.owner.filled))
            self.send_file(b"2")
            self.assertEqual((True, 1), (self.outbox.full, self.owner.filled))
        self.soon.run()
        self.assertFalse(self.outbox.full)

    def test_answers_behind_a_file_make_it_full(self) -> None:
        with self.write_batch:
            self.send_file(b"1", b"2")
            self.outbox.send(b"x" * (HIGH_WATER + 1))
            self.assertEqual((True, 1), (self.outbox.full, self.owner.filled))
        self.soon.run()
        self.assertFalse(self.outbox.full)
        self.assertEqual(2 + HIGH_WATER + 1, len(b"".join(self.writer.writes)))

    def test_what_is_said_behind_a_file_is_bounded_too(self) -> None:
        self.writer.room = 1
        with self.write_batch:
            self.send_file(b"1", b"2")
        for _ in range(3):
            with self.write_batch:
                self.outbox.send_event(b"x" * 100_000)
        self.assertEqual(["blocked", "overflowed"], self.owner.told)

    def test_what_was_said_before_a_file_counts_no_more_once_it_is_written(self) -> None:
        self.outbox.pauseProducing()
        with self.write_batch:
            self.outbox.send_event(b"x" * 150_000)
            self.send_file(b"1", b"2")
        self.writer.room = 1
        self.outbox.resumeProducing()
        self.assertEqual(1, len(self.writer.writes))
        with self.write_batch:
            self.outbox.send_event(b"y" * 150_000)
        self.assertNotIn("overflowed", self.owner.told)

    def test_a_file_that_waits_is_closed_with_the_transport(self) -> None:
        with self.write_batch:
            reader = self.send_file(b"1", b"2")
        self.outbox.stopProducing()
        self.soon.run()
        self.assertEqual(([b"1"], 1), (self.writer.writes, reader.closed))
        self.assertEqual([], self.owner.told)


class PlaceTests(SynchronousTestCase):
    """Places for files that are not there yet."""

    setUp = FileTests.setUp

    def test_what_is_sent_waits_for_it_and_follows_it(self) -> None:
        with self.write_batch:
            self.outbox.send(b"before ")
            place = self.outbox.hold()
            self.outbox.send(b" own")
        with self.write_batch:
            self.outbox.send_event(b" said")
        self.assertEqual(b"before ", b"".join(self.writer.writes))
        self.assertEqual(0, self.soon.one_pass())
        self.assertFalse(self.outbox.empty)
        place.take(cast(Any, Reader(b"a file", b" of two")))
        self.assertFalse(place.is_free)
        self.soon.run()
        self.assertEqual(b"before a file of two own said", b"".join(self.writer.writes))
        self.assertTrue(self.outbox.empty)
        self.assertEqual("drained", self.owner.told[-1])

    def test_a_response_may_take_it(self) -> None:
        with self.write_batch:
            place = self.outbox.hold()
            self.outbox.send(b"later")
        place.take(b"error ")
        self.soon.run()
        self.assertEqual(b"error later", b"".join(self.writer.writes))
        self.assertFalse(self.outbox.full)

    def test_nothing_may_take_it(self) -> None:
        with self.write_batch:
            place = self.outbox.hold()
            self.outbox.send(b"later")
        place.take(b"")
        self.soon.run()
        self.assertEqual(b"later", b"".join(self.writer.writes))

    def test_a_place_behind_a_file_and_one_behind_that(self) -> None:
        first = Reader(b"1", b"2")
        with self.write_batch:
            self.outbox.send_file(cast(Any, first))
            place, other = self.outbox.hold(), self.outbox.hold()
        other.take(cast(Any, Reader(b"4")))
        self.soon.run()
        self.assertEqual(b"12", b"".join(self.writer.writes))
        self.assertTrue(self.outbox.full)
        place.take(b"3")
        self.soon.run()
        self.assertEqual(b"1234", b"".join(self.writer.writes))
        self.assertFalse(self.outbox.full)

    def test_a_client_that_reads_nothing_holds_what_takes_it(self) -> None:
        with self.write_batch:
            place = self.outbox.hold()
        self.outbox.pauseProducing()
        place.take(b"answer")
        self.soon.run()
        self.assertEqual([], self.writer.writes)
        self.outbox.resumeProducing()
        self.assertEqual([b"answer"], self.writer.writes)

    def test_when_the_client_is_gone_the_file_is_closed(self) -> None:
        with self.write_batch:
            place = self.outbox.hold()
        self.outbox.close()
        reader = Reader(b"x")
        place.take(cast(Any, reader))
        self.assertEqual(1, reader.closed)
        self.outbox.hold().take(b"")
        self.assertEqual([], self.writer.writes)


class Listener(Protocol):
    """A client whose outbox writes to a transport over a fake socket.

    Args:
        turn: The turn.
        script: What the socket takes; see `FakeSocket`.
    """

    reason: Failure | None = None

    def __init__(self, write_batch: WriteBatch, *script: int) -> None:
        self.socket = FakeSocket(script)
        self.owner = OutboxOwner()
        self.outbox = Outbox(write_batch, self.owner, 100, make_account())
        self.reactor = MemoryReactor()
        self.wire = TCPTransport(self.socket, self, ("127.0.0.1", 1), None, 1, self.reactor)
        self.makeConnection(self.wire)  # type: ignore[arg-type]
        self.outbox.open(self.wire)  # type: ignore[arg-type]

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.reason = reason
        self.outbox.close()

    @property
    def heard(self) -> bytes:
        """What it has been sent, the reactor's part included."""
        while self.wire in self.reactor.getWriters():
            if error := self.wire.doWrite():
                self.wire.connectionLost(Failure(error))
        return b"".join(self.socket.taken)


class SayAtOnceTests(SynchronousTestCase):
    """`send_event_at_once`, to transports that send at once, and to others."""

    def setUp(self) -> None:
        self.soon = Soon()
        self.write_batch = WriteBatch(self.soon)

    def say(self, data: bytes, *listeners: Listener) -> None:
        """Says something to listeners, in a turn."""
        with self.write_batch:
            send_event_at_once([listener.outbox for listener in listeners], data)

    def test_it_is_sent_within_the_turn(self) -> None:
        ada, bob = Listener(self.write_batch), Listener(self.write_batch)
        with self.write_batch:
            send_event_at_once([ada.outbox, bob.outbox], b"hello")
            self.assertEqual(([b"hello"], [b"hello"]), (ada.socket.taken, bob.socket.taken))
            self.assertTrue(ada.outbox.empty)
        self.assertEqual((b"hello", b"hello"), (ada.heard, bob.heard))

    def test_it_follows_what_waits_for_the_end_of_the_turn(self) -> None:
        ada = Listener(self.write_batch)
        with self.write_batch:
            ada.outbox.send(b"1")
            send_event_at_once([ada.outbox], b"2")
            ada.outbox.send_event(b"3")
            self.assertEqual([], ada.socket.taken)
        self.assertEqual([b"123"], ada.socket.taken)

    def test_it_follows_a_file(self) -> None:
        ada = Listener(self.write_batch)
        with self.write_batch:
            ada.outbox.send_file(cast(Any, Reader(b"A1 ", b"A2 ")))
        self.say(b"said", ada)
        self.soon.run()
        self.assertEqual(b"A1 A2 said", ada.heard)

    def test_what_the_kernel_does_not_take_goes_out_in_order(self) -> None:
        for script in ((2,), (0,), (-errno.EAGAIN, -errno.EAGAIN)):
            ada = Listener(self.write_batch, *script)
            self.say(b"hello ", ada)
            self.say(b"you", ada)
            self.assertEqual(b"hello you", ada.heard)

    def test_one_that_is_lost_keeps_it_from_nobody(self) -> None:
        for number in (errno.EPIPE, errno.ECONNRESET):
            ada, bob = Listener(self.write_batch, *[-number] * 3), Listener(self.write_batch)
            self.say(b"hello", ada, bob)
            self.assertEqual((b"", b"hello"), (ada.heard, bob.heard))
            assert ada.reason is not None
            self.assertIs(main.CONNECTION_LOST, ada.reason.value)
            self.say(b"more", ada, bob)
            self.assertEqual((b"", b"hellomore"), (ada.heard, bob.heard))

    def test_what_a_client_that_takes_nothing_is_told_stays_bounded(self) -> None:
        ada = Listener(self.write_batch, -errno.EAGAIN, -errno.EAGAIN)
        self.say(b"x" * (HIGH_WATER + 1), ada)
        self.assertEqual(["blocked"], ada.owner.told)
        for _ in range(11):
            self.say(b"x" * 10, ada)
        self.assertEqual(["blocked", "overflowed"], ada.owner.told)
        self.assertEqual(HIGH_WATER + 1, ada.wire.buffered_bytes)

    def test_nothing_goes_past_a_wrapper(self) -> None:
        class Wrapper(Writer):
            """Gives what the transport below it has, as that of TLS does."""

            def __init__(self, below: Any) -> None:
                super().__init__()
                self.below = below

            def __getattr__(self, name: str) -> Any:
                return getattr(self.below, name)

        ada = Listener(self.write_batch)
        writer = Wrapper(ada.wire)
        self.assertIsNotNone(writer.send_now)
        outbox = Outbox(self.write_batch, ada.owner, 100, make_account())
        outbox.open(writer)
        with self.write_batch:
            send_event_at_once([outbox], b"secret")
        self.assertEqual(([b"secret"], []), (writer.writes, ada.socket.taken))

    def test_one_that_is_closed_hears_nothing(self) -> None:
        ada, bob = Listener(self.write_batch), Listener(self.write_batch)
        ada.outbox.close()
        bob.outbox.release()
        self.say(b"hello", ada, bob)
        self.assertEqual((b"", b""), (ada.heard, bob.heard))
