"""What every form of the cache has to do."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Coroutine
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp.app.cache import MAX_EXPIRE_MS, MAX_VALUE_BYTES, Cache, CacheEntry
from actionhero_tcp.config.settings import LiveSettings
from actionhero_tcp.errors import UnserializableError
from tests.support import PATIENCE, PROPERTY, make_live

KEYS = st.sampled_from("abcdef")
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(-1e300, 1e300)
    # Lone surrogates too.
    | st.text(st.characters()),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters()), inner),
    max_leaves=10,
)

EACH_FORM = settings(
    PROPERTY,
    suppress_health_check=[*PROPERTY.suppress_health_check, HealthCheck.differing_executors],
)
"""For property tests that several classes share."""

SOON_MS = 30
"""A lifetime that a test can wait for."""

LATER_MS = 3_600_000
"""One that no test sees the end of."""


class CacheTestCase(SynchronousTestCase):
    """Has a cache that holds three entries. It answers at once, or blocks until it has.

    Attributes:
        cache: The cache.
    """

    cache: Cache
    live: LiveSettings

    def setUp(self) -> None:
        self.live = make_live()
        self.fresh()

    def bound(self, max_entries: int, max_bytes: int | None = None) -> None:
        """Sets how much the cache may hold, as a reload does."""
        values: dict[tuple[str, str], Any] = {("limits", "max_cache_entries"): max_entries}
        if max_bytes is not None:
            values["limits", "max_cache_bytes"] = max_bytes
        self.live.swap(make_live(values).current)

    def fresh(self, max_entries: int = 3) -> None:
        """Begins with an empty cache that holds so many entries."""
        raise NotImplementedError

    def now(self) -> float:
        """The cache's own clock, in ms since 1970."""
        raise NotImplementedError

    def wait(self) -> None:
        """Lets a little time go by, for the cache."""
        raise NotImplementedError

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

    @property
    def size(self) -> int:
        """How many entries there are."""
        size: int = self.run_now(self.cache.size())
        return size

    def keys(self) -> str:
        """The keys that are there; asking changes the order of use to the alphabet's."""
        return "".join(key for key in "abcdef" if self.entry(key))

    def refused(self, kind: type[Exception], value: object, expire_ms: Any = None) -> str:
        """Checks that a value cannot be saved, and gives the reason."""
        saving = Deferred.fromCoroutine(self.cache.save("a", value, expire_ms))
        return str(self.failureResultOf(saving, kind).value)

    def until(self, condition: Callable[[], bool]) -> None:
        """Waits, for as long as it takes."""
        end = time.monotonic() + PATIENCE
        while not condition():
            assert time.monotonic() < end, "waited in vain"
            self.wait()


class Suite:
    """The tests: a form of the cache takes them on together with its own `CacheTestCase`.

    They are in no TestCase of their own, since that would be run by itself.
    """

    def test_loads_what_was_saved(self: Any) -> None:
        value = {"a": [1, 2.5, None, True, "☃\n"]}
        self.save("a", value)
        self.assertEqual(value, self.load("a"))

    def test_tells_a_new_record_from_an_updated_one(self: Any) -> None:
        self.assertEqual("new record", self.save("a"))
        self.assertEqual("updated record", self.save("a"))
        self.destroy("a")
        self.assertEqual("new record", self.save("a"))

    def test_the_latest_value_counts(self: Any) -> None:
        self.save("a", 1)
        self.save("a", 2)
        self.assertEqual((2, 1), (self.load("a"), self.size))

    def test_gives_nothing_for_an_unknown_key(self: Any) -> None:
        self.assertIsNone(self.entry("a"))

    def test_counts_loads_that_found_something_and_that_did_not(self: Any) -> None:
        self.save("a")
        for key in "aab":
            self.entry(key)
        self.assertEqual((2, 1), (self.cache.hits, self.cache.misses))

    def test_none_is_a_value(self: Any) -> None:
        self.save("a", None)
        self.assertIsNotNone(self.entry("a"))
        self.assertIsNone(self.load("a"))

    def test_destroy_tells_whether_it_was_there(self: Any) -> None:
        self.save("a")
        self.assertIs(True, self.destroy("a"))
        self.assertIs(False, self.destroy("a"))
        self.assertIsNone(self.entry("a"))

    def test_size_counts_entries(self: Any) -> None:
        sizes = [self.size]
        for key in "ab":
            self.save(key)
            sizes.append(self.size)
        self.destroy("a")
        self.assertEqual([0, 1, 2, 1], [*sizes, self.size])

    def test_what_the_saver_changes_afterwards_changes_nothing(self: Any) -> None:
        value = {"list": [1]}
        self.save("a", value)
        value["list"].append(2)
        self.assertEqual({"list": [1]}, self.load("a"))

    def test_what_a_loader_changes_changes_nothing(self: Any) -> None:
        self.save("a", {"list": [1]})
        self.load("a")["list"].append(2)
        self.assertEqual({"list": [1]}, self.load("a"))

    def test_keeps_any_text(self: Any) -> None:
        self.save("\ud800\n", ["\udfff", "\0"])
        self.assertEqual(["\udfff", "\0"], self.load("\ud800\n"))

    def test_any_key_is_a_key_of_its_own(self: Any) -> None:
        keys = ["", " ", "*", "a:b", "{a}", "\0", "\r\n", "☃", "\ud800", "\\ud800", "a" * 10_000]
        self.fresh(len(keys))
        for key in keys:
            self.assertEqual("new record", self.save(key, key))
        self.assertEqual(len(keys), self.size)
        self.assertEqual(keys, [self.load(key) for key in keys])
        self.assertEqual([True] * len(keys), [self.destroy(key) for key in keys])
        self.assertEqual(0, self.size)

    @EACH_FORM
    @given(JSON)
    def test_any_json_comes_back_as_it_was(self: Any, value: object) -> None:
        self.save("a", value)
        self.assertEqual(value, self.load("a"))

    def test_refuses_what_is_no_json(self: Any) -> None:
        for value in (b"x", {1: 2}, float("nan"), {1}, [object()]):
            self.refused(UnserializableError, value)
        self.assertEqual(0, self.size)

    def test_a_refused_value_leaves_what_was_there(self: Any) -> None:
        self.save("a", 1)
        self.refused(UnserializableError, b"x")
        self.assertEqual(1, self.load("a"))

    def test_a_value_may_be_as_long_as_it_says_and_no_longer(self: Any) -> None:
        longest = "☃" * ((MAX_VALUE_BYTES - 2) // 3)
        longest += "a" * (MAX_VALUE_BYTES - 2 - len(longest.encode()))
        self.save("a", longest)
        self.assertEqual(longest, self.load("a"))
        self.assertEqual(
            "a value in the cache can take at most 1048576 bytes as JSON, not 1048577",
            self.refused(ValueError, longest + "a"),
        )
        self.assertEqual(longest, self.load("a"))

    def test_refuses_times_that_are_not_positive(self: Any) -> None:
        self.save("a", 1)
        for expire_ms in (0, -1, -0.5, float("nan"), float("-inf")):
            self.refused(ValueError, 2, expire_ms)
        self.assertEqual(1, self.load("a"))

    def test_refuses_an_infinite_time(self: Any) -> None:
        self.save("a", 1)
        self.refused(ValueError, 2, float("inf"))
        self.assertEqual(1, self.load("a"))

    def test_takes_times_of_up_to_a_hundred_years(self: Any) -> None:
        self.save("a", 1, MAX_EXPIRE_MS)
        for expire_ms in (MAX_EXPIRE_MS + 1, 1e308):
            self.refused(ValueError, 2, expire_ms)
        self.assertEqual(1, self.load("a"))

    def between(self: Any, first: float, moment: object, last: float) -> None:
        """Checks that something was at a whole ms within a time that may have begun in it."""
        self.assertIs(int, type(moment))
        self.assertLessEqual(int(first), moment)
        self.assertLessEqual(moment, last)

    def test_tells_when_it_was_saved_and_read(self: Any) -> None:
        times = [self.now()]
        self.save("a", 5)
        entries = []
        for _ in range(3):
            times.append(self.now())
            self.wait()
            entries.append(self.entry("a"))
        first, second, third = entries
        self.between(times[0], first.created_at, times[1])
        self.assertEqual((5, None, None), (first.value, first.read_at, first.expires_at))
        self.between(times[1], second.read_at, times[2])
        self.between(times[2], third.read_at, times[3])
        self.assertEqual({first.created_at}, {entry.created_at for entry in entries})

    def test_tells_when_it_will_expire(self: Any) -> None:
        for lifetime in (LATER_MS, LATER_MS - 0.5):
            self.save("a", 5, lifetime)
            entry = self.entry("a")
            self.assertEqual(LATER_MS, entry.expires_at - entry.created_at)

    def test_saving_again_begins_anew(self: Any) -> None:
        self.save("a", 1, LATER_MS)
        created_at = self.entry("a").created_at
        self.wait()
        self.save("a", 2)
        entry = self.entry("a")
        self.assertLess(created_at, entry.created_at)
        self.assertEqual(CacheEntry(2, entry.created_at, None, None), entry)

    # The bound on how many entries there are.

    def test_the_oldest_goes_first(self: Any) -> None:
        for key in "abcd":
            self.save(key)
        self.assertEqual(3, self.size)
        self.assertEqual("bcd", self.keys())

    def test_loading_counts_as_use(self: Any) -> None:
        for key in "abc":
            self.save(key)
        self.entry("a")
        self.save("d")
        self.assertEqual("acd", self.keys())

    def test_saving_again_counts_as_use(self: Any) -> None:
        for key in "abcad":
            self.save(key)
        self.assertEqual("acd", self.keys())

    def test_loading_in_vain_is_no_use(self: Any) -> None:
        for key in "abc":
            self.save(key)
        self.entry("x")
        self.assertEqual("abc", self.keys())

    def test_updating_a_full_cache_removes_nothing(self: Any) -> None:
        for key in "abcc":
            self.save(key)
        self.assertEqual("abc", self.keys())

    def test_one_entry_is_a_bound_too(self: Any) -> None:
        self.fresh(1)
        self.save("a")
        self.save("b")
        self.assertEqual("b", self.keys())

    def test_a_bound_that_becomes_lower_holds_from_the_next_save_on(self: Any) -> None:
        for key in "abc":
            self.save(key)
        self.bound(1)
        self.save("d")
        self.assertEqual("d", self.keys())

    def test_what_went_for_want_of_room_is_new_again(self: Any) -> None:
        for key in "abcd":
            self.save(key)
        self.assertEqual("new record", self.save("a"))

    # Expiry.

    def test_goes_when_its_time_is_up(self: Any) -> None:
        before = self.now()
        self.save("a", 1, SOON_MS)
        self.until(lambda: self.size == 0)
        self.assertLessEqual(before + SOON_MS, self.now() + 1)
        self.assertIsNone(self.entry("a"))
        self.assertIs(False, self.destroy("a"))
        self.assertEqual("new record", self.save("a"))

    def test_what_expires_and_what_does_not(self: Any) -> None:
        self.save("a", 1)
        self.save("b", 1, SOON_MS)
        self.save("c", 1, LATER_MS)
        self.until(lambda: self.size == 2)
        self.assertEqual("ac", self.keys())

    def test_a_fraction_of_a_ms_is_a_time(self: Any) -> None:
        self.assertEqual("new record", self.save("a", 1, 0.5))
        self.until(lambda: self.size == 0)

    def test_saving_again_prolongs(self: Any) -> None:
        self.save("a", 1, SOON_MS)
        self.save("a", 2, LATER_MS)
        self.save("b", 1, SOON_MS)
        self.until(lambda: self.entry("b") is None)
        self.assertEqual((2, 1), (self.load("a"), self.size))

    def test_saving_again_shortens(self: Any) -> None:
        self.save("a", 1, LATER_MS)
        self.save("a", 2, SOON_MS)
        self.until(lambda: self.entry("a") is None)
        self.assertEqual(0, self.size)

    def test_saving_again_without_a_time_keeps_for_ever(self: Any) -> None:
        self.save("a", 1, SOON_MS)
        self.save("a", 2)
        self.save("b", 1, SOON_MS)
        self.until(lambda: self.entry("b") is None)
        self.assertEqual((2, 1), (self.load("a"), self.size))

    def test_an_old_time_does_not_hit_a_new_record(self: Any) -> None:
        self.save("a", 1, SOON_MS)
        self.destroy("a")
        self.save("a", 2)
        self.save("b", 1, SOON_MS)
        self.until(lambda: self.entry("b") is None)
        self.assertEqual((2, 1), (self.load("a"), self.size))

    def test_what_went_for_want_of_room_does_no_harm_later(self: Any) -> None:
        self.save("a", 1, SOON_MS)
        for key in "bcd":
            self.save(key)
        self.save("a")
        before = self.now()
        self.until(lambda: self.now() > before + SOON_MS)
        self.assertEqual(3, self.size)
        self.assertEqual("acd", self.keys())

    def test_loading_does_not_prolong(self: Any) -> None:
        self.save("a", 1, SOON_MS)
        self.until(lambda: self.entry("a") is None)
        self.assertEqual(0, self.size)

    @EACH_FORM
    @given(
        st.lists(
            st.tuples(st.just("save"), KEYS, st.none() | st.just(LATER_MS))
            | st.tuples(st.sampled_from(("load", "destroy")), KEYS, st.none()),
            max_size=40,
        )
    )
    def test_does_as_a_simple_model_does(self: Any, steps: list[tuple[str, str, Any]]) -> None:
        self.fresh()
        model: OrderedDict[str, int] = OrderedDict()
        for number, (what, key, expire_ms) in enumerate(steps):
            if what == "save":
                known = model.pop(key, None) is not None
                model[key] = number
                if len(model) > 3:
                    model.popitem(last=False)
                answer = self.save(key, number, expire_ms)
                self.assertEqual("updated record" if known else "new record", answer)
            elif what == "load":
                entry = self.entry(key)
                self.assertEqual(model.get(key), None if entry is None else entry.value)
                if key in model:
                    model.move_to_end(key)
            else:
                self.assertEqual(model.pop(key, None) is not None, self.destroy(key))
            self.assertEqual(len(model), self.size)
