"""`QuickDeferred`: whatever is added to it, it does what a Deferred does."""

from __future__ import annotations

import gc
from collections.abc import Callable
from typing import Any
from unittest import mock

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet import defer
from twisted.internet.defer import AlreadyCalledError, CancelledError, Deferred, ensureDeferred
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp.net.quick_deferred import QuickDeferred
from tests.support import PROPERTY

OUTCOMES = ("nothing", "a value", "an error", "a failure", "a Deferred", "one that waits")
WAYS = ("addCallback", "addErrback", "addBoth", "addCallbacks", "nested", "await")


class Story:
    """What happens to a Deferred, and to those that its callbacks give."""

    def __init__(self, deferred: Deferred[Any]) -> None:
        self.deferred = deferred
        self.seen: list[object] = []
        self.waiting: list[Deferred[Any]] = []

    def see(self, result: object) -> None:
        """Notes a result."""
        self.seen.append(_shown(result))

    def add(self, way: str, outcome: str) -> None:
        """Adds a callback of some kind that does what the outcome says."""
        count = len(self.waiting)

        def call(result: object, mark: str = "") -> Any:
            self.seen.append((way, outcome, _shown(result), mark))
            if way == "nested":
                self.deferred.addBoth(self.see)
            if outcome == "an error":
                raise ValueError("raised")
            if outcome == "one that waits":
                self.waiting.append(Deferred())
                return self.waiting[-1]
            values = {"a value": 7, "a Deferred": defer.succeed(8)}
            return Failure(KeyError(count)) if outcome == "a failure" else values.get(outcome)

        if way == "await":
            self._await(call)
        elif way == "addCallbacks":
            self.deferred.addCallbacks(call, call, ("a",), {}, ("e",))
        elif way == "nested":
            self.deferred.addBoth(call)
        else:
            getattr(self.deferred, way)(call)

    def _await(self, call: Callable[[object], object]) -> None:
        async def wait() -> None:
            try:
                call(await self.deferred)
            except Exception as error:
                self.seen.append(("awaited", str(error)))

        ensureDeferred(wait())

    def end(self) -> list[object]:
        """Fires what still waits, and gives all that was seen, with the last result."""
        while any(not waiting.called for waiting in self.waiting):
            for waiting in tuple(self.waiting):
                if not waiting.called:
                    waiting.callback("waited")
        self.deferred.addBoth(self.see)
        return self.seen


def _shown(result: object) -> object:
    return result.getErrorMessage() if isinstance(result, Failure) else result


STEPS = st.lists(st.tuples(st.sampled_from(WAYS), st.sampled_from(OUTCOMES)), max_size=3)


class QuickDeferredTests(SynchronousTestCase):
    """Quick ones beside Twisted's own."""

    @PROPERTY
    @given(STEPS, STEPS, st.booleans(), st.booleans())
    def test_it_does_what_a_deferred_does(
        self, before: list[Any], after: list[Any], paused: bool, chained: bool
    ) -> None:
        told = []
        for made, fire in ((Deferred[Any](), "callback"), (QuickDeferred(), "succeed")):
            story = Story(made)
            if chained:
                outer: Deferred[Any] = Deferred()
                outer.addCallback(lambda _, inner=made: inner)
                outer.addBoth(story.see)
                outer.callback(None)
            for step in before:
                story.add(*step)
            if paused:
                made.pause()
            getattr(made, fire)("the answer")
            for step in after:
                story.add(*step)
            if paused:
                made.unpause()
            told.append(story.end())
        self.assertEqual(told[0], told[1])

    def test_it_answers_once(self) -> None:
        deferred = QuickDeferred()
        deferred.addCallback(lambda _: None)
        deferred.succeed(1)
        self.assertRaises(AlreadyCalledError, deferred.succeed, 2)

    def test_one_that_was_cancelled_takes_the_answer_and_drops_it(self) -> None:
        deferred, seen = QuickDeferred(), []
        deferred.addErrback(lambda failure: seen.append(failure.type))
        deferred.cancel()
        deferred.succeed(1)
        self.assertEqual([CancelledError], seen)

    def test_what_a_callback_raises_goes_to_the_next_one(self) -> None:
        deferred = QuickDeferred()
        deferred.addCallback(lambda _: 1 / 0)
        deferred.succeed(1)
        self.failureResultOf(deferred, ZeroDivisionError)

    def test_an_error_that_nobody_takes_is_logged(self) -> None:
        deferred = QuickDeferred()
        deferred.addCallback(lambda _: 1 / 0)
        deferred.succeed(1)
        del deferred
        gc.collect()
        self.assertEqual(1, len(self.flushLoggedErrors(ZeroDivisionError)))

    def test_the_usual_deferred_does_not_go_through_twisted(self) -> None:
        async def wait(deferred: QuickDeferred) -> Any:
            return await deferred

        with mock.patch.object(Deferred, "callback", side_effect=AssertionError):
            deferred, seen = QuickDeferred(), []
            deferred.addCallback(seen.append)
            deferred.succeed(1)
            self.assertEqual([1], seen)
        deferred = QuickDeferred()
        done = ensureDeferred(wait(deferred))
        deferred.succeed(2)
        self.assertEqual(2, self.successResultOf(done))
