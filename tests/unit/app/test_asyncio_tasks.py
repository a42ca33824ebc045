"""Coroutines on an asyncio event loop: Deferreds and asyncio awaitables, mixed."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from typing import Any
from unittest import SkipTest, mock

from twisted.internet.defer import CancelledError, Deferred, DeferredList, fail, succeed
from twisted.internet.error import ConnectionLost
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp.app import coroutines
from actionhero_tcp.net import current_task

VARIABLE: ContextVar[str] = ContextVar("VARIABLE", default="default")


class LoopTestCase(SynchronousTestCase):
    """Tests that run a loop of their own."""

    def setUp(self) -> None:
        self.loop = self.make_loop()
        self.addCleanup(self.loop.close)
        self.troubles: list[dict[str, Any]] = []
        self.loop.set_exception_handler(lambda _, trouble: self.troubles.append(trouble))

    def tearDown(self) -> None:
        gc.collect()
        self.assertEqual([], self.troubles)

    def make_loop(self) -> asyncio.AbstractEventLoop:
        return asyncio.new_event_loop()

    def call(self, function: Callable[[], Any]) -> Any:
        """Calls a function in the loop, outside of any task, as the reactor calls."""
        seen: list[Any] = []

        def call() -> None:
            try:
                seen.append(function())
            except BaseException as error:
                seen.append(Failure(error))
            finally:
                self.loop.stop()

        self.loop.call_soon(call)
        self.loop.run_forever()
        return seen[0]

    def start(self, function: Callable[[], Any]) -> Any:
        """What `coroutines.start` gives for a coroutine function."""
        return self.call(lambda: coroutines.start(function()))

    def outcome(self, deferred: Deferred[Any]) -> Any:
        """Runs the loop until a Deferred has fired, and gives what it has fired with."""
        seen: list[Any] = []
        deferred.addBoth(lambda outcome: (seen.append(outcome), self.loop.stop()))
        while not seen:
            self.loop.run_forever()
        return seen[0]

    def run_passes(self, count: int = 5) -> None:
        for _ in range(count):
            self.call(lambda: None)

    def result(self, function: Callable[[], Any]) -> Any:
        """What a coroutine that has to wait returns."""
        deferred = self.start(function)
        self.assertIsInstance(deferred, Deferred)
        outcome = self.outcome(deferred)
        if isinstance(outcome, Failure):
            outcome.raiseException()
        return outcome


class AwaitingTests(LoopTestCase):
    """What a coroutine may await."""

    def test_one_that_awaits_nothing_gives_its_result_and_makes_no_task(self) -> None:
        async def plain() -> int:
            return 1

        self.assertEqual(1, self.start(plain))
        spare = asyncio.all_tasks(self.loop)
        self.assertEqual([1] * 10, [self.start(plain) for _ in range(10)])
        self.assertEqual(spare, asyncio.all_tasks(self.loop))

    def test_one_that_fails_before_it_waits_raises(self) -> None:
        async def broken() -> None:
            raise KeyError("a")

        self.assertIsNotNone(self.start(broken).check(KeyError))

    def test_sleep(self) -> None:
        async def sleeps() -> str:
            await asyncio.sleep(0)
            await asyncio.sleep(0.001)
            await asyncio.sleep(0)
            return "slept"

        self.assertEqual("slept", self.result(sleeps))

    def test_a_bare_sleep_takes_one_pass_of_the_loop(self) -> None:
        order: list[str] = []

        async def sleeps() -> None:
            await asyncio.sleep(0)
            order.append("slept")

        def call() -> Any:
            deferred = coroutines.start(sleeps())
            self.loop.call_soon(order.append, "next pass")
            return deferred

        self.outcome(self.call(call))
        self.assertEqual({"slept", "next pass"}, set(order))

    def test_deferreds_and_futures_mixed(self) -> None:
        first: Deferred[int] = Deferred()
        second = self.loop.create_future()

        async def mixes() -> list[int]:
            self.loop.call_soon(first.callback, 1)
            found = [await first]
            self.loop.call_soon(second.set_result, 2)
            found += [await second, await succeed(3), await asyncio.sleep(0, 4)]
            (fired,) = await DeferredList([succeed(5)])
            return [*found, fired[1]]

        self.assertEqual([1, 2, 3, 4, 5], self.result(mixes))

    def test_a_future_that_is_done_already(self) -> None:
        async def awaits() -> int:
            future: asyncio.Future[int] = self.loop.create_future()
            future.set_result(3)
            return await future

        self.assertEqual(3, self.start(awaits))

    def test_a_deferred_of_a_deferred(self) -> None:
        outer: Deferred[Any] = Deferred()
        inner: Deferred[int] = Deferred()

        async def awaits() -> Any:
            self.loop.call_soon(outer.callback, inner)
            self.loop.call_later(0.001, inner.callback, 7)
            return await outer

        self.assertEqual(7, self.result(awaits))

    def test_a_deferred_that_fires_before_the_loops_next_pass(self) -> None:
        def begin() -> Any:
            first: Deferred[int] = Deferred()
            second: Deferred[int] = Deferred()

            async def awaits() -> tuple[int, str]:
                found = await first
                try:
                    await second
                except KeyError as error:
                    return found, str(error)
                return found, ""

            deferred = coroutines.start(awaits())
            # As a timer does that is due in this pass already.
            first.callback(1)
            self.loop.call_soon(second.errback, KeyError("a"))
            return deferred

        for _ in range(3):
            # A task that waits for work takes the second one.
            async def nothing() -> None: ...

            self.start(nothing)
            self.run_passes()
            deferred = self.call(begin)
            self.run_passes()
            self.assertEqual((1, "'a'"), self.successResultOf(deferred))

    def test_errors_of_deferreds_and_futures_are_raised_where_they_are_awaited(self) -> None:
        async def awaits() -> list[str]:
            waiting: Deferred[None] = Deferred()
            self.loop.call_soon(waiting.errback, KeyError("a"))
            future = self.loop.create_future()
            self.loop.call_later(0.001, future.set_exception, ValueError("b"))
            seen = []
            for awaitable in (waiting, future, fail(ConnectionLost())):
                try:
                    await awaitable
                except Exception as error:
                    seen.append(type(error).__name__)
            return seen

        self.assertEqual(["KeyError", "ValueError", "ConnectionLost"], self.result(awaits))

    def test_what_it_raises_after_it_has_waited_fails_the_deferred(self) -> None:
        async def broken() -> None:
            await asyncio.sleep(0)
            raise KeyError("a")

        self.assertRaises(KeyError, self.result, broken)

    def test_an_error_that_is_an_end_of_iteration(self) -> None:
        waiting: Deferred[None] = Deferred()

        async def awaits() -> str:
            self.loop.call_soon(waiting.errback, StopIteration())
            try:
                await waiting
            except RuntimeError as error:
                return type(error.__cause__).__name__
            return ""

        self.assertEqual("StopIteration", self.result(awaits))


class TaskTests(LoopTestCase):
    """asyncio finds the task that it asks for."""

    def test_the_task_is_the_same_before_and_after_it_has_waited(self) -> None:
        async def asks() -> tuple[Any, Any]:
            before = asyncio.current_task()
            await asyncio.sleep(0)
            return before, asyncio.current_task()

        before, after = self.result(asks)
        self.assertIsInstance(before, asyncio.Task)
        self.assertIs(before, after)
        self.assertIsNone(self.call(lambda: asyncio.current_task()))

    def test_each_that_waits_has_a_task_of_its_own(self) -> None:
        async def asks() -> Any:
            await asyncio.sleep(0)
            return asyncio.current_task()

        def call() -> Any:
            return [coroutines.start(asks()) for _ in range(20)]

        started = self.call(call)
        self.assertEqual(20, len({id(self.outcome(each)) for each in started}))

    def test_a_spare_task_that_has_waited_for_work_takes_it(self) -> None:
        async def plain() -> None:
            pass

        async def sleeps() -> str:
            await asyncio.sleep(0.001)
            await asyncio.sleep(0)
            return "slept"

        for _ in range(3):
            self.start(plain)
            self.run_passes()
            self.assertEqual("slept", self.result(sleeps))

    def test_a_time_limit_around_the_first_thing_awaited(self) -> None:
        async def limited() -> str:
            try:
                async with asyncio.timeout(0.001):
                    await Deferred()
            except TimeoutError:
                await asyncio.sleep(0)
                return "timed out"
            return ""

        self.assertEqual("timed out", self.result(limited))

    def test_a_time_limit_cancels_the_deferred(self) -> None:
        cancelled: list[Any] = []
        waiting: Deferred[None] = Deferred(cancelled.append)

        async def limited() -> None:
            async with asyncio.timeout(0.001):
                await waiting

        self.assertRaises(TimeoutError, self.result, limited)
        self.assertEqual([waiting], cancelled)

    def test_task_groups_whose_tasks_await_deferreds(self) -> None:
        async def child(number: int) -> int:
            waiting: Deferred[int] = Deferred()
            self.loop.call_later(0.001, waiting.callback, number)
            await asyncio.sleep(0)
            return await waiting

        async def grouped() -> list[int]:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(child(number)) for number in range(3)]
            return [task.result() for task in tasks]

        self.assertEqual([0, 1, 2], self.result(grouped))

    def test_a_task_of_a_group_that_fails_cancels_the_others_and_their_deferreds(self) -> None:
        cancelled: list[Any] = []
        waiting: Deferred[None] = Deferred(cancelled.append)

        async def waits() -> None:
            await waiting

        async def fails() -> None:
            await asyncio.sleep(0)
            raise KeyError("a")

        async def grouped() -> None:
            async with asyncio.TaskGroup() as group:
                group.create_task(waits())
                group.create_task(fails())

        self.assertRaises(ExceptionGroup, self.result, grouped)
        self.assertEqual([waiting], cancelled)

    def test_gather_and_wait_for_take_deferreds(self) -> None:
        async def gathers() -> tuple[Any, Any]:
            waiting: Deferred[int] = Deferred()
            self.loop.call_later(0.001, waiting.callback, 2)
            return await asyncio.gather(succeed(1), waiting), await asyncio.wait_for(succeed(3), 1)

        self.assertEqual(([1, 2], 3), self.result(gathers))

    def test_one_that_starts_another(self) -> None:
        async def inner() -> Any:
            task = asyncio.current_task()
            await asyncio.sleep(0)
            assert asyncio.current_task() is task
            return task

        async def outer() -> list[Any]:
            before = asyncio.current_task()
            at_once = coroutines.start(inner())
            assert asyncio.current_task() is before
            found = [before, await at_once]
            assert asyncio.current_task() is before
            return [*found, await coroutines.start(inner())]

        found = self.result(outer)
        self.assertEqual(3, len(set(map(id, found))))

    def test_debuggers_find_the_coroutine(self) -> None:
        async def asks() -> list[Any]:
            task = asyncio.current_task()
            assert task is not None
            names = [task.get_coro().cr_code.co_name]  # type: ignore[union-attr]
            await asyncio.sleep(0)
            return [*names, task.get_coro().cr_code.co_name]  # type: ignore[union-attr]

        self.assertEqual(["asks", "asks"], self.result(asks))


class CancellationTests(LoopTestCase):
    """A Deferred that is cancelled cancels the coroutine."""

    def cancelled(self, awaitable: Callable[[], Awaitable[Any]], passes: int) -> list[str]:
        """What one sees that is cancelled after so many passes of the loop."""
        seen: list[str] = []

        async def plain() -> None:
            try:
                await awaitable()
            except asyncio.CancelledError:
                seen.append("cancelled")
                await asyncio.sleep(0)
                raise
            finally:
                seen.append("cleaned up")

        deferred: Deferred[Any]
        if passes:
            deferred = self.start(plain)
            self.run_passes(passes)
            self.call(deferred.cancel)
        else:

            def call() -> Any:
                deferred = coroutines.start(plain())
                deferred.cancel()
                return deferred

            deferred = self.call(call)
        self.failureResultOf(deferred, CancelledError)
        self.run_passes()
        return seen

    def test_it_gets_asyncios_error_and_cleans_up(self) -> None:
        makes = (Deferred, self.loop.create_future, lambda: asyncio.sleep(60))
        for make in makes:
            for passes in (0, 1, 3):
                self.assertEqual(["cancelled", "cleaned up"], self.cancelled(make, passes))

    def test_what_it_awaits_is_cancelled(self) -> None:
        for passes in (0, 1, 3):
            cancelled: list[Any] = []
            waiting: Deferred[None] = Deferred(cancelled.append)
            self.cancelled(lambda: waiting, passes)  # noqa: B023
            self.assertEqual([waiting], cancelled)
            future = self.loop.create_future()
            self.cancelled(lambda: future, passes)  # noqa: B023
            self.assertTrue(future.cancelled())

    def test_its_variables_are_there_while_it_cleans_up(self) -> None:
        seen: list[str] = []

        async def plain() -> None:
            VARIABLE.set("mine")
            try:
                await asyncio.sleep(60)
            finally:
                await asyncio.sleep(0)
                seen.append(VARIABLE.get())

        deferred = self.start(plain)
        self.call(deferred.cancel)
        self.failureResultOf(deferred, CancelledError)
        self.run_passes()
        self.assertEqual(["mine"], seen)

    def test_one_that_cancels_itself(self) -> None:
        async def cancels() -> None:
            task = asyncio.current_task()
            assert task is not None
            task.cancel()
            await asyncio.sleep(60)

        self.assertRaises(asyncio.CancelledError, self.result, cancels)

    def test_a_task_that_was_cancelled_in_vain_is_not_used_again(self) -> None:
        async def cancels() -> None:
            task = asyncio.current_task()
            assert task is not None
            task.cancel()

        async def sleeps() -> str:
            await asyncio.sleep(0)
            return "slept"

        self.assertIsNone(self.start(cancels))
        self.assertEqual("slept", self.result(sleeps))
        self.start(cancels)
        self.run_passes()
        self.assertEqual("slept", self.result(sleeps))


class ContextTests(LoopTestCase):
    """Context variables."""

    def test_they_hold_while_it_waits_and_are_its_own(self) -> None:
        async def plain() -> tuple[str, str]:
            before = VARIABLE.get()
            VARIABLE.set("mine")
            await asyncio.sleep(0)
            await succeed(None)
            return before, VARIABLE.get()

        def call() -> Any:
            VARIABLE.set("outer")
            return coroutines.start(plain())

        self.assertEqual(("outer", "mine"), self.outcome(self.call(call)))
        self.assertEqual("default", self.call(VARIABLE.get))

    def test_tasks_that_it_starts_have_them(self) -> None:
        async def child() -> str:
            return VARIABLE.get()

        async def plain() -> str:
            await asyncio.sleep(0)
            VARIABLE.set("mine")
            return await asyncio.create_task(child())

        self.assertEqual("mine", self.result(plain))


class FallbackTests(LoopTestCase):
    """A Python that does not let the current task be set."""

    def setUp(self) -> None:
        super().setUp()
        self.patch(current_task, "enter", None)

    def test_a_coroutine_is_a_task_from_the_start(self) -> None:
        async def limited() -> str:
            async with asyncio.timeout(10):
                await asyncio.sleep(0)
            return "well"

        self.assertEqual("well", self.result(limited))

    def test_one_that_is_cancelled_before_it_started(self) -> None:
        async def plain() -> None:
            raise AssertionError

        def call() -> Any:
            deferred = coroutines.start(plain())
            deferred.cancel()
            return deferred

        self.failureResultOf(self.call(call), CancelledError)
        self.run_passes()


class UvloopTestCase(LoopTestCase):
    """The same on uvloop."""

    def make_loop(self) -> asyncio.AbstractEventLoop:
        try:
            import uvloop
        except ImportError:
            raise SkipTest("uvloop is not installed") from None
        return uvloop.new_event_loop()


class UvloopAwaitingTests(UvloopTestCase, AwaitingTests):
    pass


class UvloopTaskTests(UvloopTestCase, TaskTests):
    pass


class UvloopCancellationTests(UvloopTestCase, CancellationTests):
    pass


class UvloopContextTests(UvloopTestCase, ContextTests):
    pass


class NoLoopTests(SynchronousTestCase):
    """Where no asyncio loop runs, the error says what to start with."""

    def assert_explained(self, function: Callable[[], Any]) -> None:
        try:
            outcome = coroutines.start(function())
        except coroutines.AsyncioNeededError as error:
            text = str(error)
        else:
            text = str(self.failureResultOf(outcome, coroutines.AsyncioNeededError).value)
        self.assertIn("--reactor uvloop", text)

    def test_a_sleep(self) -> None:
        self.assert_explained(lambda: asyncio.sleep(1))

    def test_a_bare_sleep(self) -> None:
        self.assert_explained(lambda: asyncio.sleep(0))

    def test_a_library_that_asks_for_the_loop_of_the_thread(self) -> None:
        async def asks() -> None:
            raise RuntimeError("There is no current event loop in thread 'MainThread'.")

        self.assert_explained(asks)

    def test_a_future_of_a_loop_that_does_not_run(self) -> None:
        loop = asyncio.new_event_loop()
        self.addCleanup(loop.close)

        async def awaits() -> None:
            await loop.create_future()

        self.assert_explained(awaits)

    def test_after_a_deferred(self) -> None:
        waiting: Deferred[None] = Deferred()

        async def awaits() -> None:
            await waiting
            await asyncio.sleep(1)

        outcome = coroutines.start(awaits())
        waiting.callback(None)
        self.failureResultOf(outcome, coroutines.AsyncioNeededError)

    def test_the_coroutine_may_go_on_without(self) -> None:
        async def awaits() -> str:
            try:
                await asyncio.sleep(0)
            except RuntimeError:
                return await succeed("well")
            return ""

        self.assertEqual("well", self.successResultOf(coroutines.start(awaits())))

    def test_other_errors_stay_what_they_are(self) -> None:
        error = RuntimeError("no")

        async def broken() -> None:
            raise error

        with mock.patch.object(current_task, "enter", None):
            self.assertIs(error, self.assertRaises(RuntimeError, coroutines.start, broken()))


del UvloopTestCase
