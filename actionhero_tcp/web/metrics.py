"""``/metrics``: the counters of the server as Prometheus and OpenMetrics have them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import accumulate
from typing import TYPE_CHECKING, Any, Final, TypeVar

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
from .families import COUNTER, FAMILIES, GAUGE, HISTOGRAM, Family, Source
from .resources import Leaf

if TYPE_CHECKING:
    from .families import Labels

T = TypeVar("T")

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
        return metrics_of(FAMILIES, self._source)


def metrics_of(families: Iterable[Family[T]], source: T) -> Iterator[Metric]:
    """Yields the metrics of a table.

    Args:
        families: The table.
        source: Where they are read from.
    """
    for family in families:
        make: Any = _KINDS[family.kind]
        metric = make(family.name, family.help, labels=family.labels)
        for labels, value in family.read(source):
            _add(metric, labels, value)
        yield metric


def encoded(request: Request, registry: CollectorRegistry) -> bytes:
    """Returns metrics in the form that a client prefers, Prometheus' text where it says nothing.

    Args:
        request: Its request, which gets the type of the answer.
        registry: The metrics.
    """
    accepted = ", ".join(request.requestHeaders.getRawHeaders("accept", [""]))
    encode, kind = choose_encoder(accepted)
    request.setHeader("Content-Type", kind)
    return bytes(encode(registry))


def _add(metric: Any, labels: Labels, value: float | Histogram) -> None:
    if isinstance(value, Histogram):
        buckets = list(zip(_BUCKETS, accumulate(value.buckets), strict=True))
        metric.add_metric(labels, buckets, value.seconds)
    else:
        metric.add_metric(labels, value)


class MetricsResource(Leaf):
    """Answers with metrics.

    Args:
        registry: The metrics.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        super().__init__()
        self._registry = registry

    def render_GET(self, request: Request) -> bytes:
        """Answers in the form that the client prefers."""
        return encoded(request, self._registry)


class ServerRegistry(CollectorRegistry):
    """The metrics of a server, and beside them those of the application.

    The application's are those of prometheus-client's own registry, ``REGISTRY``.

    Args:
        source: Where the server's are read from.
    """

    def __init__(self, source: Source) -> None:
        super().__init__()
        self.register(ServerCollector(source))

    def collect(self) -> Iterator[Metric]:
        """Yields the server's metrics, and then the application's."""
        yield from super().collect()
        yield from REGISTRY.collect()
