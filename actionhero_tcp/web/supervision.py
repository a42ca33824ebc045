"""The web port of a supervisor: the health and the metrics of all its workers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector, CollectorRegistry
from twisted.internet.defer import Deferred
from twisted.web.server import Request

from .families import SUPERVISOR_FAMILIES, Workers
from .health import Liveness, ready_answer
from .merged_metrics import merged
from .metrics import encoded, metrics_of
from .reports import HEALTH, METRICS, WorkerReports
from .resources import Leaf, WebResource, answer_later


class WorkersReadiness(Leaf):
    """Answers 200 where all workers take clients, else 503 with the reasons.

    Args:
        workers: The workers.
        reports: Asks them.
    """

    def __init__(self, workers: Callable[[], Workers], reports: WorkerReports) -> None:
        super().__init__()
        self._workers = workers
        self._reports = reports

    def render_GET(self, request: Request) -> Any:
        """Answers a JSON object."""
        if reasons := self._workers().not_ready():
            return ready_answer(request, reasons)
        asked: Deferred[Any] = self._reports.ask(HEALTH)
        asked.addCallback(lambda answers: ready_answer(request, _reasons(answers)))
        return answer_later(request, asked)


class WorkersMetrics(Leaf):
    """Answers with the metrics of all workers, each sample with the label ``worker``.

    Args:
        workers: The workers.
        reports: Asks them.
    """

    def __init__(self, workers: Callable[[], Workers], reports: WorkerReports) -> None:
        super().__init__()
        self._workers = workers
        self._reports = reports

    def render_GET(self, request: Request) -> Any:
        """Answers in the form that the client prefers."""
        asked: Deferred[Any] = self._reports.ask(METRICS)
        asked.addCallback(self._encoded, request)
        return answer_later(request, asked)

    def _encoded(self, answers: Mapping[int, list[Any] | None], request: Request) -> bytes:
        metrics = [*metrics_of(SUPERVISOR_FAMILIES, self._workers()), *merged(answers)]
        registry = CollectorRegistry()
        registry.register(_Fixed(metrics))
        return encoded(request, registry)


class _Fixed(Collector):
    """Metrics that were read before."""

    def __init__(self, metrics: list[Metric]) -> None:
        self._metrics = metrics

    def collect(self) -> Iterator[Metric]:
        return iter(self._metrics)


def supervisor_tree(workers: Callable[[], Workers], reports: WorkerReports) -> WebResource:
    """Returns what a supervisor shows of its workers.

    Args:
        workers: The workers.
        reports: Asks them.
    """
    tree = WebResource()
    tree.add("livez", Liveness())
    tree.add("readyz", WorkersReadiness(workers, reports))
    tree.add("metrics", WorkersMetrics(workers, reports))
    return tree


def _reasons(answers: Mapping[int, list[str] | None]) -> list[str]:
    return [
        f"worker {number}: {reason}"
        for number, reasons in answers.items()
        for reason in (["it does not answer"] if reasons is None else reasons)
    ]
