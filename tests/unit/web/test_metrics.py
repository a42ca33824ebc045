"""Tests of `actionhero_tcp.web.metrics`."""

from __future__ import annotations

import re
from types import SimpleNamespace
from typing import Any

from prometheus_client import Counter
from prometheus_client.openmetrics.parser import text_string_to_metric_families as open_metrics
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample
from twisted.internet.testing import Clock
from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp.logs import request_counter
from actionhero_tcp.logs.request_counter import RequestCounter
from actionhero_tcp.testing import FakeServer
from actionhero_tcp.web.access import Access
from actionhero_tcp.web.families import FAMILIES, Source
from actionhero_tcp.web.metrics import MetricsResource, ServerCollector, ServerRegistry
from actionhero_tcp.web.resources import WebResource
from actionhero_tcp.web.site import Root, WebSite
from tests.support.web import ask, service_of

SECONDS = "actionhero_action_duration_seconds"
APPLICATION = Counter("greetings", "Greetings of the application.")


class MetricsTests(SynchronousTestCase):
    """What Prometheus reads of a server without a network."""

    def setUp(self) -> None:
        self.server = FakeServer(self)
        self.context = service_of(self.server).factory.context
        self.counter = RequestCounter(lambda: ["greet"], None)
        tree = WebResource()
        tree.add(
            "metrics",
            MetricsResource(
                ServerRegistry(Source(service_of(self.server).factory.context, self.counter))
            ),
        )
        self.site = WebSite(Root(Access("", ["localhost"], []), "", tree), Clock())

    def read(self) -> list[Sample]:
        """All samples."""
        text = ask(self.site, "/metrics").body.decode()
        return [
            sample for family in text_string_to_metric_families(text) for sample in family.samples
        ]

    def answer(self, request: Any) -> None:
        """Counts a request."""
        connection: Any = None
        self.counter.answered(connection, 1, [request], 0.0, 0.0)

    def value(self, name: str, **labels: str) -> float | None:
        """One value; None where there is no such sample."""
        found = [s.value for s in self.read() if s.name == name and s.labels == labels]
        return found[0] if found else None

    def test_the_form_is_the_one_that_the_client_prefers(self) -> None:
        self.assertTrue(ask(self.site, "/metrics").headers["content-type"].startswith("text/plain"))
        accept = "application/openmetrics-text; version=1.0.0"
        answer = ask(self.site, "/metrics", accept=accept)
        self.assertTrue(answer.headers["content-type"].startswith("application/openmetrics-text"))
        names = {family.name for family in open_metrics(answer.body.decode())}
        self.assertLessEqual({family.name for family in FAMILIES}, names)

    def test_connections_and_lines(self) -> None:
        self.server.connect().send("detailsView")
        self.server.connect().send("quit")
        self.assertEqual(2, self.value("actionhero_connections_opened_total"))
        self.assertEqual(2, self.value("actionhero_requests_total"))
        self.server.clock.advance(1)
        self.assertEqual(1, self.value("actionhero_connections"))
        self.assertEqual(1, self.value("actionhero_connections_closed_total", reason="quit"))

    def test_limits_by_name(self) -> None:
        self.server.api.stats.limited["maxParams"] += 3
        self.assertEqual(3, self.value("actionhero_limits_reached_total", limit="maxParams"))

    def test_actions_by_name_and_outcome_with_their_seconds(self) -> None:
        clock, counter = Clock(), self.counter
        self.patch(request_counter.time, "monotonic", clock.seconds)
        for seconds, error in ((0.0002, None), (0.0002, None), (0.0002, None), (60.0, "no")):
            self.answer(counter.request("greet", clock.seconds() - seconds, error, None))
        self.answer(counter.request("invented", 0.0, "invented is not known", None))
        labels = {"action": "invented", "outcome": "error"}
        self.assertIsNone(self.value("actionhero_actions_total", **labels))
        self.assertEqual(3, self.value("actionhero_actions_total", action="greet", outcome="ok"))
        self.assertEqual(1, self.value("actionhero_actions_total", action="greet", outcome="error"))
        bucket = f"{SECONDS}_bucket"
        self.assertEqual(0, self.value(bucket, action="greet", le="0.0001"))
        self.assertEqual(3, self.value(bucket, action="greet", le="0.00025"))
        self.assertEqual(3, self.value(bucket, action="greet", le="30"))
        self.assertEqual(4, self.value(bucket, action="greet", le="+Inf"))
        self.assertEqual(4, self.value(f"{SECONDS}_count", action="greet"))
        self.assertAlmostEqual(60.0006, self.value(f"{SECONDS}_sum", action="greet"))

    def test_tls_by_version_and_failures_by_reason(self) -> None:
        stats = self.server.api.stats
        stats.handshakes["TLSv1.3"] += 2
        stats.closed["not TLS"] += 3
        stats.closed["quit"] += 1
        self.assertEqual(2, self.value("actionhero_tls_handshakes_total", version="TLSv1.3"))
        name = "actionhero_tls_handshake_failures_total"
        self.assertEqual(3, self.value(name, reason="not TLS"))
        self.assertIsNone(self.value(name, reason="quit"))

    def test_the_expiry_of_the_certificate(self) -> None:
        name = "actionhero_certificate_expiry_timestamp_seconds"
        self.assertIsNone(self.value(name))
        certificates: Any = SimpleNamespace(expires_at=1e9)
        source = Source(self.context, self.counter, certificates)
        collected = {m.name: m for m in ServerCollector(source).collect()}
        self.assertEqual(1e9, collected[name].samples[0].value)

    def test_the_cache(self) -> None:
        self.server.run("cacheTest", key="k", value="v")
        self.assertEqual(1, self.value("actionhero_cache_hits_total"))
        self.assertEqual(0, self.value("actionhero_cache_misses_total"))
        self.assertEqual(0, self.value("actionhero_cache_entries"))

    def test_rooms_and_their_members(self) -> None:
        self.server.connect()
        self.server.connect().send("roomChange lobby")
        self.assertEqual(2, self.value("actionhero_rooms"))
        self.assertEqual(2, self.value("actionhero_room_members"))

    def test_how_late_the_loop_was(self) -> None:
        self.server.api.stats.loop_lag.observe(0.003)
        name = "actionhero_loop_lag_seconds"
        self.assertEqual(1, self.value(f"{name}_count"))
        self.assertEqual(0, self.value(f"{name}_bucket", le="0.0025"))
        self.assertEqual(1, self.value(f"{name}_bucket", le="0.005"))

    def test_those_of_the_application_stand_beside(self) -> None:
        APPLICATION.inc()
        self.assertEqual(1, self.value("greetings_total"))

    def test_two_servers_in_one_process(self) -> None:
        other = FakeServer(self)
        other.connect()
        collected = {
            m.name: m
            for m in ServerCollector(
                Source(service_of(other).factory.context, RequestCounter(list, None))
            ).collect()
        }
        self.assertEqual(1, collected["actionhero_connections"].samples[0].value)
        self.assertEqual(0, self.value("actionhero_connections"))

    def test_names_and_help_are_as_promtool_wants_them(self) -> None:
        for family in FAMILIES:
            self.assertRegex(family.name, r"^actionhero(_[a-z]+)+$")
            self.assertFalse(family.name.endswith(("_total", "_count", "_sum", "_bucket")), family)
            self.assertRegex(family.help, r"^[A-Z0-9].*\.$")
            for label in family.labels:
                self.assertRegex(label, r"^[a-z]+$")
            self.assertFalse(re.search(r"_(ms|milliseconds|kb|mb)\b", family.name), family)
        self.assertEqual(len(FAMILIES), len({family.name for family in FAMILIES}))
