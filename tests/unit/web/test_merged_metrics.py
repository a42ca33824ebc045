"""Tests of `actionhero_tcp.web.merged_metrics`."""

from __future__ import annotations

import json

from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily
from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp.web.merged_metrics import as_values, merged


class MergedTests(SynchronousTestCase):
    """`as_values` and `merged`."""

    def test_each_sample_keeps_its_value_and_gets_its_worker(self) -> None:
        reports = {}
        for number in (1, 2):
            gauge = GaugeMetricFamily("clients", "Clients.")
            gauge.add_metric([], number * 10.0)
            reports[number] = json.loads(json.dumps(as_values([gauge])))
        (metric,) = merged(reports)
        self.assertEqual(
            ("clients", "gauge", "Clients."), (metric.name, metric.type, metric.documentation)
        )
        found = [(sample.labels, sample.value) for sample in metric.samples]
        self.assertEqual([({"worker": "1"}, 10.0), ({"worker": "2"}, 20.0)], found)

    def test_a_label_of_the_application_is_renamed(self) -> None:
        counter = CounterMetricFamily("jobs", "Jobs.", labels=["worker", "kind"])
        counter.add_metric(["ada", "small"], 3.0)
        (metric,) = merged({4: as_values([counter])})
        expected = {"exported_worker": "ada", "kind": "small", "worker": "4"}
        self.assertEqual([expected], [sample.labels for sample in metric.samples])

    def test_a_worker_that_is_silent_has_no_samples(self) -> None:
        self.assertEqual([], merged({1: None}))
