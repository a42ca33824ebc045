"""The cache of one process."""

from __future__ import annotations

from collections import OrderedDict

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.testing import Clock

from actionhero_tcp.app import cache
from actionhero_tcp.app.cache import MAX_EXPIRE_MS, CacheEntry, LocalCache
from actionhero_tcp.config.sections import Limits
from tests.support import PROPERTY, make_account, make_live
from tests.support.caches import KEYS, CacheTestCase, Suite

EIGHTHS = st.integers(1, 12)
"""Times in eighths of a second, which floats hold exactly."""


STARTED = 1346909099.5
"""When each test starts, in seconds since 1970."""


class LocalCacheTestCase(CacheTestCase):
    """Has a clock, and a cache that holds three entries."""

    cache: LocalCache

    def fresh(self, max_entries: int = 3) -> None:
        self.bound(max_entries)
        self.clock = Clock()
        self.patch(cache.time, "time", lambda: STARTED + self.clock.seconds())
        self.cache = LocalCache(self.clock, make_account(), self.live)

    def now(self) -> float:
        return (STARTED + self.clock.seconds()) * 1000

    def wait(self) -> None:
        self.clock.advance(0.001953125)


class LocalSuiteTests(LocalCacheTestCase, Suite):
    """What every form of the cache has to do."""


class BytesTests(LocalCacheTestCase):
    """`max_bytes`."""

    def fill(self, max_bytes: int) -> None:
        self.fresh(max_entries=1000)
        self.bound(1000, max_bytes)

    def test_those_go_first_that_were_not_used_for_the_longest_time(self) -> None:
        self.fill(4 * 1024 * 1024)
        for key in "abc":
            self.save(key, "x" * 1024 * 1000)
        self.entry("a")
        self.save("d", "x" * 1024 * 1000)
        self.save("e", "x" * 1024 * 1000)
        self.assertIsNone(self.entry("b"))
        self.assertEqual("x" * 1024 * 1000, self.entry("a").value)
        self.assertLessEqual(self.cache.held, 4 * 1024 * 1024)

    def test_many_small_ones_count_for_more_than_their_text(self) -> None:
        self.fill(100 * 1024)
        for number in range(1000):
            self.save(str(number), 1)
        self.assertLess(len(self.cache), 200)

    def test_one_that_is_larger_than_all_may_be_stays_until_the_next(self) -> None:
        self.fill(1000)
        self.save("a", "x" * 2000)
        self.assertEqual(1, len(self.cache))
        self.save("b", "y")
        self.assertEqual(1, len(self.cache))

    def test_what_goes_is_counted_no_more(self) -> None:
        self.fill(1024 * 1024)
        self.save("a", "x" * 500)
        self.save("a", "x")
        self.save("b", "x", 1000)
        self.save("c", "x")
        self.destroy("c")
        self.clock.advance(2)
        self.destroy("a")
        self.assertEqual(0, self.cache.held)
        self.save("d", "x")
        self.cache.close()
        self.assertEqual(0, self.cache.held)

    def test_a_value_that_was_replaced_is_freed_though_its_expiry_stays(self) -> None:
        self.fill(1024 * 1024)
        for _ in range(50):
            self.save("a", "x" * 100_000, 60_000)
        kept = sum(len(record.encoded) for *_, record in self.cache._expiries)
        self.assertLess(kept, 200_000)


class TimeTests(LocalCacheTestCase):
    """What is told of times, exactly."""

    def test_takes_times_of_up_to_a_hundred_years(self) -> None:
        self.save("a", 1, MAX_EXPIRE_MS)
        self.clock.advance(MAX_EXPIRE_MS / 1000)
        self.assertEqual(0, len(self.cache))

    def test_tells_when_it_was_saved_and_read(self) -> None:
        self.save("a", 5)
        self.clock.advance(1)
        self.assertEqual(CacheEntry(5, 1346909099500, None, None), self.entry("a"))
        self.clock.advance(1)
        self.assertEqual(CacheEntry(5, 1346909099500, 1346909100500, None), self.entry("a"))
        self.assertEqual(CacheEntry(5, 1346909099500, 1346909101500, None), self.entry("a"))

    def test_tells_when_it_will_expire(self) -> None:
        self.save("a", 5, 250)
        self.assertEqual(CacheEntry(5, 1346909099500, None, 1346909099750), self.entry("a"))


class BoundTests(LocalCacheTestCase):
    """The bound on how many entries there are."""

    def test_holds_ten_thousand_by_default(self) -> None:
        entries = Limits().max_cache_entries
        self.assertEqual(10_000, entries)
        self.cache = LocalCache(self.clock, make_account(), make_live())
        for number in range(entries + 5):
            self.save(str(number))
        self.assertEqual(entries, len(self.cache))
        self.assertIsNone(self.entry("4"))
        self.assertIsNotNone(self.entry("5"))


class ExpiryTests(LocalCacheTestCase):
    """The removal of what has expired, which nobody has to ask for."""

    def test_goes_when_its_time_is_up(self) -> None:
        self.save("a", 1, 500)
        self.clock.advance(0.25)
        self.assertEqual(1, len(self.cache))
        self.clock.advance(0.25)
        self.assertEqual(0, len(self.cache))
        self.assertIsNone(self.entry("a"))

    def test_what_does_not_expire_stays(self) -> None:
        self.save("a", 1)
        self.save("b", 1, 1000)
        self.clock.advance(10**9)
        self.assertEqual((1, 1), (len(self.cache), self.load("a")))

    def test_without_expiry_there_is_no_timer(self) -> None:
        self.save("a")
        self.assertEqual([], self.clock.getDelayedCalls())

    def test_each_goes_at_its_own_time(self) -> None:
        for key, expire_ms in (("a", 2000), ("b", 1000), ("c", 3000)):
            self.save(key, 1, expire_ms)
        sizes = []
        for _ in range(3):
            self.clock.advance(1)
            sizes.append(len(self.cache))
        self.assertEqual([2, 1, 0], sizes)

    def test_several_go_at_once(self) -> None:
        for key in "abc":
            self.save(key, 1, 1000)
        self.clock.advance(1)
        self.assertEqual(0, len(self.cache))

    def test_there_is_one_timer_for_all(self) -> None:
        for key, expire_ms in (("a", 2000), ("b", 1000), ("c", 3000)):
            self.save(key, 1, expire_ms)
        self.assertEqual([1.0], [call.getTime() for call in self.clock.getDelayedCalls()])

    def test_no_timer_is_left_when_all_are_gone(self) -> None:
        for key, expire_ms in (("a", 2000), ("b", 1000)):
            self.save(key, 1, expire_ms)
        self.clock.pump([1, 1])
        self.assertEqual([], self.clock.getDelayedCalls())

    def test_the_timer_stays_when_the_last_is_destroyed(self) -> None:
        # To stop it, and to set one for the next entry, takes a third of what both take.
        self.save("a", 1, 1000)
        self.save("b", 1)
        (timer,) = self.clock.getDelayedCalls()
        self.destroy("a")
        self.destroy("b")
        self.assertEqual([], self.cache._expiries)
        self.clock.advance(0.5)
        self.save("a", 1, 1000)
        self.assertEqual([timer], self.clock.getDelayedCalls())
        self.clock.advance(0.9)
        self.assertEqual(1, len(self.cache))
        self.clock.advance(0.1)
        self.assertEqual(0, len(self.cache))
        self.assertEqual([], self.clock.getDelayedCalls())

    def test_a_timer_that_stayed_comes_earlier_for_an_earlier_expiry(self) -> None:
        self.save("a", 1, 3000)
        self.destroy("a")
        self.save("a", 1, 1000)
        self.clock.advance(1)
        self.assertEqual(0, len(self.cache))
        self.assertEqual([], self.clock.getDelayedCalls())

    def test_a_timer_that_stayed_ends_by_itself(self) -> None:
        self.save("a", 1, 1000)
        self.destroy("a")
        self.clock.advance(1)
        self.assertEqual([], self.clock.getDelayedCalls())

    def test_a_fraction_of_a_ms_is_a_time(self) -> None:
        self.save("a", 1, 0.5)
        self.assertEqual(1, len(self.cache))
        self.clock.advance(0.001)
        self.assertEqual(0, len(self.cache))

    def test_saving_again_prolongs(self) -> None:
        self.save("a", 1, 1000)
        self.clock.advance(0.5)
        self.save("a", 2, 1000)
        self.clock.advance(0.5)
        self.assertEqual(2, self.load("a"))
        self.clock.advance(0.5)
        self.assertEqual(0, len(self.cache))

    def test_saving_again_shortens(self) -> None:
        self.save("a", 1, 5000)
        self.save("a", 2, 1000)
        self.clock.advance(1)
        self.assertEqual(0, len(self.cache))

    def test_saving_again_without_a_time_keeps_for_ever(self) -> None:
        self.save("a", 1, 1000)
        self.save("a", 2)
        self.clock.advance(2)
        self.assertEqual(2, self.load("a"))

    def test_an_old_time_does_not_hit_a_new_record(self) -> None:
        self.save("a", 1, 1000)
        self.destroy("a")
        self.save("a", 2, 3000)
        self.clock.advance(2)
        self.assertEqual(2, self.load("a"))
        self.clock.advance(1)
        self.assertEqual(0, len(self.cache))

    def test_what_went_for_want_of_room_does_no_harm_later(self) -> None:
        self.save("a", 1, 1000)
        for key in "bcd":
            self.save(key)
        self.save("a")
        self.clock.advance(2)
        self.assertEqual(3, len(self.cache))

    def test_loading_does_not_prolong(self) -> None:
        self.save("a", 1, 1000)
        self.clock.advance(0.5)
        self.entry("a")
        self.clock.advance(0.5)
        self.assertEqual(0, len(self.cache))

    def test_replaced_records_do_not_pile_up(self) -> None:
        for number in range(5000):
            self.save("a", number, 1_000_000)
        self.assertLess(len(self.cache._expiries), 200)

    def test_destroyed_records_do_not_pile_up(self) -> None:
        for number in range(5000):
            self.save(str(number), 1, 1_000_000)
            self.destroy(str(number))
        self.assertLess(len(self.cache._expiries), 200)

    def test_records_without_room_do_not_pile_up(self) -> None:
        for number in range(5000):
            self.save(str(number), 1, 1_000_000)
        self.assertEqual(3, len(self.cache))
        self.assertLess(len(self.cache._expiries), 200)

    def test_tidying_up_loses_no_expiry(self) -> None:
        self.save("a", 1, 3000)
        self.save("b", 1, 1000)
        for number in range(1000):
            self.save("c", number, 2000)
        sizes = []
        for _ in range(3):
            self.clock.advance(1)
            sizes.append(len(self.cache))
        self.assertEqual([2, 1, 0], sizes)

    def test_tidying_up_keeps_the_order_of_expiry(self) -> None:
        self.cache = LocalCache(
            self.clock, make_account(), make_live({("limits", "max_cache_entries"): 1000})
        )
        for number in range(100):
            # 41 has no common divisor with 100: every second has one that stays.
            self.save(f"stays {number}", 1, 1000 * (1 + number * 41 % 100))
            for goes in range(5):
                self.save(f"goes {goes}", 1, 500 + number * 10 + goes)
        for goes in range(5):
            self.destroy(f"goes {goes}")
        sizes = []
        for _ in range(100):
            self.clock.advance(1)
            sizes.append(len(self.cache))
        self.assertEqual(list(range(99, -1, -1)), sizes)

    @PROPERTY
    @given(
        st.lists(
            st.tuples(st.just("save"), KEYS, st.none() | EIGHTHS)
            | st.tuples(st.just("load"), KEYS, st.none())
            | st.tuples(st.just("destroy"), KEYS, st.none())
            | st.tuples(st.just("advance"), st.just(""), EIGHTHS),
            max_size=60,
        )
    )
    def test_does_as_a_simple_model_does(self, steps: list[tuple[str, str, int | None]]) -> None:
        self.setUp()
        now = 0
        model: OrderedDict[str, tuple[int, float]] = OrderedDict()
        for number, (what, key, eighths) in enumerate(steps):
            if what == "advance":
                assert eighths is not None
                now += eighths
                self.clock.advance(eighths / 8)
            elif what == "save":
                known = model.pop(key, None)
                model[key] = number, float("inf") if eighths is None else now + eighths
                if len(model) > 3:
                    model.popitem(last=False)
                answer = self.save(key, number, None if eighths is None else eighths * 125)
                self.assertEqual("updated record" if known else "new record", answer)
            elif what == "load":
                entry = self.entry(key)
                self.assertEqual(key in model, entry is not None)
                if entry is not None:
                    model.move_to_end(key)
                    self.assertEqual(model[key][0], entry.value)
            else:
                self.assertEqual(model.pop(key, None) is not None, self.destroy(key))
            for gone in [k for k, (_, deadline) in model.items() if deadline <= now]:
                del model[gone]
            self.assertEqual(len(model), len(self.cache))
            self.assertLessEqual(len(self.clock.getDelayedCalls()), 1)


class CloseTests(LocalCacheTestCase):
    """Closing."""

    def test_empties_it_and_stops_its_timer(self) -> None:
        self.save("a", 1, 1000)
        self.save("b")
        self.cache.close()
        self.assertEqual(0, len(self.cache))
        self.assertEqual([], self.clock.getDelayedCalls())
        self.assertIsNone(self.entry("b"))

    def test_leaves_nothing_behind(self) -> None:
        self.save("a", 1, 1000)
        self.cache.close()
        self.assertEqual([], self.cache._expiries)

    def test_what_is_saved_after_it_expires_too(self) -> None:
        self.save("a", 1, 3000)
        self.cache.close()
        self.save("b", 1, 1000)
        self.clock.advance(1)
        self.assertEqual(0, len(self.cache))

    def test_without_a_timer(self) -> None:
        self.save("a")
        self.cache.close()
        self.assertEqual(0, len(self.cache))

    def test_twice_does_no_harm(self) -> None:
        self.save("a", 1, 1000)
        self.cache.close()
        self.cache.close()
        self.assertEqual([], self.clock.getDelayedCalls())
