"""The reactor on uvloop, as twistd's option finds it."""

from __future__ import annotations

import sys
from unittest import mock

from twisted.application.reactors import getReactorTypes
from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp.net import uvloop_reactor


class UvloopReactorTests(SynchronousTestCase):
    """`twistd --reactor uvloop`."""

    def test_twistd_knows_it(self) -> None:
        (plugin,) = [each for each in getReactorTypes() if each.shortName == "uvloop"]
        self.assertEqual(uvloop_reactor.__name__, plugin.moduleName)

    def test_without_uvloop_the_error_says_how_to_install_it(self) -> None:
        with mock.patch.dict(sys.modules, {"uvloop": None}):
            error = self.assertRaises(ImportError, uvloop_reactor.install)
        self.assertIn("pip install 'actionhero-tcp[fast]'", str(error))
        self.assertIn("--reactor asyncio", str(error))
