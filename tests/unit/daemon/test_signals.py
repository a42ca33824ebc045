"""Tests of `actionhero_tcp.daemon.signals`, some in a process that a signal ends."""

from __future__ import annotations

import signal
from collections.abc import Callable
from types import FrameType
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp.daemon import signals as module
from actionhero_tcp.daemon.signals import Signals
from tests.support import Reactor


class SignalledReactor(Reactor):
    """A reactor that notes how it is stopped."""

    def __init__(self, calls: list[str]) -> None:
        super().__init__()
        self.calls = calls

    def sigTerm(self, number: int, frame: FrameType | None = None) -> None:
        self.calls.append(f"twisted {number}")

    sigInt = sigTerm


class SignalTests(SynchronousTestCase):
    """The handlers, called as Python calls them."""

    def setUp(self) -> None:
        self.calls: list[str] = []
        self.handlers: dict[int, Callable[..., Any]] = {}
        self.now = 100.0
        self.pid = 1
        self.unblocked: list[tuple[int, set[int]]] = []
        self.patch(module.signal, "signal", self.handlers.__setitem__)
        self.patch(
            module.signal,
            "pthread_sigmask",
            lambda how, numbers: self.unblocked.append((how, set(numbers))),
        )
        self.patch(module.os, "getpid", lambda: self.pid)
        self.patch(module.time, "monotonic", lambda: self.now)
        self.patch(module.os, "kill", lambda pid, number: self.calls.append(f"kill {number}"))
        self.patch(module.os, "_exit", lambda status: self.calls.append(f"exit {status}"))
        cut_short = lambda: self.calls.append("cut short")  # noqa: E731
        reload = lambda: self.calls.append("reload")  # noqa: E731
        self.reactor = SignalledReactor(self.calls)
        Signals(self.reactor, cut_short, {signal.SIGHUP: reload}, starter=2).install()

    def send(self, number: int, later: float = 0.0) -> None:
        """A signal arrives."""
        self.now += later
        self.handlers[number](number, None)

    def test_those_that_were_blocked_until_now_arrive(self) -> None:
        numbers = {signal.SIGTERM, signal.SIGINT, signal.SIGHUP}
        self.assertEqual([(signal.SIG_UNBLOCK, numbers)], self.unblocked)

    def test_the_first_one_is_twisteds(self) -> None:
        self.send(signal.SIGTERM)
        self.assertEqual(["twisted 15"], self.calls)

    def test_the_process_that_is_not_number_one_needs_no_exit(self) -> None:
        self.pid = 7
        for _ in range(3):
            self.send(signal.SIGTERM, 1)
        self.assertEqual(["twisted 15", "cut short", "kill 15"], self.calls)

    def test_thirty_two_at_once_are_one(self) -> None:
        for _ in range(32):
            self.send(signal.SIGTERM, 0.007)
        self.assertEqual(["twisted 15"], self.calls)

    def test_the_reactor_takes_the_same_handler_when_it_starts_to_run(self) -> None:
        self.send(signal.SIGTERM)
        self.handlers[signal.SIGTERM] = self.reactor.sigTerm
        self.send(signal.SIGTERM, 0.007)
        self.assertEqual(["twisted 15"], self.calls)

    def test_a_process_that_only_starts_the_daemon_ends_at_once(self) -> None:
        self.pid = 2
        self.send(signal.SIGTERM)
        self.assertEqual(["kill 15"], self.calls[:1])
        self.assertEqual(signal.SIG_DFL, self.handlers[signal.SIGTERM])

    def test_a_second_one_cuts_short_and_a_third_ends(self) -> None:
        self.send(signal.SIGTERM)
        self.send(signal.SIGTERM, 0.26)
        self.assertEqual(["twisted 15", "cut short"], self.calls)
        self.send(signal.SIGTERM, 0.26)
        expected = ["twisted 15", "cut short", "kill 15", "exit 143"]
        self.assertEqual(expected, self.calls)
        self.assertEqual(signal.SIG_DFL, self.handlers[signal.SIGTERM])

    def test_the_second_may_be_of_the_other_kind(self) -> None:
        self.send(signal.SIGTERM)
        self.send(signal.SIGINT, 1)
        self.assertEqual(["twisted 15", "cut short"], self.calls)

    def test_others_are_called_every_time(self) -> None:
        self.send(signal.SIGHUP)
        self.send(signal.SIGHUP)
        self.assertEqual(["reload", "reload"], self.calls)
