"""Tests of `actionhero_tcp.connection.heartbeat`."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp.connection.heartbeat import Heartbeat


class Owner:
    """A client that notes when its heart beats."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.active = False
        self.pinged: list[float] = []
        self.idle_at: list[float] = []

    def ping(self) -> None:
        self.pinged.append(self.clock.seconds())

    def was_active(self) -> bool:
        active, self.active = self.active, False
        return active

    def idle(self) -> None:
        self.idle_at.append(self.clock.seconds())


class HeartbeatTests(SynchronousTestCase):
    """Pings, and the idle timeout."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.owner = Owner(self.clock)

    def start(self, ping_interval: float = 0, idle_timeout: float = 0) -> Heartbeat:
        """A heart that beats."""
        heartbeat = Heartbeat(self.clock, self.owner, ping_interval, idle_timeout)
        self.addCleanup(lambda: self.assertEqual([], self.clock.getDelayedCalls()))
        self.addCleanup(heartbeat.stop)
        return heartbeat

    def test_it_pings_at_intervals(self) -> None:
        self.start(ping_interval=2)
        self.clock.pump([1] * 7)
        self.assertEqual([2, 4, 6], self.owner.pinged)

    def test_one_that_was_silent_from_the_start_is_idle_just_in_time(self) -> None:
        self.start(idle_timeout=8)
        self.clock.pump([1] * 7)
        self.assertEqual([], self.owner.idle_at)
        self.clock.advance(1)
        self.assertEqual([8], self.owner.idle_at)
        self.assertEqual([], self.clock.getDelayedCalls())

    def test_one_that_takes_part_is_not_idle(self) -> None:
        self.start(idle_timeout=8)
        for _ in range(10):
            self.clock.pump([1] * 7)
            self.owner.active = True
        self.assertEqual([], self.owner.idle_at)

    def test_it_is_idle_at_most_a_quarter_late(self) -> None:
        self.start(idle_timeout=8)
        self.clock.advance(0.5)
        self.owner.active = True
        self.clock.pump([0.5] * 15)
        self.assertEqual([], self.owner.idle_at)
        self.clock.pump([0.5] * 4)
        self.assertEqual([10], self.owner.idle_at)

    def test_one_that_is_idle_is_pinged_no_more(self) -> None:
        self.start(ping_interval=3, idle_timeout=4)
        self.clock.pump([1] * 20)
        self.assertEqual([3], self.owner.pinged)

    def test_without_either_there_are_no_timers(self) -> None:
        self.start()
        self.assertEqual([], self.clock.getDelayedCalls())
