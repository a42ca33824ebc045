"""docs/web.md, and the files of deploy/ that name metrics, agree with the metrics themselves."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import yaml
from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp.web.families import FAMILIES, HISTOGRAM, SUPERVISOR_FAMILIES
from tests.support import ROOT
from tools import metrics_reference

DEPLOY = ROOT / "deploy"

LABELS = {
    **{f.sample_name: {*f.labels} for f in (*FAMILIES, *SUPERVISOR_FAMILIES)},
    **{
        f"{f.name}_{part}": {*f.labels, "le"}
        for f in FAMILIES
        if f.kind == HISTOGRAM
        for part in ("bucket", "sum", "count")
    },
}
"""The labels of each sample, by its name."""

FROM_PROMETHEUS = {"instance", "job"}

NOT_SHOWN = {
    f"actionhero_{name}"
    for name in ("connections_opened", "room_broadcasts", "uptime_seconds", "process_threads")
}
"""Metrics of which neither the dashboard nor the alerts make anything."""


class PageTests(SynchronousTestCase):
    """The table of metrics."""

    def test_is_up_to_date(self) -> None:
        text = metrics_reference.PAGE.read_text(encoding="utf-8")
        hint = "run: python -m tools.metrics_reference --write"
        self.assertEqual(metrics_reference.page(text), text, hint)

    def test_needs_its_place(self) -> None:
        self.assertRaises(ValueError, metrics_reference.page, "no place")


class DeployTests(SynchronousTestCase):
    """The alert rules and the dashboard."""

    def expressions(self) -> Iterator[str]:
        """Every expression of both files."""
        rules = yaml.safe_load((DEPLOY / "prometheus-rules.yaml").read_text(encoding="utf-8"))
        for group in rules["groups"]:
            for rule in group["rules"]:
                self.assertLessEqual({"alert", "expr", "labels", "annotations"}, rule.keys())
                yield rule["expr"]
        for panel in self.dashboard()["panels"]:
            yield from (target["expr"] for target in panel["targets"])

    def dashboard(self) -> Any:
        return json.loads((DEPLOY / "grafana-dashboard.json").read_text(encoding="utf-8"))

    def test_each_names_metrics_that_there_are_with_their_labels(self) -> None:
        seen = set()
        for expression in self.expressions():
            names = re.findall(r"actionhero_\w+", expression)
            known = {label for name in names for label in LABELS.get(name, ())} | FROM_PROMETHEUS
            used = re.findall(r"(\w+)\s*(?:=~|!~|!=|=)\s*\"", expression)
            for labels in re.findall(r"by \(([\w, ]+)\)", expression):
                used += re.split(r",\s*", labels)
            for name in names:
                self.assertIn(name, LABELS, expression)
            self.assertLessEqual(set(used), known, expression)
            seen.update(names)
        self.assertGreater(len(seen), 10)

    def test_what_an_operator_looks_at_is_shown(self) -> None:
        shown = " ".join(self.expressions())
        for family in (*FAMILIES, *SUPERVISOR_FAMILIES):
            if family.name not in NOT_SHOWN:
                self.assertRegex(shown, rf"\b{family.name}(_|\b)", family.name)

    def test_counters_are_read_as_rates(self) -> None:
        for expression in self.expressions():
            for name in re.findall(r"actionhero_\w+_total", expression):
                self.assertRegex(expression, rf"(rate|increase)\({name}")

    def test_the_panels_of_the_dashboard_do_not_overlap(self) -> None:
        taken = set()
        for panel in self.dashboard()["panels"]:
            grid = panel["gridPos"]
            cells = {
                (grid["x"] + x, grid["y"] + y) for x in range(grid["w"]) for y in range(grid["h"])
            }
            self.assertFalse(cells & taken, panel["title"])
            self.assertLessEqual(grid["x"] + grid["w"], 24)
            taken |= cells
