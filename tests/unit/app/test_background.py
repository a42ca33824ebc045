"""Tests of `actionhero_tcp.app.background`: coroutines that no request waits for."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.testing import Clock
from twisted.logger import LogEvent, formatEvent, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp.app.background import Background, BackgroundTask
from actionhero_tcp.errors import LimitError
from tests.support import make_live


class Work:
    """Coroutines of a test.

    Attributes:
        seen: What they have come to, in order.
        waits: What each waits for.
    """

    def __init__(self) -> None:
        self.seen: list[str] = []
        self.waits: list[Deferred[Any]] = []

    async def work(self, name: str) -> None:
        self.seen.append(f"{name} begins")
        self.waits.append(Deferred())
        try:
            await self.waits[-1]
        except CancelledError:
            self.seen.append(f"{name} is cancelled")
            raise
        self.seen.append(f"{name} ends")

    async def stubborn(self) -> None:
        try:
            await Deferred()
        except CancelledError:
            self.seen.append("goes on")
        self.waits.append(Deferred())
        await self.waits[-1]

    async def failing(self, error: BaseException) -> None:
        raise error


class BackgroundTestCase(SynchronousTestCase):
    """Has background tasks, of which three may run."""

    def setUp(self) -> None:
        self.clock = Clock()
        live = make_live({("limits", "max_background_tasks"): 3, ("limits", "close_timeout"): 5.0})
        self.background = Background(live, self.clock)
        self.work = Work()
        self.events: list[LogEvent] = []
        globalLogPublisher.addObserver(self.events.append)
        self.addCleanup(globalLogPublisher.removeObserver, self.events.append)

    def run_one(self, name: str = "a") -> BackgroundTask:
        return self.background.run(self.work.work(name))

    @property
    def log(self) -> str:
        return "\n".join(formatEvent(event) for event in self.events)


class RunTests(BackgroundTestCase):
    """What begins, and when."""

    def test_it_begins_after_the_startup(self) -> None:
        task = self.run_one()
        self.clock.advance(9)
        self.assertEqual(([], 1), (self.work.seen, len(self.background)))
        self.background.start()
        self.clock.advance(0)
        self.assertEqual((["a begins"], False), (self.work.seen, task.is_done))

    def test_it_begins_in_the_next_pass_and_ends(self) -> None:
        self.background.start()
        task = self.run_one()
        self.assertEqual("<BackgroundTask Work.work>", repr(task))
        self.assertEqual([], self.work.seen)
        self.clock.advance(0)
        self.work.waits[0].callback(None)
        self.assertEqual(["a begins", "a ends"], self.work.seen)
        self.assertEqual((True, 0, []), (task.is_done, len(self.background), self.events))
        self.assertEqual("<BackgroundTask Work.work (done)>", repr(task))

    def test_one_that_waits_for_nothing_ends_at_once(self) -> None:
        async def quick() -> None:
            self.work.seen.append("quick")

        self.background.start()
        task = self.background.run(quick())
        self.clock.advance(0)
        self.assertEqual((["quick"], True), (self.work.seen, task.is_done))

    def test_so_many_run(self) -> None:
        self.background.start()
        for _ in range(3):
            self.run_one()
        error = self.assertRaises(LimitError, self.run_one)
        self.assertEqual("maxBackgroundTasks", error.limit)
        self.clock.advance(0)
        self.work.waits[0].callback(None)
        self.run_one()
        self.clock.advance(0)

    def test_it_is_a_coroutine(self) -> None:
        for wrong in (self.work.work, Deferred(), None):
            error = self.assertRaises(TypeError, self.background.run, wrong)
            self.assertIn("a background task is a coroutine, as in refresh(api)", str(error))

    def test_an_error_is_logged(self) -> None:
        self.background.start()
        for error in (ValueError("h\x1bi"), SystemExit(3)):
            task = self.background.run(self.work.failing(error))
            self.clock.advance(0)
            self.assertIs(True, task.is_done)
        self.assertIn("the background task Work.failing failed:\nTraceback", self.log)
        self.assertIn("ValueError: h\\x1bi", self.log)
        self.assertIn("SystemExit: 3", self.log)
        self.assertEqual(0, len(self.background))

    def test_one_is_cancelled(self) -> None:
        self.background.start()
        task = self.run_one()
        self.clock.advance(0)
        task.cancel()
        task.cancel()
        self.assertEqual(["a begins", "a is cancelled"], self.work.seen)
        self.assertEqual((True, []), (task.is_done, self.events))

    def test_one_is_cancelled_before_it_begins(self) -> None:
        self.background.start()
        task = self.run_one()
        task.cancel()
        self.clock.advance(1)
        self.assertEqual(([], True, 0), (self.work.seen, task.is_done, len(self.background)))
        self.assertEqual([], self.clock.getDelayedCalls())


class StopTests(BackgroundTestCase):
    """The stop."""

    def test_nothing_runs(self) -> None:
        self.background.start()
        self.assertIsNone(self.successResultOf(self.background.stop()))

    def test_all_are_cancelled(self) -> None:
        self.background.start()
        self.run_one("a")
        self.clock.advance(0)
        self.run_one("b")
        self.assertIsNone(self.successResultOf(self.background.stop()))
        self.assertEqual(["a begins", "a is cancelled"], self.work.seen)
        self.assertEqual([], self.clock.getDelayedCalls())

    def test_one_may_take_its_time_to_end(self) -> None:
        self.background.start()
        self.background.run(self.work.stubborn())
        self.clock.advance(0)
        stopped = self.background.stop()
        self.clock.advance(4.9)
        self.assertNoResult(stopped)
        self.work.waits[0].callback(None)
        self.assertIsNone(self.successResultOf(stopped))
        self.assertEqual(([], []), (self.events, self.clock.getDelayedCalls()))

    def test_its_time_has_an_end(self) -> None:
        self.background.start()
        self.background.run(self.work.stubborn(), "stub\nborn")
        self.clock.advance(0)
        stopped = self.background.stop()
        self.clock.advance(5)
        self.assertIsNone(self.successResultOf(stopped))
        self.assertIn("1 background tasks were cancelled and have not ended: stub\\nborn", self.log)

    def test_a_second_signal_waits_for_none(self) -> None:
        self.background.start()
        self.background.run(self.work.stubborn())
        self.clock.advance(0)
        self.background.give_up()
        stopped = self.background.stop()
        self.background.give_up()
        self.background.give_up()
        self.assertIsNone(self.successResultOf(stopped))
        self.assertEqual([], self.clock.getDelayedCalls())

    def test_none_begins_any_more(self) -> None:
        self.successResultOf(self.background.stop())
        self.assertRaises(RuntimeError, self.run_one)
        self.assertEqual(0, len(self.background))
