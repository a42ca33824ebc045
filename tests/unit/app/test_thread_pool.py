"""Tests of `actionhero_tcp.app.thread_pool`: threads that clients share fairly."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import CancelledError, Deferred
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp.app.thread_pool import FairThreadPool
from actionhero_tcp.config.sections import Config, Limits
from actionhero_tcp.config.settings import Settings
from actionhero_tcp.errors import LimitError
from tests.support import PROPERTY, make_live


class Threads:
    """Threads that end when the test says so.

    Attributes:
        running: The calls that have been started, in their order, by what they return.
    """

    def __init__(self) -> None:
        self.running: dict[Any, Callable[[bool, Any], object]] = {}

    def callInThreadWithCallback(
        self, done: Callable[[bool, Any], object], call: Callable[[], Any]
    ) -> None:
        self.running[call()] = done

    def end(self, outcome: Any) -> None:
        """The call that returns this ends."""
        self.running.pop(outcome)(True, outcome)

    def callFromThread(self, call: Callable[..., object], *args: Any) -> None:
        call(*args)


class PoolTestCase(SynchronousTestCase):
    """A pool whose threads the test ends."""

    def start(self, **limits: int) -> None:
        self.threads = Threads()
        self.live = make_live({("limits", name): value for name, value in limits.items()})
        self.pool = FairThreadPool(self.threads, self.threads, self.live)

    def run_call(self, name: str) -> Deferred[Any]:
        """Has a call run that returns its name, whose first letter is its client."""
        return self.pool.run(name[0], lambda: name)

    @property
    def running(self) -> str:
        """The calls that run, in the order of their start."""
        return " ".join(self.threads.running)


class TurnTests(PoolTestCase):
    """Who gets a thread."""

    def test_calls_run_at_once_while_threads_are_free(self) -> None:
        self.start(threads=3)
        first, second = self.run_call("a1"), self.run_call("b1")
        self.assertEqual("a1 b1", self.running)
        self.threads.end("b1")
        self.assertEqual("b1", self.successResultOf(second))
        self.assertNoResult(first)

    def test_one_client_does_not_take_the_last_thread(self) -> None:
        self.start(threads=3)
        for name in ("a1", "a2", "a3", "a4"):
            self.run_call(name)
        self.assertEqual("a1 a2", self.running)
        self.run_call("b1")
        self.assertEqual("a1 a2 b1", self.running)
        self.threads.end("a1")
        self.assertEqual("a2 b1", self.running)
        self.threads.end("b1")
        self.assertEqual("a2 a3", self.running)

    def test_one_thread_is_enough(self) -> None:
        self.start(threads=1)
        for name in ("a1", "a2", "b1"):
            self.run_call(name)
        order = []
        while self.threads.running:
            order.append(self.running)
            self.threads.end(self.running)
        self.assertEqual(["a1", "b1", "a2"], order)

    def test_clients_take_turns_whatever_waits(self) -> None:
        self.start(threads=2)
        for name in ("a1", "b1"):
            self.run_call(name)
        for number in range(2, 9):
            self.run_call(f"a{number}")
        for name in ("c1", "c2", "d1"):
            self.run_call(name)
        self.threads.end("a1")
        self.assertEqual("b1 c1", self.running)
        self.threads.end("b1")
        self.assertEqual("c1 d1", self.running)
        self.threads.end("d1")
        self.assertEqual("c1 a2", self.running)

    def test_each_clients_calls_start_in_their_order(self) -> None:
        self.start(threads=4)
        for number in range(1, 8):
            self.run_call(f"a{number}")
        self.assertEqual("a1 a2 a3", self.running)
        for number in range(1, 5):
            self.threads.end(f"a{number}")
        self.assertEqual("a5 a6 a7", self.running)

    @given(
        st.integers(1, 4),
        st.lists(st.tuples(st.sampled_from("abc"), st.booleans()), max_size=40),
    )
    @PROPERTY
    def test_every_call_ends_once_and_nothing_stays(
        self, threads: int, steps: list[tuple[str, bool]]
    ) -> None:
        self.start(threads=threads)
        outcomes: list[Any] = []
        started: list[Deferred[Any]] = []
        for number, (client, cancel) in enumerate(steps):
            deferred = self.run_call(f"{client}{number}").addBoth(outcomes.append)
            started.append(deferred)
            self.assertLessEqual(self.pool.running, threads)
            if cancel:
                started[number // 2].cancel()
            if number % 3 == 0 and self.threads.running:
                self.threads.end(next(iter(self.threads.running)))
        while self.threads.running:
            self.threads.end(next(iter(self.threads.running)))
        self.assertEqual(len(steps), len(outcomes))
        self.assertEqual((0, 0), (self.pool.running, self.pool.waiting))
        self.assertEqual([{}, {}, {}], [self.pool._shares, self.pool._with, self.pool._without])


class EndTests(PoolTestCase):
    """What becomes of a call."""

    def test_what_it_raises_fails_the_deferred(self) -> None:
        self.start()
        outcome = self.run_call("a1")
        self.threads.running.pop("a1")(False, Failure(KeyError("x")))
        self.failureResultOf(outcome, KeyError)

    def test_cancelled_while_it_waits_it_never_runs(self) -> None:
        self.start(threads=1)
        self.run_call("a1")
        second, third = self.run_call("a2"), self.run_call("a3")
        second.cancel()
        self.failureResultOf(second, CancelledError)
        self.threads.end("a1")
        self.assertEqual("a3", self.running)
        self.threads.end("a3")
        self.assertEqual("a3", self.successResultOf(third))

    def test_cancelled_while_it_runs_it_keeps_its_thread_until_it_ends(self) -> None:
        self.start(threads=1)
        first = self.run_call("a1")
        first.cancel()
        self.failureResultOf(first, CancelledError)
        self.run_call("b1")
        self.assertEqual("a1", self.running)
        self.threads.end("a1")
        self.assertEqual("b1", self.running)

    def test_more_than_may_wait_are_refused_and_the_others_served(self) -> None:
        self.start(threads=1, max_waiting_for_thread=2)
        for name in ("a1", "a2", "a3"):
            self.run_call(name)
        error = self.assertRaises(LimitError, self.run_call, "a4")
        self.assertEqual("maxWaitingForThread", error.limit)
        self.assertEqual(
            "2 of your requests wait for a thread already; send fewer at once", str(error)
        )
        self.run_call("b1")
        self.assertEqual(3, self.pool.waiting)

    def test_a_reload_may_add_threads(self) -> None:
        self.start(threads=2)
        for name in ("a1", "a2", "a3", "a4"):
            self.run_call(name)
        self.live.swap(Settings(Config(limits=Limits(threads=4))))
        self.threads.end("a1")
        self.assertEqual("a2 a3 a4", self.running)
