"""Tests of `actionhero_tcp.app.schedule`: functions that run every so often."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.testing import Clock
from twisted.logger import LogEvent, formatEvent, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp import every, on_start
from actionhero_tcp.app.background import Background
from actionhero_tcp.app.hooks import MARK, Hook
from actionhero_tcp.app.schedule import Schedule
from actionhero_tcp.errors import StartError
from tests.support import make_live


class ScheduleTests(SynchronousTestCase):
    """`Schedule`."""

    def setUp(self) -> None:
        self.clock = Clock()
        live = make_live({("limits", "max_background_tasks"): 2})
        self.tasks = Background(live, self.clock)
        self.api: Any = SimpleNamespace(reactor=self.clock, tasks=self.tasks)
        self.runs: list[float] = []
        self.waits: list[Deferred[Any]] = []
        self.tasks.start()
        self.events: list[LogEvent] = []
        globalLogPublisher.addObserver(self.events.append)
        self.addCleanup(globalLogPublisher.removeObserver, self.events.append)

    def hook(self, interval: str = "5s", waits: bool = False) -> Hook:
        @every(interval)
        async def tick(api: Any) -> None:
            self.assertIs(self.api, api)
            self.runs.append(self.clock.seconds())
            if waits:
                self.waits.append(Deferred())
                await self.waits[-1]

        (hook,) = getattr(tick, MARK)
        return hook  # type: ignore[no-any-return]

    def start(self, *hooks: Hook) -> Schedule:
        schedule = Schedule(hooks, self.api)
        schedule.start()
        return schedule

    def pass_time(self, seconds: float) -> None:
        """A quarter of a second at a time."""
        for _ in range(round(seconds * 4)):
            self.clock.advance(0.25)
            self.clock.advance(0)

    @property
    def log(self) -> str:
        return "\n".join(formatEvent(event) for event in self.events)

    def test_it_runs_after_each_interval(self) -> None:
        @on_start
        def other(api: Any) -> None: ...

        schedule = self.start(self.hook(), *getattr(other, MARK))
        self.pass_time(16)
        self.assertEqual([5, 10, 15], self.runs)
        schedule.stop()
        self.pass_time(16)
        self.assertEqual(([5, 10, 15], []), (self.runs, self.clock.getDelayedCalls()))

    def test_runs_do_not_overlap(self) -> None:
        self.start(self.hook("1s", waits=True))
        self.pass_time(3.5)
        self.assertEqual([1], self.runs)
        self.waits[0].callback(None)
        self.pass_time(1)
        self.assertEqual([1, 4], self.runs)

    def test_delayed_runs_are_left_out(self) -> None:
        self.start(self.hook("1s"))
        self.clock.advance(5.5)
        self.clock.advance(0)
        self.assertEqual([5.5], self.runs)
        self.pass_time(1)
        self.assertEqual([5.5, 6], self.runs)

    def test_a_plain_function_runs_and_a_failure_ends_nothing(self) -> None:
        @every("1s")
        def tick(api: Any) -> None:
            self.runs.append(self.clock.seconds())
            raise ValueError("no")

        self.start(*getattr(tick, MARK))
        self.pass_time(2)
        self.assertEqual([1, 2], self.runs)
        self.assertEqual(2, self.log.count("ValueError: no"))
        self.assertIn(f"the background task tick ({__file__}:", self.log)

    def test_it_counts_as_a_background_task(self) -> None:
        async def wait() -> None:
            await Deferred()

        for _ in range(2):
            self.tasks.run(wait())
        self.start(self.hook("1s"))
        self.pass_time(2)
        self.assertEqual([], self.runs)
        self.assertIn("was left out: at most 2 background tasks can run", self.log)

    def test_a_reload_keeps_what_stays(self) -> None:
        kept, gone, new = self.hook("4s"), self.hook("3s"), self.hook("7s")
        schedule = self.start(kept, gone)
        self.pass_time(2)
        schedule.set_hooks([kept, new])
        self.pass_time(8)
        self.assertEqual([4, 8, 9], self.runs)

    def test_nothing_runs_before_the_startup(self) -> None:
        schedule = Schedule([self.hook()], self.api)
        schedule.set_hooks([self.hook()])
        self.pass_time(9)
        self.assertEqual([], self.runs)


class EveryTests(SynchronousTestCase):
    """`every`."""

    def test_a_wrong_interval_names_file_and_line(self) -> None:
        for wrong in ("5", 5, None):
            error = self.assertRaises(StartError, lambda wrong=wrong: every(wrong))
            self.assertIn(f"{__file__}:", str(error))
            self.assertIn("an interval is a number and a unit", str(error))

    def test_it_takes_the_api(self) -> None:
        def tick() -> None: ...

        error = self.assertRaises(StartError, every("5s"), tick)
        self.assertIn("@every is for a function of (api)", str(error))
