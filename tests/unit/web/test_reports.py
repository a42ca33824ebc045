"""Tests of `actionhero_tcp.web.reports`: both ends of the channel, without a process."""

from __future__ import annotations

import json
from typing import Any

from twisted.internet.error import ConnectionDone
from twisted.internet.testing import Clock, StringTransportWithDisconnection
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp.web import reports
from actionhero_tcp.web.reports import ANSWER_SECONDS, Questioner, Reporter, WorkerReports


def connect(protocol: Any) -> StringTransportWithDisconnection:
    """Gives a protocol a transport."""
    transport = StringTransportWithDisconnection()
    transport.protocol = protocol
    protocol.makeConnection(transport)
    return transport


class ReporterTests(SynchronousTestCase):
    """A worker's end."""

    def ask(self, line: bytes, **answers: Any) -> Any:
        reporter = Reporter(answers)
        transport = connect(reporter)
        reporter.dataReceived(line + b"\n")
        return json.loads(transport.value())

    def test_it_answers_one_line_of_json(self) -> None:
        self.assertEqual(["draining"], self.ask(b"health", health=lambda: ["draining"]))

    def test_without_an_answer_it_says_null(self) -> None:
        def broken() -> None:
            raise ValueError("broken")

        self.assertIsNone(self.ask(b"metrics", metrics=broken))
        self.assertEqual(1, len(self.flushLoggedErrors(ValueError)))
        self.assertIsNone(self.ask(b"other"))
        self.assertEqual(1, len(self.flushLoggedErrors(KeyError)))


class QuestionTests(SynchronousTestCase):
    """A supervisor that asks two workers."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.ends: list[tuple[Questioner, StringTransportWithDisconnection]] = []
        self.patch(reports, "adopt", self.adopt)
        self.reports = WorkerReports(self.clock)
        for number in (2, 1):
            self.reports.add(number, None)  # type: ignore[arg-type]

    def adopt(self, reactor: Any, end: Any, protocol: Questioner) -> None:
        self.ends.append((protocol, connect(protocol)))

    def answer(self, index: int, value: object) -> None:
        self.ends[index][0].dataReceived(json.dumps(value).encode() + b"\n")

    def test_all_are_asked_and_their_answers_are_joined(self) -> None:
        asked = self.reports.ask("health")
        for _, transport in self.ends:
            self.assertEqual(b"health\n", transport.value())
        self.answer(0, [])
        self.assertNoResult(asked)
        self.answer(1, ["starting"])
        self.assertEqual({1: ["starting"], 2: []}, self.successResultOf(asked))

    def test_one_that_is_silent_is_left_out_in_time(self) -> None:
        asked = self.reports.ask("health")
        self.answer(0, [])
        self.clock.advance(ANSWER_SECONDS)
        self.assertEqual({1: None, 2: []}, self.successResultOf(asked))

    def test_one_that_is_silent_is_not_asked_twice(self) -> None:
        for _ in range(10):
            asked = self.reports.ask("health")
            self.answer(0, [])
            self.clock.advance(ANSWER_SECONDS)
        questioner, transport = self.ends[1]
        self.assertEqual(b"health\n", transport.value())
        self.assertLessEqual(len(questioner._waiting["health"]), 1)
        self.answer(1, ["late"])
        self.assertEqual({1: None, 2: []}, self.successResultOf(asked))
        transport.clear()
        self.reports.ask("health")
        self.assertEqual(b"health\n", transport.value())

    def test_several_questions_at_once_are_one(self) -> None:
        both = [self.reports.ask("health") for _ in range(2)]
        self.answer(0, [])
        self.answer(1, [])
        for asked in both:
            self.assertEqual({1: [], 2: []}, self.successResultOf(asked))

    def test_different_questions_are_answered_in_their_order(self) -> None:
        health, metrics = self.reports.ask("health"), self.reports.ask("metrics")
        for index in (0, 1):
            self.answer(index, ["health"])
            self.answer(index, ["metrics"])
        self.assertEqual({1: ["health"], 2: ["health"]}, self.successResultOf(health))
        self.assertEqual({1: ["metrics"], 2: ["metrics"]}, self.successResultOf(metrics))

    def test_one_that_ends_has_no_answer(self) -> None:
        asked = self.reports.ask("health")
        self.answer(0, [])
        self.ends[1][0].connectionLost(Failure(ConnectionDone()))
        self.assertEqual({1: None, 2: []}, self.successResultOf(asked))
        self.reports.remove(1)
        asked = self.reports.ask("health")
        self.answer(0, [])
        self.assertEqual({2: []}, self.successResultOf(asked))

    def test_where_there_is_none_the_answer_is_there_at_once(self) -> None:
        self.assertEqual({}, self.successResultOf(WorkerReports(self.clock).ask("health")))
