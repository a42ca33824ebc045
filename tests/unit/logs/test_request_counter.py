"""Tests of `actionhero_tcp.logs.request_counter`."""

from __future__ import annotations

from typing import Any

from twisted.internet.testing import Clock
from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp.logs import request_counter
from actionhero_tcp.logs.request_counter import RequestCounter
from actionhero_tcp.stats import BOUNDS, Stats


class Log:
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.told: list[tuple[Any, ...]] = []

    def request(self, *values: Any) -> Any:
        self.told.append(values)
        return values

    def answered(self, *values: Any) -> None:
        self.told.append(values)


class RequestCounterTests(SynchronousTestCase):
    """What is counted, and what is handed on."""

    def setUp(self) -> None:
        self.stats, self.log, self.clock = Stats(), Log(), Clock()
        self.actions = ["greet"]
        self.patch(request_counter.time, "monotonic", self.clock.seconds)
        self.counter = RequestCounter(self.stats, lambda: self.actions, self.log)

    def count(self, name: str, seconds: float = 0.0, error: str | None = None) -> Any:
        started = self.clock.seconds()
        self.clock.rightNow += seconds
        try:
            return self.counter.request(name, started, error, {"a": 1})
        finally:
            self.clock.rightNow = started

    def answer(self, *requests: Any) -> None:
        connection: Any = object()
        self.counter.answered(connection, 1, requests, 0.0, 0.0)

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

    def test_verbs_are_counted_where_their_line_is_answered(self) -> None:
        self.answer("quit", None, ("greet", 0.0, 0.0, None), "quit")
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

    def test_the_log_decides_what_there_is_to_say(self) -> None:
        self.assertEqual(("greet", 0.0, None, {"a": 1}), self.count("greet"))
        self.answer("quit")
        self.assertEqual(("quit",), self.log.told[-1][2])

    def test_without_a_log(self) -> None:
        counter = RequestCounter(self.stats, lambda: self.actions, None)
        self.assertIsNone(counter.request("greet", 0.0, None, None))
        connection: Any = object()
        counter.answered(connection, 1, ["quit"], 0.0, 0.0)
        self.assertEqual((1, 1), (self.stats.actions["greet"].count, self.stats.verbs["quit"]))
