"""When what a turn produced is written."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp.connection.outbox import Outbox
from actionhero_tcp.connection.write_batch import WriteBatch
from tests.support import OutboxOwner, Soon, Writer, make_account


class TurnTests(SynchronousTestCase):
    """When what a turn produced is written."""

    def setUp(self) -> None:
        self.soon = Soon()
        self.write_batch = WriteBatch(self.soon)

    def outbox(self, max_said: int = 10_000) -> tuple[Outbox, Writer, OutboxOwner]:
        owner, writer = OutboxOwner(), Writer()
        outbox = Outbox(self.write_batch, owner, max_said, make_account())
        outbox.open(writer)
        return outbox, writer, owner

    def test_each_outbox_is_written_once_in_a_turn(self) -> None:
        (a, writes_a, _), (b, writes_b, _), (_, writes_c, _) = (self.outbox() for _ in range(3))
        with self.write_batch:
            for n in range(16):
                a.send(b"a%d " % n)
                b.send_event(b"b%d " % n)
            self.assertEqual([], writes_a.writes)
        self.assertEqual([b"".join(b"a%d " % n for n in range(16))], writes_a.writes)
        self.assertEqual([b"".join(b"b%d " % n for n in range(16))], writes_b.writes)
        self.assertEqual([], writes_c.writes)
        self.assertEqual([], self.soon.calls)

    def test_it_is_single_up_to_its_end(self) -> None:
        with self.write_batch:
            self.write_batch.single = True
            with self.write_batch:
                pass
            self.assertTrue(self.write_batch.single)
        self.assertFalse(self.write_batch.single)

    def test_a_turn_within_a_turn_ends_with_the_outer_one(self) -> None:
        outbox, writer, _ = self.outbox()
        with self.write_batch:
            with self.write_batch:
                outbox.send(b"1")
            self.assertEqual([], writer.writes)
            outbox.send(b"2")
        self.assertEqual([b"12"], writer.writes)

    def test_outside_of_a_turn_all_is_written_once_in_the_next_pass(self) -> None:
        outbox, writer, _ = self.outbox()
        outbox.send(b"1")
        outbox.send_event(b"2")
        self.write_batch.afterwards(lambda: writer.write(b"after"))
        self.assertEqual([], writer.writes)
        self.assertEqual(1, self.soon.one_pass())
        self.assertEqual([b"12", b"after"], writer.writes)
        self.assertEqual([], self.soon.calls)

    def test_a_pass_is_asked_for_again_after_the_last_one(self) -> None:
        outbox, writer, _ = self.outbox()
        outbox.send(b"1")
        self.soon.run()
        outbox.send(b"2")
        self.soon.run()
        self.assertEqual([b"1", b"2"], writer.writes)

    def test_a_turn_before_the_next_pass_writes_what_came_outside_of_it(self) -> None:
        outbox, writer, _ = self.outbox()
        outbox.send(b"1")
        with self.write_batch:
            outbox.send(b"2")
        self.assertEqual([b"12"], writer.writes)
        self.soon.run()
        self.assertEqual([b"12"], writer.writes)

    def test_afterwards_comes_when_everything_is_written(self) -> None:
        outbox, writer, _ = self.outbox()
        seen: list[list[bytes]] = []
        with self.write_batch:
            self.write_batch.afterwards(lambda: seen.append(list(writer.writes)))
            outbox.send(b"1")
        self.assertEqual([[b"1"]], seen)

    def test_what_is_produced_afterwards_is_written_in_the_same_turn(self) -> None:
        outbox, writer, _ = self.outbox()
        order: list[bytes] = []

        def first() -> None:
            outbox.send(b"late")
            self.write_batch.afterwards(lambda: order.append(b"".join(writer.writes)))

        with self.write_batch:
            self.write_batch.afterwards(first)
        self.assertEqual([b"late"], order)
        self.assertEqual([], self.soon.calls)

    def test_a_call_that_fails_is_logged_and_the_others_come(self) -> None:
        called: list[int] = []
        with self.write_batch:
            self.write_batch.afterwards(lambda: 1 / 0)  # type: ignore[arg-type, return-value]
            self.write_batch.afterwards(lambda: called.append(1))
        self.assertEqual([1], called)
        self.assertEqual(1, len(self.flushLoggedErrors(ZeroDivisionError)))

    def test_an_error_in_a_turn_passes_through_and_what_was_produced_is_written(self) -> None:
        outbox, writer, _ = self.outbox()
        with self.assertRaises(ZeroDivisionError), self.write_batch:
            outbox.send(b"1")
            raise ZeroDivisionError
        self.assertEqual([b"1"], writer.writes)
        with self.write_batch:
            outbox.send(b"2")
        self.assertEqual([b"1", b"2"], writer.writes)

    def test_a_failing_transport_does_not_leave_the_turn_open(self) -> None:
        outbox, writer, _ = self.outbox()

        def fail(data: bytes) -> None:
            raise ZeroDivisionError

        writer.write = fail  # type: ignore[method-assign]
        with self.assertRaises(ZeroDivisionError), self.write_batch:
            outbox.send(b"1")
        other, written, _ = self.outbox()
        other.send(b"2")
        self.soon.run()
        self.assertEqual([b"2"], written.writes)

    def test_later_is_the_next_pass_even_within_a_turn(self) -> None:
        called: list[int] = []
        with self.write_batch:
            self.write_batch.later(lambda: called.append(1))
        self.assertEqual([], called)
        self.soon.one_pass()
        self.assertEqual([1], called)


class LateTests(SynchronousTestCase):
    """What is sent by actions that had to wait."""

    def test_it_is_written_at_once(self) -> None:
        written: list[str] = []
        batch = WriteBatch(Soon())
        with batch.late:
            batch.afterwards(lambda: written.append("late"))
        self.assertEqual(["late"], written)

    def test_on_an_asyncio_reactor_it_is_written_together_in_the_next_pass(self) -> None:
        written: list[str] = []
        soon = Soon()
        batch = WriteBatch(soon, joins_late=True)
        for name in ("first", "second"):
            with batch.late:
                batch.afterwards(lambda name=name: written.append(name))
        self.assertEqual([], written)
        self.assertEqual(1, soon.one_pass())
        self.assertEqual(["first", "second"], written)
