"""`request`: one whose action still runs, and its end."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp.dispatch.request import Request
from actionhero_tcp.dispatch.time_limits import TimeLimits
from tests.support import make_connection


class RequestTests(SynchronousTestCase):
    """Its place on its connection's list, its timer and its action."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.connection = make_connection()
        self.timed_out: list[Request] = []
        self.limits = TimeLimits(self.clock, lambda request, _: self.timed_out.append(request))
        self.given_up: list[tuple[Request, str]] = []

    def request(self, outcome: Deferred[Any]) -> Request:
        """One that runs, and would end after 5 seconds."""
        made = Request(self.connection, 3, 1.0, "act")
        self.limits.begin(made, 5)
        made.wait(outcome, self)
        return made

    def give_up(self, request: Request, error: str) -> None:
        """See `RequestOwner.give_up`."""
        self.given_up.append((request, error))

    def test_to_give_it_up_is_its_runners_business(self) -> None:
        made = self.request(Deferred())
        made.give_up("why")
        self.assertEqual([(made, "why")], self.given_up)

    def test_its_end_leaves_the_list_and_the_clock(self) -> None:
        other, made = self.request(Deferred()), self.request(Deferred())
        self.connection.waits_for = other
        made.end()
        self.assertEqual({other}, self.connection.pending)
        self.assertIs(other, self.connection.waits_for)
        other.end()
        self.assertIsNone(self.connection.waits_for)
        self.clock.advance(5)
        self.assertEqual([], self.timed_out)

    def test_it_may_end_twice(self) -> None:
        made = self.request(Deferred())
        made.end()
        made.end()
        self.assertEqual(set(), self.connection.pending)

    def test_to_cancel_it_cancels_its_action(self) -> None:
        outcome: Deferred[Any] = Deferred()
        self.request(outcome).cancel()
        self.failureResultOf(outcome, CancelledError)
        self.clock.advance(5)
        self.assertEqual((set(), []), (self.connection.pending, self.timed_out))

    def test_an_action_that_cannot_be_cancelled_is_logged(self) -> None:
        def fail(_: object) -> None:
            raise ZeroDivisionError

        self.request(Deferred(fail)).cancel()
        self.assertEqual(set(), self.connection.pending)
        self.assertEqual(1, len(self.flushLoggedErrors(ZeroDivisionError)))
