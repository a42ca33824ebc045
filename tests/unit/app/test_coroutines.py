"""Coroutines that run at once, tested through the actions that are such."""

from __future__ import annotations

import gc
from contextvars import ContextVar
from typing import Any

from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp.app.coroutines import _continued
from actionhero_tcp.errors import ActionError
from tests.unit.app.test_actions import start

VARIABLE: ContextVar[str] = ContextVar("VARIABLE", default="default")


class CoroutineTests(SynchronousTestCase):
    """`async def`."""

    def test_one_that_awaits_nothing_makes_no_deferred(self) -> None:
        async def plain(api: Any, connection: Any) -> dict[str, int]:
            return {"a": 1}

        self.assertEqual({"a": 1}, start(plain))

    def test_one_that_fails_before_it_waits_raises(self) -> None:
        async def broken(api: Any, connection: Any) -> None:
            raise ActionError("no")

        self.assertRaises(ActionError, start, broken)

    def test_one_that_awaits_is_a_deferred(self) -> None:
        waits: list[Deferred[int]] = [Deferred(), Deferred()]

        async def plain(api: Any, connection: Any) -> dict[str, int]:
            return {"a": await waits[0] + await waits[1]}

        outcome = start(plain)
        self.assertNoResult(outcome)
        waits[0].callback(1)
        self.assertNoResult(outcome)
        waits[1].callback(2)
        self.assertEqual({"a": 3}, self.successResultOf(outcome))

    def test_what_it_awaits_may_be_there_already(self) -> None:
        async def plain(api: Any, connection: Any) -> dict[str, int]:
            return {"a": await succeed(1) + await succeed(2)}

        self.assertEqual({"a": 3}, start(plain))

    def test_an_error_of_what_it_awaits_is_raised_in_it(self) -> None:
        waiting: Deferred[None] = Deferred()

        async def plain(api: Any, connection: Any) -> dict[str, str]:
            try:
                await waiting
            except KeyError as error:
                return {"caught": str(error)}
            return {}

        outcome = start(plain)
        waiting.errback(KeyError("a"))
        self.assertEqual({"caught": "'a'"}, self.successResultOf(outcome))

    def test_after_an_error_it_can_wait_again(self) -> None:
        failing: Deferred[None] = Deferred()
        waiting: Deferred[int] = Deferred()

        async def plain(api: Any, connection: Any) -> dict[str, int]:
            try:
                await failing
            except KeyError:
                return {"a": await waiting}
            return {}

        outcome = start(plain)
        failing.errback(KeyError())
        self.assertNoResult(outcome)
        waiting.callback(3)
        self.assertEqual({"a": 3}, self.successResultOf(outcome))

    def test_what_it_raises_after_it_has_waited_fails_the_deferred(self) -> None:
        waiting: Deferred[None] = Deferred()

        async def broken(api: Any, connection: Any) -> None:
            await waiting
            raise ActionError("no")

        outcome = start(broken)
        waiting.callback(None)
        self.assertEqual("no", self.failureResultOf(outcome, ActionError).value.text)

    def test_cancelling_cancels_what_it_waits_for(self) -> None:
        cancelled: list[Any] = []
        waiting: Deferred[None] = Deferred(cancelled.append)
        seen: list[str] = []

        async def plain(api: Any, connection: Any) -> None:
            try:
                await waiting
            except CancelledError:
                seen.append("cancelled")
                raise
            finally:
                seen.append("cleaned up")

        outcome = start(plain)
        outcome.cancel()
        self.failureResultOf(outcome, CancelledError)
        self.assertEqual([waiting], cancelled)
        self.assertEqual(["cancelled", "cleaned up"], seen)

    def test_its_context_variables_are_its_own(self) -> None:
        waiting: Deferred[None] = Deferred()

        async def plain(api: Any, connection: Any) -> dict[str, str]:
            before = VARIABLE.get()
            VARIABLE.set("mine")
            await waiting
            return {"before": before, "after": VARIABLE.get()}

        token = VARIABLE.set("outer")
        self.addCleanup(VARIABLE.reset, token)
        outcome = start(plain)
        self.assertEqual("outer", VARIABLE.get())
        VARIABLE.set("changed outside")
        waiting.callback(None)
        self.assertEqual({"before": "outer", "after": "mine"}, self.successResultOf(outcome))
        self.assertEqual("changed outside", VARIABLE.get())

    def test_one_that_awaits_nothing_leaves_no_variable_behind(self) -> None:
        async def plain(api: Any, connection: Any) -> dict[str, str]:
            VARIABLE.set("mine")
            return {"seen": VARIABLE.get()}

        self.assertEqual({"seen": "mine"}, start(plain))
        self.assertEqual("default", VARIABLE.get())

    def test_its_variables_are_there_while_it_cleans_up_after_a_cancellation(self) -> None:
        seen: list[str] = []

        async def plain(api: Any, connection: Any) -> None:
            VARIABLE.set("mine")
            try:
                await Deferred()
            finally:
                seen.append(VARIABLE.get())

        outcome = start(plain)
        outcome.cancel()
        self.failureResultOf(outcome, CancelledError)
        self.assertEqual(["mine"], seen)

    def test_one_that_is_forgotten_is_closed(self) -> None:
        seen: list[str] = []

        async def plain(api: Any, connection: Any) -> None:
            try:
                await Deferred()
            finally:
                seen.append("closed")

        outcome = start(plain)
        del outcome
        gc.collect()
        self.assertEqual(["closed"], seen)

    def test_a_generator_exit_of_its_own_is_its_end(self) -> None:
        waiting: Deferred[None] = Deferred()

        async def plain(api: Any, connection: Any) -> None:
            await waiting
            raise GeneratorExit

        outcome = start(plain)
        waiting.callback(None)
        self.failureResultOf(outcome, GeneratorExit)

    def test_closing_the_rest_closes_the_coroutine(self) -> None:
        seen: list[str] = []

        async def plain() -> None:
            try:
                await Deferred()
            except GeneratorExit:
                seen.append("exit")
                raise

        coroutine = plain()
        rest = _continued(coroutine, coroutine.send(None))
        next(rest)
        rest.close()
        self.assertEqual(["exit"], seen)
        self.assertIsNone(coroutine.cr_frame)
