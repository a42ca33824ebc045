"""Tests of `actionhero_tcp.logs.request_counter`."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp.logs.request_counter import RequestCounter
from actionhero_tcp.stats import BOUNDS, Stats


class Log:
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.told: list[tuple[Any, ...]] = []

    def request(self, *values: Any) -> None:
        self.told.append(values)


class RequestCounterTests(SynchronousTestCase):
    """What is counted, and what is handed on."""

    def setUp(self) -> None:
        self.stats, self.log = Stats(), Log()
        self.actions = ["greet"]
        self.counter = RequestCounter(self.stats, lambda: self.actions, ["quit"], self.log)

    def count(self, name: str, seconds: float = 0.0, error: str | None = None) -> None:
        connection: Any = object()
        self.counter.request(connection, 1, name, 0.0, seconds, error, {"a": 1})

    def test_each_bucket_holds_its_upper_end(self) -> None:
        for bound in (*BOUNDS, BOUNDS[-1] * 2):
            self.count("greet", bound)
        times = self.stats.actions["greet"]
        self.assertEqual([1] * (len(BOUNDS) + 1), times.buckets)
        self.assertEqual(len(BOUNDS) + 1, times.count)
        self.assertAlmostEqual(sum(BOUNDS) + BOUNDS[-1] * 2, times.seconds)

    def test_bounds_grow(self) -> None:
        self.assertEqual(sorted(set(BOUNDS)), list(BOUNDS))

    def test_errors(self) -> None:
        self.count("greet")
        self.count("greet", error="no")
        times = self.stats.actions["greet"]
        self.assertEqual((2, 1), (times.count, times.errors))

    def test_verbs(self) -> None:
        self.count("quit")
        self.count("quit")
        self.assertEqual({"quit": 2}, self.stats.verbs)

    def test_names_that_clients_invent_are_kept_nowhere(self) -> None:
        for number in range(100):
            self.count(f"invented{number}", error="not known")
        self.assertEqual(({}, {}), (self.stats.actions, dict(self.stats.verbs)))

    def test_an_action_that_comes_later_is_counted(self) -> None:
        self.count("later")
        self.actions.append("later")
        self.count("later")
        self.assertEqual(1, self.stats.actions["later"].count)

    def test_each_is_handed_on_once(self) -> None:
        for name in ("greet", "greet", "quit", "invented"):
            self.count(name)
        self.assertEqual(["greet", "greet", "quit", "invented"], [t[2] for t in self.log.told])
        self.assertEqual({"a": 1}, self.log.told[0][-1])

    def test_without_a_log(self) -> None:
        connection: Any = object()
        RequestCounter(self.stats, lambda: self.actions, [], None).request(
            connection, 1, "greet", 0.0, 0.0
        )
        self.assertEqual(1, self.stats.actions["greet"].count)
