"""Tests of `actionhero_tcp.plugin.exit`: how a daemon ends that cannot start."""

from __future__ import annotations

import io
import os
import select
import sys
from typing import Any

from twisted.logger import LogEvent, formatEvent, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp.daemon.parent_process import PIPE, ParentProcess
from actionhero_tcp.errors import StartError
from actionhero_tcp.plugin.exit import end_process
from tests import support


class EndTests(SynchronousTestCase):
    """A daemon that cannot start."""

    starter: ParentProcess | None = None

    def setUp(self) -> None:
        self.events: list[LogEvent] = []
        globalLogPublisher.addObserver(self.events.append)
        self.addCleanup(globalLogPublisher.removeObserver, self.events.append)
        self.shown = io.StringIO()
        self.patch(sys, "__stderr__", self.shown)
        self.patch(sys, "excepthook", sys.excepthook)

    def end(self, running: bool) -> Any:
        """A service that fails, on a reactor that runs or not."""
        reactor = support.Reactor()
        reactor.running = running
        reactor.stopped = 0
        reactor.stop = lambda: setattr(reactor, "stopped", reactor.stopped + 1)
        reactor.triggers = []
        reactor.addSystemEventTrigger = lambda *arguments: reactor.triggers.append(arguments)
        try:
            leave = self.starter.leave if self.starter is not None else lambda error: None
            end_process(reactor, "cannot listen on x: taken", leave)
        finally:
            self.reactor: Any = reactor
        return reactor

    def test_before_the_reactor_runs_the_error_is_raised_and_shown_in_one_line(self) -> None:
        error = self.assertRaises(StartError, self.end, False)
        self.assertEqual("cannot listen on x: taken", str(error))
        self.assertEqual(0, self.reactor.stopped)
        self.assertEqual("", self.shown.getvalue())
        sys.excepthook(StartError, error, None)
        self.assertEqual("twistd actionhero: cannot listen on x: taken\n", self.shown.getvalue())

    def test_while_it_runs_the_process_ends_with_status_1(self) -> None:
        reactor = self.end(True)
        self.assertEqual(1, reactor.stopped)
        self.assertEqual("twistd actionhero: cannot listen on x: taken\n", self.shown.getvalue())
        statuses: list[int] = []
        self.patch(os, "_exit", statuses.append)
        self.fire(reactor)
        self.assertEqual([1], statuses)

    def fire(self, reactor: Any) -> None:
        """Has happen what is to happen after the shutdown."""
        ((phase, event, call, *arguments),) = reactor.triggers
        self.assertEqual(("after", "shutdown"), (phase, event))
        call(*arguments)

    def test_who_waits_for_the_start_hears_of_it_at_the_very_end(self) -> None:
        reading, writing = os.pipe()
        self.addCleanup(os.close, reading)
        self.starter = ParentProcess({PIPE: writing})
        self.starter.hold()
        reactor = self.end(True)
        self.assertEqual([], select.select([reading], [], [], 0)[0])
        self.patch(os, "_exit", lambda status: None)
        self.fire(reactor)
        self.assertEqual(b"1 cannot listen on x: taken", os.read(reading, 200))

    def test_it_is_logged(self) -> None:
        self.end(True)
        self.assertIn("cannot listen on x: taken", [formatEvent(e) for e in self.events])
