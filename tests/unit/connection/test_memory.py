"""Tests of `actionhero_tcp.connection.memory`: what clients hold, and what follows from it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.testing import Clock
from twisted.logger import LogEvent, formatEvent, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp.config.sections import Config, Limits
from actionhero_tcp.config.settings import LiveSettings, Settings
from actionhero_tcp.connection.memory import Account, MemoryBudget
from actionhero_tcp.stats import Stats
from tests.support import PROPERTY

MIB = 1024 * 1024


class Client:
    """Who holds something.

    Attributes:
        account: What it holds.
        reads: Whether it is read from.
        closed: Whether it was closed.
    """

    def __init__(self, budget: MemoryBudget, base: int = 1000) -> None:
        self.reads = True
        self.closed = False
        self.account: Account = budget.account(self, base)

    def hold_for_memory(self) -> None:
        assert self.reads
        self.reads = False

    def release_for_memory(self) -> None:
        assert not self.reads
        self.reads = True

    def close_for_memory(self) -> None:
        assert not self.closed
        self.closed = True
        # What a connection's end releases by itself.
        self.account.release(10)
        self.account.charge(10)
        self.account.close()


class MemoryTestCase(SynchronousTestCase):
    """A budget, and what was logged."""

    def setUp(self) -> None:
        self.events: list[LogEvent] = []
        globalLogPublisher.addObserver(self.events.append)
        self.addCleanup(globalLogPublisher.removeObserver, self.events.append)
        self.clock, self.stats = Clock(), Stats()

    def start(self, most: int = 16 * MIB, most_each: int = 8 * MIB, timeout: float = 30.0) -> None:
        limits = Limits(max_memory=most, max_connection_memory=most_each, memory_timeout=timeout)
        self.live = LiveSettings(Settings(Config(limits=limits)))
        self.budget = MemoryBudget(self.live, 1, self.clock, self.stats)

    def client(self, held: int = 0) -> Client:
        client = Client(self.budget)
        client.account.charge(held)
        return client

    @property
    def log(self) -> list[str]:
        return [formatEvent(event) for event in self.events]


class ConnectionTests(MemoryTestCase):
    """`limits.maxConnectionMemory`."""

    def test_one_that_holds_too_much_is_read_from_when_half_is_released(self) -> None:
        self.start(most=100 * MIB)
        client, other = self.client(5 * MIB), self.client(MIB)
        client.account.charge(5 * MIB)
        self.assertEqual((False, True), (client.reads, other.reads))
        client.account.release(5 * MIB)
        self.assertFalse(client.reads)
        client.account.release(2 * MIB)
        self.assertTrue(client.reads)
        self.assertEqual({"maxConnectionMemory": 1}, dict(self.stats.limited))

    def test_what_changes_its_size(self) -> None:
        self.start()
        account = self.client().account
        size = account.change(0, 500)
        size = account.change(size, 200)
        self.assertEqual((200, 1200, 1200), (size, account.held, self.budget.held))
        account.change(size, size)
        self.assertEqual(1200, account.held)

    def test_a_closed_account_holds_nothing_whatever_comes_later(self) -> None:
        self.start()
        client = self.client(5000)
        client.account.close()
        client.account.charge(100)
        client.account.release(200)
        client.account.close()
        self.assertEqual((0, 0), (client.account.held, self.budget.held))

    def test_one_that_closes_while_it_is_held_is_told_nothing_more(self) -> None:
        self.start()
        client = self.client(9 * MIB)
        client.account.close()
        self.assertFalse(client.reads)


class ProcessTests(MemoryTestCase):
    """`limits.maxMemory`."""

    def test_the_heaviest_are_not_read_from_until_half_is_released(self) -> None:
        self.start()
        light = [self.client(1000) for _ in range(10)]
        middle = [self.client(MIB) for _ in range(4)]
        heavy = [self.client(3 * MIB), self.client(4 * MIB)]
        self.assertTrue(all(each.reads for each in light + middle + heavy))
        middle[0].account.charge(2 * MIB)
        self.assertEqual([False, True], [heavy[1].reads, middle[1].reads])
        self.assertTrue(all(each.reads for each in light))
        heavy[1].account.release(4 * MIB)
        self.assertFalse(heavy[1].reads)
        heavy[0].account.release(2 * MIB)
        self.assertTrue(all(each.reads for each in light + middle + heavy))

    def test_meanwhile_who_takes_more_is_held_and_who_is_light_is_not(self) -> None:
        self.start()
        heavy = [self.client(6 * MIB), self.client(6 * MIB)]
        growing, light = self.client(), self.client()
        growing.account.charge(100_000)
        light.account.charge(2_000)
        self.assertEqual([False, True], [growing.reads, light.reads])
        for each in heavy:
            each.account.close()
        self.assertTrue(growing.reads)

    def test_new_ones_are_refused_until_enough_is_released(self) -> None:
        self.start()
        heavy = [self.client(7 * MIB), self.client(6 * MIB)]
        self.assertFalse(self.budget.refuses)
        heavy[1].account.charge(MIB + 1000)
        self.assertTrue(self.budget.refuses)
        heavy[1].account.release(MIB)
        self.assertTrue(self.budget.refuses)
        heavy[1].account.release(2 * MIB)
        self.assertFalse(self.budget.refuses)

    def test_past_the_limit_the_heaviest_are_closed(self) -> None:
        self.start()
        heavy = [self.client(7 * MIB), self.client(6 * MIB), self.client(2 * MIB)]
        heavy[2].account.charge(2 * MIB)
        self.assertEqual([True, False, False], [each.closed for each in heavy])
        self.assertLessEqual(self.budget.held, 16 * MIB)

    def test_those_who_hold_next_to_nothing_are_not_closed(self) -> None:
        self.start()
        light, heavy = self.client(1000), self.client(10_000)
        self.budget.account().charge(20 * MIB)
        self.assertEqual((False, True), (light.closed, heavy.closed))

    def test_a_part_of_the_server_counts_and_is_never_held_or_closed(self) -> None:
        self.start()
        part = self.budget.account()
        client = self.client(MIB)
        part.charge(20 * MIB)
        self.assertEqual((True, 20 * MIB), (client.closed, self.budget.held))
        self.assertTrue(self.budget.refuses)
        part.release(19 * MIB)
        self.assertFalse(self.budget.refuses)

    def test_who_is_held_for_too_long_is_closed(self) -> None:
        self.start(timeout=5)
        heavy = [self.client(6 * MIB + each) for each in range(2)]
        late = self.client()
        self.clock.pump([1, 1, 1])
        late.account.charge(100_000)
        self.clock.pump([1, 1, 1])
        # The first that is closed releases enough for the others.
        self.assertEqual(1, sum(each.closed for each in heavy))
        self.assertEqual((False, True), (late.closed, late.reads))

    def test_meanwhile_lines_of_the_heavy_have_to_wait(self) -> None:
        self.start()
        waiting, light = self.client(1000), self.client(1000)
        self.assertFalse(self.budget.must_wait(waiting.account, 60_000))
        heavy = self.client(13 * MIB)
        self.assertFalse(self.budget.must_wait(light.account, 1000))
        for _ in range(2):
            self.assertTrue(self.budget.must_wait(waiting.account, 60_000))
        self.assertEqual((False, True), (waiting.reads, light.reads))
        heavy.account.close()
        self.assertTrue(waiting.reads)

    def test_where_nothing_is_released_and_there_is_room_all_go_on(self) -> None:
        self.start()
        clients = [self.client(MIB) for _ in range(13)]
        self.assertTrue(self.budget.pressed)
        for each in clients[:3]:
            each.account.close()
        held = [each for each in clients if not each.reads]
        self.clock.advance(1)
        self.clock.advance(1)
        self.assertTrue(held)
        self.assertTrue(all(each.reads for each in clients[3:]))
        self.assertFalse(self.budget.pressed)

    def test_both_reasons_have_to_be_over(self) -> None:
        self.start(most_each=4 * MIB)
        client, other = self.client(5 * MIB), self.client(3 * MIB)
        third = self.client(3 * MIB)
        third.account.charge(2 * MIB)
        self.assertFalse(client.reads)
        other.account.close()
        third.account.close()
        self.assertFalse(client.reads)
        client.account.release(4 * MIB)
        self.assertTrue(client.reads)

    def test_a_reload_may_change_the_limit(self) -> None:
        self.start()
        self.client(5 * MIB)
        self.live.swap(Settings(Config(limits=Limits(max_memory=4 * MIB))))
        other = self.client(2 * MIB)
        self.assertLessEqual(self.budget.held, 4 * MIB)
        self.assertFalse(other.closed)

    def test_without_a_limit_of_its_own_the_default_holds(self) -> None:
        budget = MemoryBudget(LiveSettings(Settings(Config())), 5 * MIB, self.clock, self.stats)
        self.assertEqual(5 * MIB, budget.most)

    @given(st.lists(st.tuples(st.integers(0, 5), st.integers(-3 * MIB, 3 * MIB)), max_size=60))
    @PROPERTY
    def test_nothing_is_lost_and_all_are_read_from_in_the_end(
        self, steps: list[tuple[int, int]]
    ) -> None:
        self.clock = Clock()
        self.start()
        clients = [self.client() for _ in range(6)]
        for index, change in steps:
            if change < 0:
                clients[index].account.release(min(-change, clients[index].account.held - 1000))
            elif not clients[index].closed:
                clients[index].account.charge(change)
            self.assertLessEqual(self.budget.held, self.budget.most)
            self.assertEqual(sum(each.account.held for each in clients), self.budget.held)
            self.clock.advance(0.5)
        for each in clients:
            if not each.closed:
                each.account.release(each.account.held)
        self.assertTrue(all(each.reads or each.closed for each in clients))
        self.assertFalse(self.budget.refuses)
        self.clock.pump([1] * 70)
        self.assertEqual([], self.clock.getDelayedCalls())


class TellingTests(MemoryTestCase):
    """The counter and the log."""

    def test_one_line_a_minute(self) -> None:
        self.start()
        for _ in range(90):
            heavy = [self.client(6 * MIB), self.client(6 * MIB + 100_000)]
            if self.budget.refuses:
                self.budget.refused()
            self.clock.advance(1)
            for each in heavy:
                each.account.close()
        self.assertEqual(2, len(self.log), self.log)
        self.assertIn("of limits.maxMemory, 16 MiB", self.log[0])
        self.assertIn("refused, 0 closed", self.log[1])

    def test_each_effect_is_counted(self) -> None:
        self.start()
        self.budget.refused()
        self.client(13 * MIB)
        self.client(4 * MIB)
        self.assertEqual(4, self.stats.limited["maxMemory"])

    def test_the_timer_stops(self) -> None:
        self.start()
        self.client(13 * MIB)
        self.budget.stop()
        self.assertEqual([], self.clock.getDelayedCalls())
