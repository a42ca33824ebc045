"""Tests of `actionhero_tcp.embedding.threads`: the threads of blocking actions."""

from __future__ import annotations

import threading

from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase

from actionhero_tcp.embedding.threads import blocking_threads
from actionhero_tcp.testing.reactor import FakeReactor


class ThreadTests(TestCase):
    """`blocking_threads`."""

    def test_they_are_not_those_that_resolve_names(self) -> None:
        from twisted.internet import reactor

        threads = blocking_threads(reactor)
        self.addCleanup(threads.stop)
        self.assertIsNot(threads, reactor.getThreadPool())  # type: ignore[attr-defined]
        done: Deferred[object] = Deferred()

        def ended(success: bool, outcome: object) -> None:
            reactor.callFromThread(done.callback, outcome)  # type: ignore[attr-defined]

        threads.callInThreadWithCallback(ended, threading.get_ident)
        done.addCallback(self.assertNotEqual, threading.get_ident())
        return done  # type: ignore[return-value]

    def test_those_of_a_test_are_its_reactors(self) -> None:
        reactor = FakeReactor()
        self.assertIs(reactor, blocking_threads(reactor))
        self.assertIsNone(blocking_threads(object()))
