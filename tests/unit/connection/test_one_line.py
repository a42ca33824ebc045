"""The outbox that writes one line at a time."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp.connection import one_line
from actionhero_tcp.connection.one_line import PAUSE_SECONDS, OneLineOutbox
from actionhero_tcp.connection.outbox import send_event_at_once
from actionhero_tcp.connection.write_batch import WriteBatch
from actionhero_tcp.net.transport import WriteAtOnce
from tests.support import OutboxOwner, Soon, Writer, make_account
from tests.unit.connection.test_outbox import Reader


class AtOnce(Writer, WriteAtOnce):
    """A transport that would send at once."""

    def send_now(self, data: bytes) -> int:
        raise AssertionError("it went past the outbox")


class OneLineTests(SynchronousTestCase):
    """Lines, pauses and ends."""

    def setUp(self) -> None:
        self.clock, self.soon = Clock(), Soon()
        self.write_batch = WriteBatch(self.soon)
        self.owner, self.writer, self.account = OutboxOwner(), Writer(), make_account()
        self.outbox = OneLineOutbox(self.write_batch, self.owner, 200_000, self.account, self.clock)
        self.outbox.open(self.writer)

    def test_one_line_and_the_next_after_a_pause(self) -> None:
        with self.write_batch:
            for line in (b"1\r\n", b"2\r\n", b"3\r\n"):
                self.outbox.send(line)
        self.assertEqual([b"1\r\n"], self.writer.writes)
        self.assertFalse(self.outbox.empty)
        self.clock.advance(PAUSE_SECONDS)
        self.assertEqual([b"1\r\n", b"2\r\n"], self.writer.writes)
        self.clock.advance(PAUSE_SECONDS)
        self.assertTrue(self.outbox.empty)
        self.assertEqual([b"1\r\n", b"2\r\n", b"3\r\n"], self.writer.writes)

    def test_a_line_of_a_later_batch_waits_as_well(self) -> None:
        with self.write_batch:
            self.outbox.send(b"1\r\n")
        self.clock.advance(PAUSE_SECONDS / 2)
        with self.write_batch:
            self.outbox.send(b"2\r\n")
        self.assertEqual([b"1\r\n"], self.writer.writes)
        self.clock.advance(PAUSE_SECONDS / 2)
        self.assertEqual([b"1\r\n", b"2\r\n"], self.writer.writes)
        self.clock.advance(PAUSE_SECONDS)
        self.assertEqual([], self.clock.getDelayedCalls())

    def test_lines_that_were_sent_as_one(self) -> None:
        with self.write_batch:
            self.outbox.send_event(b"1\r\n2\r\n")
            self.outbox.send(b"no end")
        for _ in range(2):
            self.clock.advance(PAUSE_SECONDS)
        self.assertEqual([b"1\r\n", b"2\r\n", b"no end"], self.writer.writes)
        self.assertEqual(0, self.outbox.queued_bytes)

    def test_what_others_say_goes_no_way_around_it(self) -> None:
        transport = AtOnce()
        outbox = OneLineOutbox(self.write_batch, self.owner, 1000, self.account, self.clock)
        outbox.open(transport)
        with self.write_batch:
            for line in (b"1\r\n", b"2\r\n"):
                send_event_at_once([outbox], line)
        self.assertEqual([b"1\r\n"], transport.writes)
        outbox.close()

    def test_the_kernel_has_to_have_sent_the_line_before(self) -> None:
        unsent = [True, True, False]
        self.patch(one_line, "has_unsent", lambda writer: unsent.pop(0))
        with self.write_batch:
            self.outbox.send(b"1\r\n")
            self.outbox.send(b"2\r\n")
        for writes in (1, 1, 2):
            self.clock.advance(PAUSE_SECONDS)
            self.assertEqual(writes, len(self.writer.writes))

    def test_a_file_follows_the_lines_before_it(self) -> None:
        with self.write_batch:
            self.outbox.send(b"1\r\n")
            self.outbox.send_file(Reader(b"file"))
            self.outbox.send(b"2\r\n")
        self.assertEqual([b"1\r\n"], self.writer.writes)
        self.clock.advance(PAUSE_SECONDS)
        while self.soon.calls:
            self.soon.run()
        self.assertEqual([b"1\r\n", b"file", b"2\r\n"], self.writer.writes)

    def test_the_owner_hears_that_all_is_out(self) -> None:
        with self.write_batch:
            self.outbox.send(b"1\r\n")
            self.outbox.send(b"2\r\n")
        self.clock.advance(PAUSE_SECONDS)
        self.assertIn("drained", self.owner.told)

    def test_no_timer_outlives_it(self) -> None:
        with self.write_batch:
            self.outbox.send(b"1\r\n")
            self.outbox.send(b"2\r\n")
        self.outbox.close()
        self.assertEqual([], self.clock.getDelayedCalls())

    def test_too_much_is_too_much(self) -> None:
        with self.write_batch:
            for _ in range(3000):
                self.outbox.send_event(b"x" * 98 + b"\r\n")
        self.assertIn("overflowed", self.owner.told)
