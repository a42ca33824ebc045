"""Metrics of several workers as those of one server, with the label ``worker``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from prometheus_client.metrics_core import Metric
from prometheus_client.samples import Sample

WORKER: Final = "worker"
"""The label with a worker's number."""

EXPORTED: Final = "exported_worker"
"""The new name for a label of this name of the application, as in Prometheus."""


def as_values(metrics: Iterable[Metric]) -> list[Any]:
    """Returns metrics as JSON values, for `merged`."""
    return [
        [each.name, each.type, each.documentation, [sample[:3] for sample in each.samples]]
        for each in metrics
    ]


def merged(reports: Mapping[int, list[Any] | None]) -> list[Metric]:
    """Returns the metrics of all workers.

    Each sample keeps its value, and gets a label: a sum would fall when a worker ends, and a
    counter that falls counts as one that began again.

    Args:
        reports: The results of `as_values`, by the workers' numbers; None of one that is silent.
    """
    found: dict[str, Metric] = {}
    for number, values in reports.items():
        for name, kind, help, samples in values or ():
            metric = found.setdefault(name, Metric(name, help, kind))
            for sample_name, labels, value in samples:
                metric.samples.append(Sample(sample_name, _labelled(labels, number), value))
    return list(found.values())


def _labelled(labels: dict[str, str], number: int) -> dict[str, str]:
    if WORKER in labels:
        labels[EXPORTED] = labels.pop(WORKER)
    return {**labels, WORKER: str(number)}
