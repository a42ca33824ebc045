"""``/metrics``: the counters of the server as Prometheus and OpenMetrics have them."""

from __future__ import annotations

import resource
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
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

from ..stats import BOUNDS
from .resources import Leaf

if TYPE_CHECKING:
    from ..server.context import ServerContext

Samples = Iterable[tuple[tuple[str, ...], float]]
"""The values of the labels, and the value."""


@dataclass(frozen=True, slots=True)
class Family:
    """One metric.

    Attributes:
        name: Its name, without ``_total``.
        kind: ``counter`` or ``gauge``.
        help: What it counts.
        labels: The names of its labels.
        read: Reads it.
    """

    name: str
    kind: str
    help: str
    labels: tuple[str, ...]
    read: Callable[[ServerContext], Samples]


def _one(read: Callable[[ServerContext], float]) -> Callable[[ServerContext], Samples]:
    return lambda context: [((), read(context))]


def _each(
    read: Callable[[ServerContext], Mapping[str, float]],
) -> Callable[[ServerContext], Samples]:
    return lambda context: [((label,), value) for label, value in read(context).items()]


def _usage() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def _outcomes(context: ServerContext) -> Samples:
    for name, times in list(context.stats.actions.items()):
        yield (name, "ok"), times.count - times.errors
        yield (name, "error"), times.errors


FAMILIES: Final = (
    Family(
        "actionhero_connections",
        "gauge",
        "Clients connected now.",
        (),
        _one(lambda a: a.stats.connections),
    ),
    Family(
        "actionhero_connections_opened",
        "counter",
        "Clients that were welcomed.",
        (),
        _one(lambda a: a.stats.connected_ever),
    ),
    Family(
        "actionhero_connections_closed",
        "counter",
        "Connections that ended, by reason.",
        ("reason",),
        _each(lambda a: a.stats.closed),
    ),
    Family(
        "actionhero_requests",
        "counter",
        "Lines served: verbs, actions and what was refused.",
        (),
        _one(lambda a: a.stats.requests),
    ),
    Family(
        "actionhero_verbs",
        "counter",
        "Verbs served, by name.",
        ("verb",),
        _each(lambda a: a.stats.verbs),
    ),
    Family(
        "actionhero_actions",
        "counter",
        "Actions that ended, by name and outcome.",
        ("action", "outcome"),
        _outcomes,
    ),
    Family(
        "actionhero_received_bytes",
        "counter",
        "Bytes that clients have sent.",
        (),
        _one(lambda a: a.stats.received_bytes),
    ),
    Family(
        "actionhero_sent_bytes",
        "counter",
        "Bytes handed to the transports of clients.",
        (),
        _one(lambda a: a.write_batch.sent_bytes),
    ),
    Family(
        "actionhero_queued_bytes",
        "gauge",
        "Bytes that wait for clients that do not read.",
        (),
        _one(lambda a: sum(c.outbox.queued_bytes for c in a.connections.values())),
    ),
    Family(
        "actionhero_rooms",
        "gauge",
        "Rooms that have members with this process.",
        (),
        _one(lambda a: len(a.rooms)),
    ),
    Family(
        "actionhero_room_broadcasts",
        "counter",
        "Messages to rooms that this process delivered.",
        (),
        _one(lambda a: a.rooms.broadcasts),
    ),
    Family(
        "actionhero_room_deliveries",
        "counter",
        "Deliveries of those messages to members.",
        (),
        _one(lambda a: a.rooms.deliveries),
    ),
    Family(
        "actionhero_limits_reached",
        "counter",
        "How often each limit took effect, by its key.",
        ("limit",),
        _each(lambda a: a.stats.limited),
    ),
    Family(
        "actionhero_loop_blocked",
        "counter",
        "Times the event loop was blocked for longer than log.blockedSeconds.",
        (),
        _one(lambda a: a.stats.blocked),
    ),
    Family(
        "actionhero_threads_busy",
        "gauge",
        "Blocking actions that have a thread.",
        (),
        _one(lambda a: a.api.threads.running),
    ),
    Family(
        "actionhero_cluster_peers",
        "gauge",
        "Other nodes of the cluster that are alive.",
        (),
        _one(lambda a: len(a.api.cluster.peers)),
    ),
    Family(
        "actionhero_cluster_connected",
        "gauge",
        "1 where the node is part of its cluster, or has none; 0 where it runs alone.",
        (),
        _one(lambda a: float(not a.api.cluster.error)),
    ),
    Family(
        "actionhero_uptime_seconds",
        "gauge",
        "Seconds since the server started.",
        (),
        _one(lambda a: a.stats.uptime),
    ),
    Family(
        "actionhero_process_resident_memory_bytes",
        "gauge",
        "Resident memory of the process.",
        (),
        _one(lambda a: a.stats.memory()),
    ),
    Family(
        "actionhero_process_cpu_seconds",
        "counter",
        "Processor time of the process.",
        (),
        _one(lambda a: _usage()),
    ),
    Family(
        "actionhero_process_threads",
        "gauge",
        "Threads of the process.",
        (),
        _one(lambda a: threading.active_count()),
    ),
)
"""Each metric but the histogram; docs/metrics.md has the same list."""

SECONDS: Final = "actionhero_action_duration_seconds"
SECONDS_HELP: Final = "Seconds from the arrival of a request to the end of its action, by name."

_FAMILY_CLASSES: Final = {"counter": CounterMetricFamily, "gauge": GaugeMetricFamily}


class ServerCollector(Collector):
    """Reads the server's counters when Prometheus asks; between two looks it costs nothing.

    Action names become labels only where there is such an action.

    Args:
        context: What the connections share.
    """

    def __init__(self, context: ServerContext) -> None:
        self._context = context

    def collect(self) -> Iterator[Metric]:
        """Yields all metrics."""
        for family in FAMILIES:
            make: Any = _FAMILY_CLASSES[family.kind]
            metric = make(family.name, family.help, labels=family.labels)
            for labels, value in family.read(self._context):
                metric.add_metric(labels, value)
            yield metric
        seconds = HistogramMetricFamily(SECONDS, SECONDS_HELP, labels=["action"])
        ends = [*(f"{bound:g}" for bound in BOUNDS), "+Inf"]
        for name, times in list(self._context.stats.actions.items()):
            buckets = list(zip(ends, accumulate(times.buckets), strict=True))
            seconds.add_metric([name], buckets, times.seconds)
        yield seconds


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
