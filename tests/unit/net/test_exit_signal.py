"""Tests of `actionhero_tcp.net.exit_signal`."""

from __future__ import annotations

import signal

from twisted.internet.base import ReactorBase
from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp.net.exit_signal import exit_signal


class ExitSignalTests(SynchronousTestCase):
    """The signal that ended a reactor."""

    def test_twisted_keeps_it_under_this_name(self) -> None:
        self.assertIn("_exitSignal", vars(ReactorBase))

    def test_the_signal_is_given(self) -> None:
        reactor = type("Reactor", (), {"_exitSignal": signal.SIGINT})()
        self.assertEqual(signal.SIGINT, exit_signal(reactor))

    def test_without_one_it_is_sigterm(self) -> None:
        self.assertEqual(signal.SIGTERM, exit_signal(object()))
        self.assertEqual(signal.SIGTERM, exit_signal(type("Reactor", (), {"_exitSignal": None})()))
