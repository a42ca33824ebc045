"""``/metrics``: the counters of the server as Prometheus and OpenMetrics have them."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import accumulate
from typing import TYPE_CHECKING, Any, Final

from prometheus_client import REGISTRY, CollectorRegistry
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector
from twisted.web.server import Request

from ..stats import BOUNDS, Histogram
from .families import COUNTER, FAMILIES, GAUGE, HISTOGRAM, Source
from .resources import Leaf

if TYPE_CHECKING:
    from .families import Labels

_KINDS: Final = {
    COUNTER: CounterMetricFamily,
    GAUGE: GaugeMetricFamily,
    HISTOGRAM: HistogramMetricFamily,
}
_BUCKETS: Final = [*(f"{bound:g}" for bound in BOUNDS), "+Inf"]


class ServerCollector(Collector):
    """Reads the server's counters when Prometheus asks; between two looks it costs nothing.

    Args:
        source: Where they are read from.
    """

    def __init__(self, source: Source) -> None:
        self._source = source

    def collect(self) -> Iterator[Metric]:
        """Yields all metrics."""
        for family in FAMILIES:
            make: Any = _KINDS[family.kind]
            metric = make(family.name, family.help, labels=family.labels)
            for labels, value in family.read(self._source):
                _add(metric, labels, value)
            yield metric


def _add(metric: Any, labels: Labels, value: float | Histogram) -> None:
    if isinstance(value, Histogram):
        buckets = list(zip(_BUCKETS, accumulate(value.buckets), strict=True))
        metric.add_metric(labels, buckets, value.seconds)
    else:
        metric.add_metric(labels, value)


class MetricsResource(Leaf):
    """Answers with the server's metrics and those of the application beside them.

    The application's are those of prometheus-client's own registry, ``REGISTRY``.

    Args:
        collector: Reads the server's.
    """

    def __init__(self, collector: ServerCollector) -> None:
        super().__init__()
        self._registry = _BothRegistries()
        self._registry.register(collector)

    def render_GET(self, request: Request) -> bytes:
        """Answers in the form that the client prefers, Prometheus' text where it says nothing."""
        accepted = ", ".join(request.requestHeaders.getRawHeaders("accept", [""]))
        encode, kind = choose_encoder(accepted)
        request.setHeader("Content-Type", kind)
        return bytes(encode(self._registry))


class _BothRegistries(CollectorRegistry):
    """The server's metrics, and then the application's."""

    def collect(self) -> Iterator[Metric]:
        yield from super().collect()
        yield from REGISTRY.collect()
