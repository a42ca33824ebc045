"""The cache of one process."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Coroutine
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.internet.testing import Clock
from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp import cache
from actionhero_tcp.cache import DEFAULT_MAX_ENTRIES, MAX_EXPIRE_MS, CacheEntry, LocalCache
from actionhero_tcp.errors import UnserializableError

from .support import PROPERTY

KEYS = st.sampled_from("abcdef")
EIGHTHS = st.integers(1, 12)
"""Times in eighths of a second, which floats hold exactly."""


class CacheTestCase(SynchronousTestCase):
    """Has a clock, and a cache that holds three entries."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.cache = LocalCache(self.clock, 3)

    def run_now(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        """What a coroutine returns that waits for nothing."""
        return self.successResultOf(Deferred.fromCoroutine(coroutine))

    def save(self, key: str, value: object = 1, expire_ms: float | None = None) -> Any:
        """Saves, and gives the answer."""
        return self.run_now(self.cache.save(key, value, expire_ms))

    def entry(self, key: str) -> CacheEntry | None:
        """The entry of a key."""
        entry: CacheEntry | None = self.run_now(self.cache.load(key))
        return entry

    def load(self, key: str) -> Any:
        """The value of a key, which must be there."""
        entry = self.entry(key)
        assert entry is not None, key
        return entry.value

    def destroy(self, key: str) -> Any:
        """Destroys, and gives the answer."""
        return self.run_now(self.cache.destroy(key))

    def refused(self, kind: type[Exception], value: object, expire_ms: Any = None) -> None:
        """Checks that a value cannot be saved."""
        self.failureResultOf(Deferred.fromCoroutine(self.cache.save("a", value, expire_ms)), kind)


class SaveAndLoadTests(CacheTestCase):
    """Saving, loading and destroying."""

    def test_loads_what_was_saved(self) -> None:
        value = {"a": [1, 2.5, None, True, "☃\n"]}
        self.save("a", value)
        self.assertEqual(value, self.load("a"))

    def test_tells_a_new_record_from_an_updated_one(self) -> None:
        self.assertEqual("new record", self.save("a"))
        self.assertEqual("updated record", self.save("a"))
        self.destroy("a")
        self.assertEqual("new record", self.save("a"))

    def test_the_latest_value_counts(self) -> None:
        self.save("a", 1)
        self.save("a", 2)
        self.assertEqual((2, 1), (self.load("a"), len(self.cache)))

    def test_gives_nothing_for_an_unknown_key(self) -> None:
        self.assertIsNone(self.entry("a"))

    def test_none_is_a_value(self) -> None:
        self.save("a", None)
        self.assertIsNotNone(self.entry("a"))
        self.assertIsNone(self.load("a"))

    def test_destroy_tells_whether_it_was_there(self) -> None:
        self.save("a")
        self.assertIs(True, self.destroy("a"))
        self.assertIs(False, self.destroy("a"))
        self.assertIsNone(self.entry("a"))

    def test_size_counts_entries(self) -> None:
        sizes = [self.run_now(self.cache.size())]
        for key in "ab":
            self.save(key)
            sizes.append(self.run_now(self.cache.size()))
        self.destroy("a")
        self.assertEqual([0, 1, 2, 1], [*sizes, self.run_now(self.cache.size())])
        self.assertEqual(1, len(self.cache))

    def test_what_the_saver_changes_afterwards_changes_nothing(self) -> None:
        value = {"list": [1]}
        self.save("a", value)
        value["list"].append(2)
        self.assertEqual({"list": [1]}, self.load("a"))

    def test_what_a_loader_changes_changes_nothing(self) -> None:
        self.save("a", {"list": [1]})
        self.load("a")["list"].append(2)
        self.assertEqual({"list": [1]}, self.load("a"))

    def test_keeps_any_text(self) -> None:
        self.save("\ud800\n", ["\udfff", "\0"])
        self.assertEqual(["\udfff", "\0"], self.load("\ud800\n"))

    def test_refuses_what_is_no_json(self) -> None:
        for value in (b"x", {1: 2}, float("nan"), {1}, [object()]):
            self.refused(UnserializableError, value)
        self.assertEqual(0, len(self.cache))

    def test_a_refused_value_leaves_what_was_there(self) -> None:
        self.save("a", 1)
        self.refused(UnserializableError, b"x")
        self.assertEqual(1, self.load("a"))

    def test_refuses_times_that_are_not_positive(self) -> None:
        self.save("a", 1)
        for expire_ms in (0, -1, -0.5, float("nan"), float("-inf")):
            self.refused(ValueError, 2, expire_ms)
        self.assertEqual(1, self.load("a"))

    def test_refuses_an_infinite_time(self) -> None:
        self.save("a", 1)
        self.refused(ValueError, 2, float("inf"))
        self.assertEqual(1, self.load("a"))

    def test_takes_times_of_up_to_a_hundred_years(self) -> None:
        self.save("a", 1, MAX_EXPIRE_MS)
        for expire_ms in (MAX_EXPIRE_MS + 1, 1e308):
            self.refused(ValueError, 2, expire_ms)
        self.assertEqual(1, self.load("a"))
        self.clock.advance(MAX_EXPIRE_MS / 1000)
        self.assertEqual(0, len(self.cache))

    def test_tells_when_it_was_saved_and_read(self) -> None:
        now = 1346909099.5
        self.patch(cache.time, "time", lambda: now)
        self.save("a", 5)
        now += 1
        self.assertEqual(CacheEntry(5, 1346909099500, None, None), self.entry("a"))
        now += 1
        self.assertEqual(CacheEntry(5, 1346909099500, 1346909100500, None), self.entry("a"))
        self.assertEqual(CacheEntry(5, 1346909099500, 1346909101500, None), self.entry("a"))

    def test_tells_when_it_will_expire(self) -> None:
        self.patch(cache.time, "time", lambda: 1346909099.5)
        self.save("a", 5, 250)
        self.assertEqual(CacheEntry(5, 1346909099500, None, 1346909099750), self.entry("a"))

    def test_saving_again_begins_anew(self) -> None:
        now = 1000.0
        self.patch(cache.time, "time", lambda: now)
        self.save("a", 1, 5000)
        self.entry("a")
        now = 2000.0
        self.save("a", 2)
        self.assertEqual(CacheEntry(2, 2000_000, None, None), self.entry("a"))


class BoundTests(CacheTestCase):
    """The bound on how many entries there are."""

    def keys(self) -> str:
        """The keys that are there; asking changes the order of use to the alphabet's."""
        return "".join(key for key in "abcdef" if self.entry(key))

    def test_holds_ten_thousand_by_default(self) -> None:
        self.assertEqual(10_000, DEFAULT_MAX_ENTRIES)
        self.cache = LocalCache(self.clock)
        for number in range(DEFAULT_MAX_ENTRIES + 5):
            self.save(str(number))
        self.assertEqual(DEFAULT_MAX_ENTRIES, len(self.cache))
        self.assertIsNone(self.entry("4"))
        self.assertIsNotNone(self.entry("5"))

    def test_the_oldest_goes_first(self) -> None:
        for key in "abcd":
            self.save(key)
        self.assertEqual("bcd", self.keys())

    def test_loading_counts_as_use(self) -> None:
        for key in "abc":
            self.save(key)
        self.entry("a")
        self.save("d")
        self.assertEqual("acd", self.keys())

    def test_saving_again_counts_as_use(self) -> None:
        for key in "abcad":
            self.save(key)
        self.assertEqual("acd", self.keys())

    def test_loading_in_vain_is_no_use(self) -> None:
        for key in "abc":
            self.save(key)
        self.entry("x")
        self.assertEqual("abc", self.keys())

    def test_updating_a_full_cache_removes_nothing(self) -> None:
        for key in "abcc":
            self.save(key)
        self.assertEqual("abc", self.keys())

    def test_one_entry_is_a_bound_too(self) -> None:
        self.cache = LocalCache(self.clock, 1)
        self.save("a")
        self.save("b")
        self.assertEqual("b", self.keys())

    def test_what_went_for_want_of_room_is_new_again(self) -> None:
        for key in "abcd":
            self.save(key)
        self.assertEqual("new record", self.save("a"))


class ExpiryTests(CacheTestCase):
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
        self.cache = LocalCache(self.clock, 1000)
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


class CloseTests(CacheTestCase):
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
