"""Tests of `actionhero_tcp.web.health`."""

from __future__ import annotations

from twisted.internet.testing import Clock
from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp.web.access import Access
from actionhero_tcp.web.health import Liveness, Readiness
from actionhero_tcp.web.resources import WebResource
from actionhero_tcp.web.site import Root, WebSite
from tests.support.web import ask


class HealthTests(SynchronousTestCase):
    """Whether the process lives, and whether it takes clients."""

    def setUp(self) -> None:
        self.reasons: list[str] = []
        tree = WebResource()
        tree.add("livez", Liveness())
        tree.add("readyz", Readiness(lambda: self.reasons))
        self.site = WebSite(Root(Access("", ["localhost"], []), "", tree), Clock())

    def test_alive(self) -> None:
        answer = ask(self.site, "/livez")
        self.assertEqual((200, b"alive\n"), (answer.status, answer.body))

    def test_ready(self) -> None:
        answer = ask(self.site, "/readyz")
        self.assertEqual((200, {"ready": True, "reasons": []}), (answer.status, answer.json))
        self.assertEqual("application/json", answer.headers["content-type"])

    def test_not_ready_says_why(self) -> None:
        self.reasons = ["draining", "Redis unreachable"]
        answer = ask(self.site, "/readyz")
        self.assertEqual(503, answer.status)
        self.assertEqual({"ready": False, "reasons": self.reasons}, answer.json)

    def test_not_ready_is_alive(self) -> None:
        self.reasons = ["draining"]
        self.assertEqual(200, ask(self.site, "/livez").status)
