"""Tests of `actionhero_tcp.web.supervision`: what a supervisor answers for its workers."""

from __future__ import annotations

from typing import Any

from prometheus_client import CollectorRegistry, Counter
from prometheus_client.parser import text_string_to_metric_families
from twisted.internet.defer import Deferred
from twisted.internet.testing import Clock
from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp.web.access import Access
from actionhero_tcp.web.merged_metrics import as_values
from actionhero_tcp.web.site import Root, WebSite
from actionhero_tcp.web.supervision import supervisor_tree
from tests.support.web import Answer, ask, parse, send


class FakeWorkers:
    """Two workers, of whom one has been replaced."""

    count = ready = 2
    restarts = 1

    def __init__(self) -> None:
        self.reasons: list[str] = []

    def not_ready(self) -> list[str]:
        return self.reasons


class FakeReports:
    """Workers that answer when the test says so."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.answer: Deferred[dict[int, Any]] = Deferred()

    def ask(self, word: str) -> Deferred[dict[int, Any]]:
        self.asked.append(word)
        return self.answer


class SupervisionTests(SynchronousTestCase):
    """The web port of a supervisor."""

    def setUp(self) -> None:
        self.workers, self.reports = FakeWorkers(), FakeReports()
        tree = supervisor_tree(lambda: self.workers, self.reports)  # type: ignore[arg-type]
        self.site = WebSite(Root(Access("", ["localhost"], []), "", tree), Clock())

    def ask(self, path: str, answers: dict[int, Any]) -> Answer:
        """A request that is answered once the workers have."""
        request = f"GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n"
        transport = send(self.site, request.encode())
        self.assertEqual(b"", transport.value())
        self.reports.answer.callback(answers)
        return parse(transport.value())

    def test_it_lives(self) -> None:
        self.assertEqual(200, ask(self.site, "/livez").status)

    def test_it_is_ready_when_all_workers_are(self) -> None:
        answer = self.ask("/readyz", {1: [], 2: []})
        self.assertEqual((200, {"ready": True, "reasons": []}), (answer.status, answer.json))
        self.assertEqual(["health"], self.reports.asked)

    def test_the_reasons_say_which_worker(self) -> None:
        answer = self.ask("/readyz", {1: ["Redis unreachable: refused"], 2: None})
        self.assertEqual(503, answer.status)
        self.assertEqual(
            ["worker 1: Redis unreachable: refused", "worker 2: it does not answer"],
            answer.json["reasons"],
        )

    def test_while_some_start_nobody_is_asked(self) -> None:
        self.workers.reasons = ["1 of 2 workers are ready"]
        answer = ask(self.site, "/readyz")
        self.assertEqual((503, self.workers.reasons), (answer.status, answer.json["reasons"]))
        self.assertEqual([], self.reports.asked)

    def test_metrics_of_all_with_their_numbers(self) -> None:
        registry = CollectorRegistry()
        counter = Counter("jobs", "Jobs done.", ["worker"], registry=registry)
        counter.labels("mine").inc(3)
        values = as_values(registry.collect())
        text = self.ask("/metrics", {1: values, 2: None}).body.decode()
        samples = [s for f in text_string_to_metric_families(text) for s in f.samples]
        found = {s.name: (s.labels, s.value) for s in samples}
        self.assertEqual(({"exported_worker": "mine", "worker": "1"}, 3.0), found["jobs_total"])
        self.assertEqual(({}, 2.0), found["actionhero_workers"])
        self.assertEqual(({}, 1.0), found["actionhero_worker_restarts_total"])

    def test_one_that_hangs_up_before_the_answer(self) -> None:
        transport = send(self.site, b"GET /metrics HTTP/1.1\r\nhost: localhost\r\n\r\n")
        transport.loseConnection()
        self.reports.answer.callback({})
        self.assertEqual(b"", transport.value())

    def test_a_fault_is_logged_and_answered(self) -> None:
        request = b"GET /metrics HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n"
        transport = send(self.site, request)
        self.reports.answer.errback(ValueError("broken"))
        self.assertEqual(500, parse(transport.value()).status)
        self.assertEqual(1, len(self.flushLoggedErrors(ValueError)))
