"""The thread that watches the reactor, and the actions in its stack."""

from __future__ import annotations

import functools
import sys
import threading
from collections.abc import Callable
from traceback import StackSummary
from typing import Any

from twisted.internet.defer import Deferred, inlineCallbacks
from twisted.logger import LogEvent, formatEvent, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp.app.actions import MARK, Action
from actionhero_tcp.app.decorator import action
from actionhero_tcp.app.hooks import Hook
from actionhero_tcp.stats import Stats
from actionhero_tcp.watchdog import monitor
from actionhero_tcp.watchdog.block_detector import BlockDetector
from actionhero_tcp.watchdog.monitor import MAX_CALLS, SHORTEST, Monitor, Stacks
from tests import support
from tests.support import wait_for


def made(function: Callable[..., Any], name: str | None = None) -> Action:
    """The action that a function becomes."""
    return getattr(action(name=name)(function), MARK)  # type: ignore[no-any-return]


class StacksTests(SynchronousTestCase):
    """Actions in a stack."""

    def setUp(self) -> None:
        self.name = ""
        self.calls: list[str] = []
        self.stacks = Stacks([])

    def stand(self, outside: frozenset[Any] | None = None) -> None:
        """Reads the stack of who calls this; it begins at the test."""
        frame = sys._getframe(1)
        outside = frozenset({self.run.__func__.__code__}) if outside is None else outside
        self.name, stack = self.stacks.read(frame, outside)
        self.calls = [call.name for call in stack]
        self.lines = [call.line for call in stack]

    def know(self, *functions: Callable[..., Any]) -> None:
        """Makes functions actions."""
        self.stacks = Stacks([made(function) for function in functions])

    def test_a_plain_function(self) -> None:
        def plain(api: Any, connection: Any) -> None:
            self.stand()  # here

        self.know(plain)
        plain(None, None)
        self.assertEqual(("action plain", ["plain"]), (self.name, self.calls))
        self.assertEqual(["self.stand()  # here"], self.lines)

    def test_a_hook(self) -> None:
        def check(api: Any, connection: Any, call: Any) -> None:
            self.stand()

        self.stacks = Stacks([], [Hook("before_action", check)])
        check(None, None, None)
        self.assertEqual(("hook check", ["check"]), (self.name, self.calls))

    def test_what_it_calls_belongs_to_it(self) -> None:
        def helper() -> None:
            self.stand()

        def plain(api: Any, connection: Any) -> None:
            helper()

        self.know(plain)
        plain(None, None)
        self.assertEqual(("action plain", ["plain", "helper"]), (self.name, self.calls))

    def test_functions_within_it_belong_to_it(self) -> None:
        def plain(api: Any, connection: Any) -> Deferred[None]:
            waiting: Deferred[None] = Deferred()
            return waiting.addCallback(lambda _: self.stand())

        self.know(plain)
        plain(None, None).callback(None)
        self.assertEqual(("action plain", ["<lambda>"]), (self.name, self.calls))

    def test_a_decorated_function(self) -> None:
        def decorated(function: Callable[..., Any]) -> Callable[..., Any]:
            @functools.wraps(function)
            def wrapper(*args: Any) -> Any:
                return function(*args)

            return wrapper

        @decorated
        @decorated
        def one(api: Any, connection: Any) -> None:
            self.stand()

        @decorated
        def two(api: Any, connection: Any) -> None:
            self.stand()

        self.know(one, two)
        for function in (one, two):
            function(None, None)
            name = function.__name__
            self.assertEqual((f"action {name}", [name]), (self.name, self.calls))

    def test_an_async_function_after_an_await(self) -> None:
        waiting: Deferred[None] = Deferred()

        async def inner() -> None:
            await waiting
            self.stand()

        async def slow(api: Any, connection: Any) -> None:
            await inner()

        self.know(slow)
        self.assertNoResult(Deferred.fromCoroutine(slow(None, None)))
        waiting.callback(None)
        self.assertEqual(("action slow", ["slow", "inner"]), (self.name, self.calls))

    def test_a_generator_of_inline_callbacks(self) -> None:
        waiting: Deferred[None] = Deferred()

        @inlineCallbacks
        def slow(api: Any, connection: Any) -> Any:
            yield waiting
            self.stand()

        self.know(slow)
        slow(None, None)
        waiting.callback(None)
        self.assertEqual(("action slow", ["slow"]), (self.name, self.calls))

    def test_the_outermost_action_is_named(self) -> None:
        def inner(api: Any, connection: Any) -> None:
            self.stand()

        def outer(api: Any, connection: Any) -> None:
            inner(api, connection)

        self.know(inner, outer)
        outer(None, None)
        self.assertEqual(("action outer", ["outer", "inner"]), (self.name, self.calls))

    def test_actions_of_the_same_code_are_all_named(self) -> None:
        def make() -> Callable[..., None]:
            def same(api: Any, connection: Any) -> None:
                self.stand()

            return same

        one, two = make(), make()
        self.stacks = Stacks([made(one, "one"), made(two, "two")])
        two(None, None)
        self.assertEqual("action one or action two", self.name)

    def test_where_there_is_no_action_the_stack_is_whole(self) -> None:
        def helper() -> None:
            self.stand()

        helper()
        name = "test_where_there_is_no_action_the_stack_is_whole"
        self.assertEqual("", self.name)
        self.assertEqual([name, "helper"], self.calls[-2:])

    def test_it_begins_inside_of_what_is_outside(self) -> None:
        def helper() -> None:
            self.stand(frozenset({outer.__code__}))

        def outer() -> None:
            helper()

        outer()
        self.assertEqual(("", ["helper"]), (self.name, self.calls))

    def test_of_many_calls_the_innermost_are_kept(self) -> None:
        def deep(api: Any, connection: Any, *, level: int = 200) -> None:
            if level:
                deep(api, connection, level=level - 1)
            else:
                last()

        def last() -> None:
            self.stand()

        self.know(deep)
        deep(None, None)
        self.assertEqual(
            ("action deep", MAX_CALLS, "last"), (self.name, len(self.calls), self.calls[-1])
        )

    def test_a_thread_that_is_gone_has_no_stack(self) -> None:
        name, stack = self.stacks.read(None, frozenset())
        self.assertEqual(("", []), (name, list(stack)))


class Deaf(support.Reactor):
    """A reactor that is blocked: it does not hear what threads ask for."""

    def callFromThread(self, call: Any, *args: Any) -> None:
        pass


class WatchTests(SynchronousTestCase):
    """The thread, on a reactor that stands still."""

    def setUp(self) -> None:
        self.log: list[str] = []
        globalLogPublisher.addObserver(self.observe)
        self.addCleanup(globalLogPublisher.removeObserver, self.observe)
        self.stats = Stats()
        self.reactor: Any = Deaf()

    def observe(self, event: LogEvent) -> None:
        self.log.append(formatEvent(event))

    def watch(self, seconds: float = 0.0, *functions: Callable[..., Any]) -> Monitor:
        """A watch that has started."""
        watch = Monitor(self.reactor, seconds, [made(f) for f in functions], (), self.stats)
        watch.start()
        self.addCleanup(watch.close)
        self.assertIsNone(watch._thread)
        self.reactor.advance(0)
        return watch

    def test_its_thread_lives_from_the_first_pass_until_it_is_closed(self) -> None:
        watch = self.watch()
        thread = watch._thread
        assert thread is not None
        self.assertTrue(thread.is_alive())
        watch.close()
        self.assertFalse(thread.is_alive())
        self.assertEqual([], self.reactor.getDelayedCalls())

    def test_it_knows_other_actions_when_it_is_told(self) -> None:
        def old(api: Any, connection: Any) -> None: ...
        def new(api: Any, connection: Any) -> None: ...

        watch = self.watch(0.25, old)
        self.assertEqual(["action old"], list(watch._stacks._names.values()))
        watch.set_actions([made(new)], ())
        self.assertEqual(["action new"], list(watch._stacks._names.values()))

    def test_one_that_was_closed_before_the_first_pass_has_no_thread(self) -> None:
        watch = Monitor(self.reactor, 0.25, (), (), self.stats)
        watch.start()
        watch.close()
        self.reactor.advance(1)
        self.assertIsNone(watch._thread)

    def test_the_reactor_beats_five_times_in_the_time_that_it_may_be_blocked(self) -> None:
        for seconds, interval in ((5.0, 1.0), (0.25, 0.05), (0.0, SHORTEST / 5)):
            watch = self.watch(seconds)
            (timer,) = self.reactor.getDelayedCalls()
            self.assertAlmostEqual(interval, timer.getTime() - self.reactor.seconds())
            watch.close()

    def test_each_beat_measures_how_late_the_reactor_is(self) -> None:
        now = 100.0
        self.patch(monitor.time, "monotonic", lambda: now)
        watch = Monitor(self.reactor, 5.0, (), (), self.stats)
        stalls = BlockDetector(5.0, lambda: ("", StackSummary()), self.stats, now, 0.0)
        watch._beat(stalls, now)
        now += stalls.interval + 0.2
        self.reactor.advance(stalls.interval)
        watch.close()
        self.assertEqual(2, self.stats.loop_lag.count)
        self.assertAlmostEqual(0.2, self.stats.loop_lag.seconds)

    def test_an_action_that_blocks_is_logged_while_it_does(self) -> None:
        def slow(api: Any, connection: Any) -> None:
            wait_for(lambda: self.log, "a line in the log")  # here

        watch = self.watch(0.0, slow)
        slow(None, None)
        self.assertRegex(
            self.log[0],
            r"^the reactor has been blocked for \d+\.\d\d s so far by the action slow:\n"
            r'  File ".*test_monitor\.py", line \d+, in slow\n'
            r'    wait_for\(lambda: self\.log, "a line in the log"\)  # here\n',
        )
        self.reactor.advance(1)
        watch.close()
        self.assertRegex(self.log[1], r"^the reactor goes on after \d+\.\d\d s$")
        self.assertGreaterEqual(self.stats.blocked, 1)

    def test_what_has_just_ended_is_logged_when_it_is_closed(self) -> None:
        watch = self.watch()
        wait_for(lambda: self.log, "a line in the log")
        self.reactor.advance(1)
        watch.close()
        self.assertIn("goes on", self.log[-1])

    def test_a_reactor_whose_clock_was_set_back_is_not_blocked(self) -> None:
        beats = []

        def call(beat: Callable[[], None]) -> None:
            beats.append(beat)
            beat()

        self.reactor.callFromThread = call
        self.watch(1.0)
        wait_for(lambda: len(beats) > 2, "some beats that were asked for")
        self.assertEqual([], self.log)

    def test_an_error_in_it_is_logged_and_ends_it(self) -> None:
        self.patch(BlockDetector, "look", lambda *_: 1 / 0)
        watch = self.watch()
        assert watch._thread is not None
        watch._thread.join(support.PATIENCE)
        self.assertFalse(watch._thread.is_alive())
        self.assertIn("what blocks the reactor is no longer watched", self.log)
        self.assertEqual(1, len(self.flushLoggedErrors(ZeroDivisionError)))

    def test_it_does_not_keep_the_process_alive(self) -> None:
        self.watch()
        (thread,) = [t for t in threading.enumerate() if t.name == "watch"]
        self.assertTrue(thread.daemon)
