"""`actionhero_tcp.testing.reactor`: time and threads of a test."""

from __future__ import annotations

import threading
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import LoopingCall, deferLater
from twisted.internet.threads import blockingCallFromThread, deferToThreadPool
from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp.testing import FakeReactor


class ReactorTests(SynchronousTestCase):
    """`FakeReactor`."""

    def setUp(self) -> None:
        self.reactor: Any = FakeReactor()
        self.happened: list[Any] = []

    def test_each_call_has_its_own_time(self) -> None:
        loop = LoopingCall(lambda: self.happened.append(self.reactor.seconds()))
        loop.clock = self.reactor
        loop.start(0.1, now=False)
        self.reactor.advance(0.55)
        self.assertEqual([0.1, 0.2, 0.3, 0.4, 0.5], [round(at, 6) for at in self.happened])
        self.assertAlmostEqual(0.55, self.reactor.seconds())
        loop.stop()

    def test_a_call_that_is_called_off_is_not_made(self) -> None:
        later = self.reactor.callLater(2, self.happened.append, "never")
        self.reactor.callLater(1, later.cancel)
        self.reactor.advance(3)
        self.assertEqual([], self.happened)

    def test_moving_by_nothing_makes_what_is_due(self) -> None:
        self.reactor.callLater(0, self.happened.append, "now")
        self.reactor.callLater(0.001, self.happened.append, "later")
        self.reactor.advance(0)
        self.assertEqual(["now"], self.happened)

    def test_what_a_call_raises_reaches_the_test(self) -> None:
        self.reactor.callLater(1, lambda: self.happened[0])
        self.assertRaises(IndexError, self.reactor.advance, 1)

    def test_threads_have_ended_when_it_is_settled(self) -> None:
        for number in range(5):
            self.reactor.callInThread(self.happened.append, number)
        self.reactor.settle()
        self.assertEqual({0, 1, 2, 3, 4}, set(self.happened))

    def test_a_thread_can_ask_the_reactors_thread(self) -> None:
        def ask() -> tuple[bool, bool]:
            asked = blockingCallFromThread(self.reactor, threading.current_thread)
            return asked is threading.main_thread(), threading.current_thread() is asked

        answer = deferToThreadPool(self.reactor, self.reactor.getThreadPool(), ask)
        self.reactor.settle()
        self.assertEqual((True, False), self.successResultOf(answer))

    def test_what_a_thread_starts_is_waited_for(self) -> None:
        def start() -> None:
            self.reactor.callFromThread(self.reactor.callInThread, self.happened.append, "second")

        self.reactor.callInThread(start)
        self.reactor.settle()
        self.assertEqual(["second"], self.happened)

    def test_a_call_in_a_thread_that_fails_is_logged(self) -> None:
        self.reactor.callInThread(lambda: 1 // 0)
        self.reactor.settle()
        self.assertEqual(1, len(self.flushLoggedErrors(ZeroDivisionError)))

    def test_a_failure_is_handed_on(self) -> None:
        failed = deferToThreadPool(self.reactor, self.reactor.getThreadPool(), lambda: 1 // 0)
        self.reactor.settle()
        self.failureResultOf(failed, ZeroDivisionError)

    def test_it_waits_for_so_long_and_no_longer(self) -> None:
        self.reactor.patience = 0.05
        end = threading.Event()
        self.addCleanup(end.set)
        self.reactor.callInThread(end.wait)
        error = self.assertRaises(AssertionError, self.reactor.advance, 1)
        self.assertEqual("an action in a thread still runs after 0.05 s", str(error))

    def test_waiting_on_it(self) -> None:
        waited: Deferred[None] = deferLater(self.reactor, 1.5)
        self.reactor.advance(1)
        self.assertNoResult(waited)
        self.reactor.advance(0.5)
        self.successResultOf(waited)
