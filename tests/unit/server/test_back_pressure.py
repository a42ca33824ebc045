"""`server.back_pressure`: each reason to read no more is set and released here."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from twisted.internet.testing import Clock, StringTransport
from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp import close_reasons
from actionhero_tcp.connection.state import ReadHold
from actionhero_tcp.connection.write_batch import WriteBatch
from actionhero_tcp.errors import FileCutError
from actionhero_tcp.server.back_pressure import MAX_BUFFERED, BackPressure
from actionhero_tcp.stats import Stats
from tests.support import Soon, make_budget, make_connection, make_live


class BackPressureTests(SynchronousTestCase):
    """Of a client that has been welcomed."""

    def setUp(self) -> None:
        self.clock, self.soon, self.stats = Clock(), Soon(), Stats()
        self.is_lingering = False
        self.reasons: list[str] = []
        self.told: list[str] = []
        self.connection = make_connection()
        context: Any = SimpleNamespace(
            memory=make_budget(),
            stats=self.stats,
            clock=self.clock,
            live=make_live({("limits", "write_timeout"): 5.0}),
            write_batch=WriteBatch(self.soon),
        )
        self.pressure = BackPressure(self, StringTransport(), context)
        self.outbox: Any = SimpleNamespace(full=False, blocked=True)
        self.reader: Any = SimpleNamespace(
            pause=lambda: self.told.append("pause"), resume=lambda: self.told.append("resume")
        )

    def open(self) -> None:
        self.pressure.open(self.connection, self.outbox, self.reader)

    # `BackPressureOwner`

    def overflowed(self, reason: str) -> None:
        self.reasons.append(reason)

    def drained(self) -> None:
        self.told.append("drained")

    def test_a_full_outbox_holds_until_it_has_drained(self) -> None:
        self.open()
        self.pressure.outbox_filled()
        self.assertEqual(ReadHold.OUTBOX, self.connection.holds)
        self.outbox.full = True
        self.pressure.resume()
        self.assertEqual(ReadHold.OUTBOX, self.connection.holds)
        self.outbox.full = False
        self.pressure.outbox_drained()
        self.assertFalse(self.connection.holds)
        self.assertEqual(["resume", "resume", "drained"], self.told)
        self.assertEqual(1, self.stats.limited["maxOutboxBytes"])

    def test_too_much_in_the_transport_holds_until_it_has_gone(self) -> None:
        self.open()
        self.pressure._buffered(MAX_BUFFERED + 1)
        self.pressure._buffered(MAX_BUFFERED + 2)
        self.assertEqual(ReadHold.TRANSPORT, self.connection.holds)
        self.assertEqual(["pause"], self.told)
        self.pressure._buffered(1)
        self.assertEqual(ReadHold.TRANSPORT, self.connection.holds)
        self.pressure._buffered(0)
        self.assertFalse(self.connection.holds)
        self.soon.run()
        self.assertEqual(["pause", "resume"], self.told)

    def test_on_the_way_out_it_drops_the_client(self) -> None:
        self.open()
        self.is_lingering = True
        self.pressure._buffered(MAX_BUFFERED + 1)
        self.assertEqual([close_reasons.WRITE_TIMEOUT], self.reasons)

    def test_memory_and_the_cluster_have_holds_of_their_own(self) -> None:
        self.open()
        self.pressure.hold_for_memory()
        self.pressure.hold_for_cluster()
        self.assertEqual(ReadHold.MEMORY | ReadHold.CLUSTER, self.connection.holds)
        self.pressure.release_for_memory()
        self.assertEqual(ReadHold.CLUSTER, self.connection.holds)
        self.pressure.release_for_cluster()
        self.assertFalse(self.connection.holds)

    def test_a_hold_before_the_welcome_holds_after_it(self) -> None:
        self.pressure.hold_for_memory()
        self.open()
        self.assertEqual(ReadHold.MEMORY, self.connection.holds)

    def test_a_client_that_takes_nothing_is_dropped(self) -> None:
        self.open()
        self.pressure.outbox_blocked()
        self.clock.advance(5)
        self.clock.advance(5)
        self.assertEqual([close_reasons.WRITE_TIMEOUT], self.reasons)
        self.assertEqual(1, self.stats.limited["writeTimeout"])

    def test_reasons_to_drop_the_client(self) -> None:
        self.open()
        self.pressure.outbox_overflowed()
        self.pressure.outbox_file_cut(FileCutError("shorter than it was"))
        self.pressure.close_for_memory()
        self.assertEqual(
            [close_reasons.SLOW_CONSUMER, close_reasons.FILE_CUT, close_reasons.OUT_OF_MEMORY],
            self.reasons,
        )

    def test_closed_it_charges_and_schedules_nothing(self) -> None:
        self.open()
        self.pressure.outbox_blocked()
        self.pressure.close()
        self.assertEqual([], self.clock.getDelayedCalls())
        self.pressure.resume()
        self.assertEqual([], self.told)
