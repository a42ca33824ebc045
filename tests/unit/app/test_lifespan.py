"""Tests of `actionhero_tcp.app.lifespan`: the hooks of the start and the stop."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import deferLater
from twisted.logger import LogEvent, LogLevel, formatEvent, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp.app.hooks import Hook
from actionhero_tcp.app.lifespan import Lifecycle
from actionhero_tcp.config.sections import Limits
from actionhero_tcp.errors import ActionError, StartError
from tests import support


class LifecycleTestCase(SynchronousTestCase):
    """Has hooks that note what they do, on a clock that stands still."""

    def setUp(self) -> None:
        self.clock = support.Reactor()
        limits = Limits(action_timeout=30, close_timeout=5)
        self.api: Any = SimpleNamespace(
            reactor=self.clock, config=SimpleNamespace(limits=limits), state=SimpleNamespace()
        )
        self.seen: list[str] = []
        self.events: list[LogEvent] = []
        globalLogPublisher.addObserver(self.events.append)
        self.addCleanup(globalLogPublisher.removeObserver, self.events.append)

    def hook(self, kind: str, name: str, result: Any = None, **options: Any) -> Hook:
        """A hook of a file of its own name that notes that, and returns or raises something."""

        def run(api: Any) -> Any:
            self.assertIs(self.api, api)
            self.seen.append(name)
            if isinstance(result, BaseException):
                raise result
            return result() if callable(result) else result

        run.__name__ = name
        return Hook(kind, run, **{"file": f"{name.strip('12')}.py", "line": 7, **options})

    def start(self, name: str, result: Any = None, **options: Any) -> Hook:
        return self.hook("on_start", name, result, **options)

    def stop(self, name: str, result: Any = None, **options: Any) -> Hook:
        return self.hook("on_stop", name, result, **options)

    def lifecycle(self, *hooks: Hook) -> Lifecycle:
        return Lifecycle(hooks, self.api)

    def refused(self, started: Deferred[None]) -> str:
        """Why a start has failed."""
        return str(self.failureResultOf(started, StartError).value)

    @property
    def log(self) -> list[str]:
        """What was logged."""
        return [formatEvent(event) for event in self.events]


class StartTests(LifecycleTestCase):
    """Hooks of the start."""

    def test_where_there_are_none(self) -> None:
        lifecycle = self.lifecycle(self.stop("a"), Hook("on_say", len))
        self.assertFalse(lifecycle.starts)
        self.successResultOf(lifecycle.start())
        self.assertEqual([], self.clock.getDelayedCalls())

    def test_they_run_in_their_order_one_after_the_other(self) -> None:
        waits: Deferred[None] = Deferred()

        async def wait() -> None:
            await waits
            self.seen.append("waited")

        lifecycle = self.lifecycle(
            self.start("a"), self.start("b", wait), self.start("c", order=-1), self.stop("x")
        )
        self.assertTrue(lifecycle.starts)
        started = lifecycle.start()
        self.assertNoResult(started)
        self.assertEqual(["c", "a", "b"], self.seen)
        waits.callback(None)
        self.successResultOf(started)
        self.assertEqual("waited", self.seen[-1])
        self.assertFalse(lifecycle.starts)
        self.assertEqual([], self.clock.getDelayedCalls())

    def test_a_refusal_is_told_without_a_traceback_and_ends_the_start(self) -> None:
        for error in (ActionError("no\ndatabase"), StartError("no\ndatabase")):
            lifecycle = self.lifecycle(self.start("a", error), self.start("b"))
            self.assertEqual(
                "a.py:7: the hook 'a' (@on_start) refuses the start: no\\ndatabase",
                self.refused(lifecycle.start()),
            )
        self.assertEqual(["a", "a"], self.seen)
        self.assertEqual([], self.log)

    def test_any_other_error_has_its_traceback_in_the_log(self) -> None:
        for error in (ZeroDivisionError("oh\n"), SystemExit("oh\n")):
            self.events.clear()
            refused = self.refused(self.lifecycle(self.start("a", error)).start())
            kind = type(error).__name__
            expected = f"a.py:7: the hook 'a' (@on_start) failed: {kind}: oh\\n"
            self.assertEqual(expected, refused)
            (logged,) = self.log
            self.assertIn("a.py:7: the hook 'a' (@on_start) failed:\nTraceback", logged)
            self.assertIn(f", in run\n    raise result\nbuiltins.{kind}: oh", logged)

    def test_all_of_them_have_the_time_limit_together(self) -> None:
        def wait() -> Deferred[None]:
            return deferLater(self.clock, 20)

        lifecycle = self.lifecycle(self.start("a", wait), self.start("b", wait), self.start("c"))
        started = lifecycle.start()
        self.clock.pump([20, 9.9])
        self.assertNoResult(started)
        self.clock.advance(0.1)
        self.assertEqual(
            "b.py:7: the hook 'b' (@on_start) has not ended in 30 s (limits.actionTimeout)",
            self.refused(started),
        )
        self.assertEqual((["a", "b"], []), (self.seen, self.clock.getDelayedCalls()))
        self.assertEqual([], self.log)

    def test_one_that_does_not_mind_the_time_limit_keeps_nobody_waiting(self) -> None:
        stubborn: Deferred[None] = Deferred()

        async def ignore(rest: Deferred[None] | None = None) -> None:
            try:
                await Deferred()
            except CancelledError:
                if rest is not None:
                    await rest

        for rest in (None, stubborn):
            lifecycle = self.lifecycle(self.start("a", lambda rest=rest: ignore(rest)))
            started = lifecycle.start()
            self.clock.advance(30)
            self.assertIn("has not ended in 30 s", self.refused(started))
        self.assertEqual([], self.log)
        stubborn.errback(ValueError("late"))
        self.assertIn("ValueError: late", self.log[0])

    def test_a_stop_ends_one_that_is_under_way(self) -> None:
        lifecycle = self.lifecycle(
            self.start("a"), self.start("b", Deferred), self.stop("a"), self.stop("b")
        )
        started = lifecycle.start()
        self.successResultOf(lifecycle.stop())
        self.refused(started)
        self.assertEqual(["a", "b", "a"], self.seen)
        self.assertEqual([], self.clock.getDelayedCalls())


class StopTests(LifecycleTestCase):
    """Hooks of the stop."""

    def test_they_run_once_the_other_way_round_one_after_the_other(self) -> None:
        waits: Deferred[None] = Deferred()
        lifecycle = self.lifecycle(
            self.stop("a"), self.stop("b", lambda: waits), self.stop("c", order=-1)
        )
        stopped = lifecycle.stop()
        self.assertEqual(["b"], self.seen)
        waits.callback(None)
        self.successResultOf(stopped)
        self.assertEqual(["b", "a", "c"], self.seen)
        self.successResultOf(lifecycle.stop())
        self.assertEqual(3, len(self.seen))
        self.assertEqual([], self.clock.getDelayedCalls())

    def test_what_one_raises_is_logged_and_the_others_run(self) -> None:
        lifecycle = self.lifecycle(
            self.stop("a"), self.stop("b", ValueError("oh\n")), self.stop("c", SystemExit("bye"))
        )
        self.successResultOf(lifecycle.stop())
        self.assertEqual(["c", "b", "a"], self.seen)
        exited, failed = self.log
        self.assertIn("SystemExit: bye", exited)
        self.assertIn("b.py:7: the hook 'b' (@on_stop) failed:\nTraceback", failed)
        self.assertEqual(LogLevel.error, self.events[1]["log_level"])

    def test_where_the_time_is_up_each_runs_as_far_as_it_has_to_wait_for_nothing(self) -> None:
        async def wait() -> None:
            await deferLater(self.clock, 4)
            self.seen.append("waited")

        lifecycle = self.lifecycle(
            self.stop("a"), self.stop("b", wait), self.stop("c", wait), self.stop("d", wait)
        )
        stopped = lifecycle.stop()
        self.clock.advance(4)
        self.clock.advance(0.9)
        self.assertNoResult(stopped)
        self.clock.advance(0.1)
        self.successResultOf(stopped)
        self.assertEqual(["d", "waited", "c", "b", "a"], self.seen)
        self.assertEqual(
            [f"{n}.py:7: the hook '{n}' (@on_stop) was cancelled: its time is up" for n in "cb"],
            self.log,
        )

    def test_given_up_they_are_not_waited_for(self) -> None:
        for before in (True, False):
            lifecycle = self.lifecycle(self.stop("a", Deferred), self.stop("b", Deferred))
            if before:
                lifecycle.give_up()
            stopped = lifecycle.stop()
            lifecycle.give_up()
            self.successResultOf(stopped)
        self.assertEqual(["b", "a"] * 2, self.seen)
        self.assertEqual([], self.clock.getDelayedCalls())

    def test_left_out_are_those_of_files_whose_start_has_not_ended_well(self) -> None:
        hooks = [
            self.start("a"),
            self.start("b1"),
            self.start("b2", ActionError("no")),
            self.start("c"),
        ]
        stops = [self.stop(name) for name in ("a", "b1", "c", "d")]
        lifecycle = self.lifecycle(*hooks, *stops)
        self.refused(lifecycle.start())
        self.seen.clear()
        self.successResultOf(lifecycle.stop())
        self.assertEqual(["d", "a"], self.seen)
