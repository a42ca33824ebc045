"""Tests of `actionhero_tcp.wire.verbs`."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp.cli.console.completion import VERBS
from actionhero_tcp.wire import verbs
from tests import support


class HelpTests(SynchronousTestCase):
    """One source of what the verbs do."""

    def test_it_has_the_verbs_that_the_server_has(self) -> None:
        service, _ = support.make_service()
        served = service.factory.context.dialect.verbs.values()
        self.assertEqual(verbs.HELP, {verb.name: verb.help for verb in served})

    def test_the_console_offers_them_all(self) -> None:
        self.assertEqual(set(verbs.HELP), set(VERBS["2012"]))
