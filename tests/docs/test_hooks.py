"""The examples of docs/hooks.md, all loaded together, do what the page says."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Any

from twisted.logger import LogEvent, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp.app.hook_runner import MOST_AFTERWARDS
from actionhero_tcp.app.hooks import TAKES
from actionhero_tcp.server.service import ActionHeroService
from tests import support
from tests.docs.test_actions import ask, examples

PAGE = support.ROOT / "docs" / "hooks.md"


class HookPageTests(SynchronousTestCase):
    """Two clients of a server with all of the page's files."""

    def setUp(self) -> None:
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        for name, code in examples(PAGE).items():
            path = Path(temporary.name) / name
            path.parent.mkdir(exist_ok=True)
            path.write_text(code, encoding="utf-8")
        self.audit: list[dict[str, Any]] = []
        globalLogPublisher.addObserver(self.note)
        self.addCleanup(globalLogPublisher.removeObserver, self.note)
        self.actions = str(Path(temporary.name) / "actions")
        self.book = Path(temporary.name) / "visitors.txt"
        self.patch(os, "environ", {**os.environ, "STATE_DIRECTORY": temporary.name})
        service, reactor = self.serve()
        self.ada, self.grace = (support.Client(service, reactor) for _ in range(2))
        for client in (self.ada, self.grace):
            client.raw()

    def serve(self) -> tuple[ActionHeroService, Any]:
        """A server that has started, and its reactor."""
        values = {("general", "actions_directory"): self.actions}
        self.service, self.reactor = support.make_service(values)
        self.service.startService()
        # The hooks of the start run in the reactor's first pass.
        self.reactor.advance(0)
        return self.service, self.reactor

    def note(self, event: LogEvent) -> None:
        """Keeps what the audit log is told."""
        if event["log_namespace"] == "audit":
            self.audit.append(json.loads(event["event"]))

    def log_in(self) -> None:
        self.ada.ask(ask("login", token="7f3a"))
        self.grace.ask(ask("login", token="99c1"))

    def test_log_in_by_token(self) -> None:
        answer = self.ada.ask("randomNumber")
        self.assertEqual(("log in first", 401), (answer["error"], answer["code"]))
        self.assertEqual("this token is not known", self.ada.ask(ask("login", token="x"))["error"])
        self.assertEqual("ada", self.ada.ask(ask("login", token="7f3a"))["user"])
        self.assertIn("randomNumber", self.ada.ask("randomNumber"))

    def test_permissions(self) -> None:
        self.assertEqual(
            "log in first", self.grace.ask(ask("setPrice", product="tea", price=1))["error"]
        )
        self.log_in()
        answer = self.grace.ask(ask("setPrice", product="tea", price=1))
        self.assertEqual(("grace may not use setPrice", 403), (answer["error"], answer["code"]))
        self.assertEqual(300, self.grace.ask(ask("price", product="tea"))["price"])
        self.ada.ask(ask("setPrice", product="tea", price=250))
        self.assertEqual(250, self.grace.ask(ask("price", product="tea"))["price"])

    def test_manners(self) -> None:
        self.log_in()
        self.ada.ask("say Heck, what a darn day")
        (heard,) = self.grace.lines()
        self.assertEqual("****, what a **** day", heard["message"])
        self.assertIn("too long", self.ada.ask("say " + "x" * 501)["error"])
        self.assertEqual([], self.grace.lines())
        self.assertIn("for the staff", self.grace.ask("roomChange staff")["error"])
        self.assertEqual("staff", self.ada.ask("roomChange staff")["room"])

    def test_audit(self) -> None:
        self.audit.clear()
        self.ada.ask("randomNumber")
        self.log_in()
        self.ada.transport.loseConnection()
        assert self.grace.protocol.connection is not None
        grace = self.grace.protocol.connection.id
        refused, ada, other, gone = self.audit
        self.assertEqual(("randomNumber", "log in first"), (refused["action"], refused["error"]))
        self.assertEqual(("login", None, "ada"), (ada["action"], ada["error"], ada["user"]))
        self.assertEqual(grace, other["client"])
        self.assertEqual(("ada", "client closed"), (gone["user"], gone["disconnected"]))

    def test_start_and_stop(self) -> None:
        self.log_in()
        self.assertEqual(2, self.ada.ask("visitors")["visitors"])
        self.assertFalse(self.book.exists())
        self.reactor.advance(60)
        self.assertEqual("2", self.book.read_text())
        support.Client(self.service, self.reactor)
        self.successResultOf(self.service.stopService())
        self.assertEqual("3", self.book.read_text())
        self.assertEqual(3, self.serve()[0].factory.context.api.state.visitors)

    def test_a_start_that_is_refused(self) -> None:
        self.book.write_text("many")
        errors: list[str] = []
        service, reactor = support.make_service({("general", "actions_directory"): self.actions})
        service._fail = errors.append
        service.startService()
        reactor.advance(0)
        (error,) = errors
        line = examples(PAGE)["actions/visitors.py"].split("\n").index("@on_start") + 1
        self.assertTrue(
            error.startswith(
                f"{self.actions}/visitors.py:{line}: the hook 'open_book' (@on_start) refuses the "
                "start: the book of visitors cannot be read: invalid literal"
            ),
            error,
        )
        told = f"visitors.py:{line}: the hook 'open_book' (@on_start) refuses the start: the book"
        self.assertIn(told, PAGE.read_text(encoding="utf-8"))

    def test_the_table_has_every_kind_and_what_it_is_called_with(self) -> None:
        page = PAGE.read_text(encoding="utf-8")
        for kind, takes in TAKES.items():
            self.assertRegex(page, rf"\| `@{kind}` \| [^|]+ \| `{', '.join(takes)}` \|")
        self.assertIn(f"At most {MOST_AFTERWARDS} hooks", page)
