"""Tests of `actionhero_tcp.app.tracing`, with OpenTelemetry's exporter to memory."""

from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import Any
from unittest import mock

from opentelemetry import propagate, trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp.app.tracing import MAX_CONTEXT_LENGTH, TracedAction, traced
from actionhero_tcp.errors import ActionError, StartError
from actionhero_tcp.testing import FakeServer

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
PARENT = f"00-{TRACE}-{SPAN}-01"


class TracingTests(SynchronousTestCase):
    """Spans of one action."""

    def setUp(self) -> None:
        self.exporter = InMemorySpanExporter()
        self.provider = TracerProvider(shutdown_on_exit=False)
        self.provider.add_span_processor(SimpleSpanProcessor(self.exporter))
        self.outcome: Any = {"a": 1}

    def start(self, **params: Any) -> Any:
        """Runs the action, whose spans go into memory."""

        def run(api: Any, connection: Any) -> Any:
            if isinstance(self.outcome, Exception):
                raise self.outcome
            return self.outcome() if callable(self.outcome) else self.outcome

        inner: Any = SimpleNamespace(
            kind="action", name="greet", place="x.py:1", in_order=False, sends_file=False,
            streams=False, start=run,
        )  # fmt: skip
        api = SimpleNamespace(
            get_tracer=self.provider.get_tracer,
            SpanKind=trace.SpanKind,
            StatusCode=trace.StatusCode,
            use_span=trace.use_span,
        )
        connection: Any = SimpleNamespace(params=params, remote_address="192.0.2.7:4000")
        return TracedAction(inner, api, propagate).start(None, connection)

    def spans(self) -> list[Any]:
        return list(self.exporter.get_finished_spans())

    def test_a_span_has_the_attributes_of_the_conventions(self) -> None:
        self.assertEqual({"a": 1}, self.start())
        (span,) = self.spans()
        self.assertEqual(("greet", trace.SpanKind.SERVER), (span.name, span.kind))
        self.assertEqual(
            {
                "rpc.system.name": "actionhero_tcp",
                "rpc.method": "greet",
                "client.address": "192.0.2.7",
                "network.transport": "tcp",
            },
            dict(span.attributes),
        )
        self.assertIsNone(span.parent)
        self.assertTrue(span.status.is_unset)

    def test_the_context_comes_from_a_param(self) -> None:
        self.start(traceparent=PARENT)
        (span,) = self.spans()
        self.assertEqual(int(TRACE, 16), span.context.trace_id)
        self.assertEqual(int(SPAN, 16), span.parent.span_id)

    def test_a_context_that_is_none_is_ignored(self) -> None:
        for value in ("", "nonsense", 7, None, ["x"], PARENT + "x" * MAX_CONTEXT_LENGTH):
            self.start(traceparent=value)
        self.assertEqual([None] * 6, [span.parent for span in self.spans()])

    def test_it_lasts_until_the_action_has_ended(self) -> None:
        self.outcome = Deferred()
        outcome = self.start()
        self.assertEqual([], self.spans())
        outcome.callback({"b": 2})
        self.assertEqual({"b": 2}, self.successResultOf(outcome))
        self.assertEqual(1, len(self.spans()))

    def test_spans_of_the_action_are_its_children_also_after_it_has_waited(self) -> None:
        waited: Deferred[None] = Deferred()
        tracer = self.provider.get_tracer("application")

        async def work() -> dict[str, Any]:
            await waited
            with tracer.start_as_current_span("query"):
                return {}

        self.outcome = lambda: Deferred.fromCoroutine(work())
        outcome = self.start()
        waited.callback(None)
        self.successResultOf(outcome)
        query, greet = self.spans()
        self.assertEqual(("query", greet.context.span_id), (query.name, query.parent.span_id))

    def test_errors_for_clients_are_no_faults_of_the_server(self) -> None:
        self.outcome = ActionError("no")
        self.assertRaises(ActionError, self.start)
        (span,) = self.spans()
        self.assertEqual("ActionError", span.attributes["error.type"])
        self.assertTrue(span.status.is_unset)
        self.assertEqual((), span.events)

    def test_other_errors_are(self) -> None:
        self.outcome = Deferred()
        outcome = self.start()
        outcome.errback(ValueError("broken"))
        self.failureResultOf(outcome, ValueError)
        (span,) = self.spans()
        self.assertEqual("ValueError", span.attributes["error.type"])
        self.assertFalse(span.status.is_ok)
        self.assertEqual(["exception"], [event.name for event in span.events])

    def test_without_the_package_the_error_says_how_to_install_it(self) -> None:
        action: Any = object()
        with mock.patch.dict(sys.modules, {"opentelemetry": None}):
            text = str(self.assertRaises(StartError, traced, action))
        self.assertIn("pip install 'actionhero-tcp[otel]'", text)

    def test_actions_make_spans_only_where_that_is_asked_for(self) -> None:
        self.assertNotIsInstance(self.running("status"), TracedAction)
        self.assertIsInstance(self.running("status", tracing=True), TracedAction)

    def running(self, name: str, **options: object) -> Any:
        """An action of a server without a network, as it runs."""
        return FakeServer(self, **options).api.application.by_name[name]
