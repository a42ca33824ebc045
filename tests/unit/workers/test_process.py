"""One worker's process, without a process."""

from __future__ import annotations

import signal

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp.workers import process as workerprocess
from actionhero_tcp.workers.process import FIRST_DELAY, LONGEST_DELAY, STEADY_SECONDS, Backoff
from actionhero_tcp.workers.worker import NOTIFY_DESCRIPTOR, WorkerSpec
from tests.support import PROPERTY
from tests.unit.workers.test_supervisor import SupervisorTestCase


class BackoffTests(SynchronousTestCase):
    """How long the next one waits."""

    def test_at_once_and_then_ever_longer_up_to_a_limit(self) -> None:
        backoff = Backoff()
        delays = [backoff.delay(1) for _ in range(9)]
        self.assertEqual([0, 1, 2, 4, 8, 16, 32, 60, 60], delays)
        self.assertEqual((1, 60), (FIRST_DELAY, LONGEST_DELAY))

    def test_one_that_has_lived_long_is_replaced_at_once(self) -> None:
        backoff = Backoff()
        for _ in range(5):
            backoff.delay(0)
        self.assertEqual(0, backoff.delay(STEADY_SECONDS))
        self.assertEqual(FIRST_DELAY, backoff.delay(0))

    @PROPERTY
    @given(st.lists(st.floats(0, 200), max_size=50))
    def test_whatever_they_live_there_is_no_storm(self, lives: list[float]) -> None:
        backoff, times, now = Backoff(), [], 0.0
        for lived in lives:
            now += lived + backoff.delay(lived)
            times.append(now)
        for earlier, later in zip(times, times[3:], strict=False):
            self.assertGreaterEqual(later - earlier, FIRST_DELAY)


class TellingTests(SupervisorTestCase):
    """What a worker tells of itself."""

    def test_what_they_tell_may_come_in_pieces(self) -> None:
        one, _, _ = self.start()
        for byte in b"STATUS=x\nREADY=1\n":
            self.assertFalse(one.is_ready)
            one.childDataReceived(NOTIFY_DESCRIPTOR, bytes([byte]))
        self.assertTrue(one.is_ready)

    def test_what_they_tell_without_end_is_forgotten(self) -> None:
        one, _, _ = self.start()
        for _ in range(10):
            one.childDataReceived(NOTIFY_DESCRIPTOR, b"x" * 100_000)
        self.assertLessEqual(len(one._rest), workerprocess.MAX_LINE_BYTES)


class WatchdogTests(SupervisorTestCase):
    """Workers that are stuck."""

    def setUp(self) -> None:
        super().setUp()
        self.notifier.watchdog = 10.0

    def test_one_without_a_sign_of_life_is_killed_as_systemd_would(self) -> None:
        one, two, three = self.start_all()
        self.assertEqual(10.0, WorkerSpec.decode(one.transport.written).watchdog)
        for _ in range(4):
            self.reactor.advance(5)
            for worker in (one, three):
                worker.childDataReceived(NOTIFY_DESCRIPTOR, b"WATCHDOG=1\n")
        self.assertIn((two.pid, "SIGABRT"), self.sent)
        self.assertIn("worker 2 (PID 1002) gave no sign of life for 10 s and is killed", self.log)

    def test_one_that_is_stopped_even_for_that_is_killed_for_good(self) -> None:
        one, *others = self.start_all()
        for _ in range(4):
            self.reactor.advance(5)
            for worker in others:
                worker.childDataReceived(NOTIFY_DESCRIPTOR, b"WATCHDOG=1\n")
        self.assertEqual([(one.pid, "SIGABRT"), (one.pid, "SIGKILL")], self.sent)
        self.end(one, number=signal.SIGKILL)
        self.reactor.advance(0)
        self.assertEqual(4, len(self.reactor.spawned))

    def test_one_that_starts_owes_no_sign(self) -> None:
        self.start()
        self.reactor.advance(60)
        self.assertEqual([], self.sent)

    def test_without_a_watchdog_nobody_is_killed(self) -> None:
        self.notifier.watchdog = 0.0
        self.start_all()
        self.reactor.advance(100_000)
        self.assertEqual([], self.sent)
