"""`use_monotonic_time`: what is scheduled does not follow the wall clock."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from twisted.internet import base
from twisted.internet.asyncioreactor import AsyncioSelectorReactor
from twisted.internet.epollreactor import EPollReactor
from twisted.internet.pollreactor import PollReactor
from twisted.internet.selectreactor import SelectReactor
from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp.net.monotonic import use_monotonic_time


class MonotonicTests(SynchronousTestCase):
    """Reactors of the test's own, none of which runs."""

    def reactors(self) -> list[Any]:
        """A reactor of each kind."""
        loop = asyncio.new_event_loop()
        self.addCleanup(loop.close)
        made = [EPollReactor(), PollReactor(), SelectReactor(), AsyncioSelectorReactor(loop)]
        for reactor in made:
            self.addCleanup(reactor.removeAll)
        return made

    def test_a_step_of_the_wall_clock_moves_no_call(self) -> None:
        for reactor in self.reactors():
            self.assertTrue(use_monotonic_time(reactor), reactor)
            called: list[str] = []
            reactor.callLater(0, called.append, "now")
            reactor.callLater(1800, called.append, "later")
            for step in (-3600, 3600):
                now = time.time() + step
                self.patch(base, "runtimeSeconds", lambda now=now: now)
                self.patch(time, "time", lambda now=now: now)
                reactor.runUntilCurrent()
                self.assertEqual(["now"], called, reactor)
                self.assertLessEqual(reactor.timeout(), 1800)
                self.assertGreater(reactor.timeout(), 1700)

    def test_a_call_that_is_put_off_goes_by_the_same_clock(self) -> None:
        for reactor in self.reactors():
            use_monotonic_time(reactor)
            call = reactor.callLater(10, lambda: None)
            call.reset(100)
            self.assertLess(abs(call.getTime() - time.monotonic() - 100), 30, reactor)

    def test_a_reactor_with_calls_keeps_its_clock(self) -> None:
        for reactor in self.reactors():
            call = reactor.callLater(10, lambda: None)
            self.assertFalse(use_monotonic_time(reactor))
            self.assertLess(abs(reactor.seconds() - time.time()), 30)
            call.cancel()
            self.assertTrue(use_monotonic_time(reactor))

    def test_a_reactor_that_runs_keeps_its_clock(self) -> None:
        (reactor, *_) = self.reactors()
        reactor.running = True
        self.assertFalse(use_monotonic_time(reactor))

    def test_a_reactor_that_takes_no_other_clock_keeps_its_own(self) -> None:
        class Slotted(EPollReactor):
            seconds = property(lambda self: time.time)

        class Deaf(EPollReactor):
            def callLater(self, delay: float, call: Any, *args: Any, **named: Any) -> Any:
                return base.DelayedCall(
                    time.time() + delay, call, args, named, lambda call: None, lambda call: None
                )

        for kind in (Slotted, Deaf):
            reactor: Any = kind()
            self.addCleanup(reactor.removeAll)
            self.assertFalse(use_monotonic_time(reactor))
            self.assertLess(abs(reactor.seconds() - time.time()), 30)
