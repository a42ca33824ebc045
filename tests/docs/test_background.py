"""The examples of docs/background.md, and its statements that name a default."""

from __future__ import annotations

import tempfile
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp.app.intervals import MAX_SECONDS, UNITS
from actionhero_tcp.config.sections import Limits
from tests import support
from tests.docs.test_actions import ask, examples

PAGE = support.ROOT / "docs" / "background.md"


class BackgroundPageTests(SynchronousTestCase):
    """A client of a server with the page's files."""

    def setUp(self) -> None:
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        for name, code in examples(PAGE).items():
            path = Path(temporary.name) / name
            path.parent.mkdir(exist_ok=True)
            path.write_text(code, encoding="utf-8")
        actions = str(Path(temporary.name) / "actions")
        self.service, self.reactor = support.make_service(
            {("general", "actions_directory"): actions}
        )
        self.service.startService()
        self.reactor.advance(0)
        self.client = support.Client(self.service, self.reactor)
        self.client.raw()

    def test_readings(self) -> None:
        api = self.service.factory.context.api
        for value in (1.0, 2.0):
            self.assertEqual("OK", self.client.ask(ask("report", value=value))["status"])
        self.reactor.advance(0)
        self.assertEqual(0, len(api.tasks))
        entry = self.successResultOf(api.cache.load("latest"))
        assert entry is not None
        self.assertEqual(2.0, entry.value)
        self.client.raw()
        self.reactor.advance(5)
        self.reactor.advance(0)
        (message,) = self.client.lines()
        self.assertEqual({"average": 1.5}, message["message"])
        self.successResultOf(self.service.stopService())

    def test_the_defaults(self) -> None:
        page, limits = PAGE.read_text(encoding="utf-8"), Limits()
        self.assertIn(f"`limits.maxBackgroundTasks` ({limits.max_background_tasks})", page)
        self.assertIn(f"`limits.closeTimeout` ({limits.close_timeout:g} s)", page)
        self.assertIn(f"at most {MAX_SECONDS // UNITS['d']} days", page)
