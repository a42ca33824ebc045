"""Tests of `actionhero_tcp.logs.request_counter`."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.testing import Clock
from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp.logs import request_counter
from actionhero_tcp.logs.file import LogFile
from actionhero_tcp.logs.request_counter import COUNT_AT, RequestCounter
from actionhero_tcp.logs.request_log import RequestLog
from actionhero_tcp.logs.selection import selection
from actionhero_tcp.logs.writer import LogWriter
from actionhero_tcp.stats import BOUNDS, Histogram
from tests.support import PROPERTY


class Log:
    """Keeps what it is told; says as much of requests as a real one."""

    def __init__(self) -> None:
        self.keeps_all = True
        self.told: list[tuple[Any, ...]] = []
        self.answer: Any = None

    def request(self, name: str, started: float, error: str | None, params: Any) -> Any:
        self.told.append((name, started, error, params))
        return self.answer

    def answered(self, *values: Any) -> None:
        self.told.append(values)


class RequestCounterTests(SynchronousTestCase):
    """What is counted, and what is handed on."""

    def setUp(self) -> None:
        self.log, self.clock = Log(), Clock()
        self.actions = ["greet"]
        self.patch(request_counter.time, "monotonic", self.clock.seconds)
        self.counter = self.make(None)

    def make(self, log: Any) -> RequestCounter:
        return RequestCounter(lambda: self.actions, log)

    def count(self, name: str, seconds: float = 0.0, error: str | None = None) -> None:
        """An action that took so long."""
        started = self.clock.seconds()
        self.clock.rightNow += seconds
        self.answer(self.counter.request(name, started, error, None))
        self.clock.rightNow = started

    def answer(self, *requests: Any) -> None:
        connection: Any = object()
        self.counter.answered(connection, 1, requests, 0.0, 0.0)

    def test_each_bucket_holds_its_upper_end(self) -> None:
        for bound in (*BOUNDS, BOUNDS[-1] * 2):
            self.count("greet", bound)
        times = self.counter.actions["greet"]
        self.assertEqual([1] * (len(BOUNDS) + 1), times.buckets)
        self.assertEqual(len(BOUNDS) + 1, times.count)
        self.assertAlmostEqual(sum(BOUNDS) + BOUNDS[-1] * 2, times.seconds)

    @PROPERTY
    @given(st.lists(st.floats(0, 60), max_size=600))
    def test_the_histogram_is_that_of_one_at_a_time(self, each: list[float]) -> None:
        counter, expected = self.make(None), Histogram()
        connection: Any = None
        for seconds in each:
            request = ("greet", 0.0, seconds, None, False)
            counter.answered(connection, 1, [request], 0.0, 0.0)
            expected.observe(seconds)
        times = counter.actions.get("greet", Histogram())
        self.assertEqual(expected.buckets, times.buckets)
        self.assertAlmostEqual(expected.seconds, times.seconds)

    def test_bounds_grow(self) -> None:
        self.assertEqual(sorted(set(BOUNDS)), list(BOUNDS))

    def test_errors(self) -> None:
        self.count("greet")
        self.count("greet", error="no")
        times = self.counter.actions["greet"]
        self.assertEqual((2, 1), (times.count, times.errors))

    def test_verbs_are_counted_where_their_line_is_answered(self) -> None:
        self.answer("quit", None, ("greet", 0.0, 0.0, None, False), "quit")
        self.answer("say", "say")
        self.assertEqual({"quit": 2, "say": 2}, self.counter.verbs)
        self.assertEqual(1, self.counter.actions["greet"].count)

    def test_names_that_clients_invent_are_kept_nowhere(self) -> None:
        for number in range(100):
            self.count(f"invented{number}", error="not known")
        self.assertEqual(({}, {}), (self.counter.actions, dict(self.counter.verbs)))

    def test_an_action_that_comes_later_is_counted(self) -> None:
        self.count("later")
        self.assertEqual({}, self.counter.actions)
        self.actions.append("later")
        self.count("later")
        self.assertEqual(1, self.counter.actions["later"].count)

    def test_no_more_are_kept_than_are_counted_together(self) -> None:
        for _ in range(3 * COUNT_AT):
            self.count("greet")
            self.assertLess(self.counter._waiting, COUNT_AT)
        self.assertEqual(3 * COUNT_AT, self.counter.actions["greet"].count)

    def test_what_a_log_says_of_each_is_what_is_counted(self) -> None:
        self.counter, self.log.answer = self.make(self.log), ("greet", 1.0, 3.0, "no", True)
        self.count("greet")
        times = self.counter.actions["greet"]
        self.assertEqual((1, 1, 2.0), (times.count, times.errors, times.seconds))
        self.assertEqual((self.log.answer,), self.log.told[-1][2])

    def test_a_log_that_writes_only_some_changes_nothing(self) -> None:
        writer = LogWriter(LogFile("/dev/null", "the request log"))
        log = RequestLog(self.clock, writer, selection=selection("errors", 1.0))
        self.addCleanup(writer.file.close)
        self.counter = self.make(log)
        self.count("greet", 2.0)
        self.count("greet", 1.0, "no")
        self.answer("quit", ("greet", 0.0, 0.5, None, False))
        times = self.counter.actions["greet"]
        self.assertEqual((3, 1, 3.5), (times.count, times.errors, times.seconds))
        self.assertEqual({"quit": 1}, self.counter.verbs)
