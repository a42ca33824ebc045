"""The table of the server's metrics: each one's name, help, labels, and how it is read."""

from __future__ import annotations

import resource
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Generic, Protocol, TypeVar

from ..app.cache import LocalCache
from ..close_reasons import TLS_FAILURES

if TYPE_CHECKING:
    from ..logs.request_counter import RequestCounter
    from ..net.tls import Certificates
    from ..server.context import ServerContext
    from ..stats import Histogram, Stats

COUNTER: Final = "counter"
GAUGE: Final = "gauge"
HISTOGRAM: Final = "histogram"

Labels = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Source:
    """Where metrics are read from.

    Attributes:
        context: The context of the connections of the server.
        requests: Counts requests by what they asked for.
        certificates: The certificates for TLS; None without TLS.
    """

    context: ServerContext
    requests: RequestCounter
    certificates: Certificates | None = None

    @property
    def stats(self) -> Stats:
        """The counters."""
        return self.context.stats


class Workers(Protocol):
    """The workers of a supervisor.

    Attributes:
        count: How many there should be.
        restarts: How many took the place of one that ended.
    """

    count: int
    restarts: int

    @property
    def ready(self) -> int:
        """How many take clients."""

    def not_ready(self) -> list[str]:
        """Returns why no clients should be sent here; an empty list where they may come."""


Samples = Iterable[tuple[Labels, "float | Histogram"]]
"""The values of the labels, and the value: of a histogram, a `Histogram`."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Family(Generic[T]):
    """One metric, which is read from a ``T``.

    Attributes:
        name: Its name, without ``_total``.
        kind: `COUNTER`, `GAUGE` or `HISTOGRAM`.
        help: What it counts.
        read: Reads it.
        labels: The names of its labels.
    """

    name: str
    kind: str
    help: str
    read: Callable[[T], Samples]
    labels: Labels = ()

    @property
    def sample_name(self) -> str:
        """The name of a counter's or gauge's samples."""
        return f"{self.name}_total" if self.kind == COUNTER else self.name


def _one(read: Callable[[T], float | Histogram]) -> Callable[[T], Samples]:
    return lambda source: [((), read(source))]


def _each(read: Callable[[T], Mapping[str, float | Histogram]]) -> Callable[[T], Samples]:
    return lambda source: [((label,), value) for label, value in list(read(source).items())]


def _gauge(name: str, help: str, read: Callable[[T], float]) -> Family[T]:
    return Family(f"actionhero_{name}", GAUGE, help, _one(read))


def _counter(name: str, help: str, read: Callable[[T], float]) -> Family[T]:
    return Family(f"actionhero_{name}", COUNTER, help, _one(read))


def _counters(
    name: str, help: str, label: str, read: Callable[[T], Mapping[str, float]]
) -> Family[T]:
    return Family(f"actionhero_{name}", COUNTER, help, _each(read), (label,))


def _histogram(name: str, help: str, read: Callable[[T], Histogram]) -> Family[T]:
    return Family(f"actionhero_{name}", HISTOGRAM, help, _one(read))


def _processor_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def _outcomes(source: Source) -> Samples:
    for name, times in list(source.requests.actions.items()):
        yield (name, "ok"), times.count - times.errors
        yield (name, "error"), times.errors


def _tls_failures(source: Source) -> Mapping[str, float]:
    closed = source.stats.closed
    return {reason: closed[reason] for reason in TLS_FAILURES if reason in closed}


def _expiry(source: Source) -> Samples:
    if source.certificates is not None:
        yield (), source.certificates.expires_at


def _cache_entries(source: Source) -> Samples:
    # Those in Redis are counted there.
    if isinstance(cache := source.context.api.cache, LocalCache):
        yield (), len(cache)


def _queued_bytes(source: Source) -> float:
    return sum(each.outbox.queued_bytes for each in source.context.connections.values())


FAMILIES: Final[tuple[Family[Source], ...]] = (
    # Connections
    _gauge("connections", "Clients connected now.", lambda s: s.stats.connections),
    _counter("connections_opened", "Clients that were welcomed.", lambda s: s.stats.connected_ever),
    _counters(
        "connections_closed",
        "Connections that ended, by reason.",
        "reason",
        lambda s: s.stats.closed,
    ),
    _counters(
        "tls_handshakes",
        "TLS handshakes that succeeded, by version.",
        "version",
        lambda s: s.stats.handshakes,
    ),
    _counters(
        "tls_handshake_failures",
        "TLS handshakes that failed, by reason.",
        "reason",
        _tls_failures,
    ),
    Family(
        "actionhero_certificate_expiry_timestamp_seconds",
        GAUGE,
        "When the certificate of the server expires, in seconds since 1970.",
        _expiry,
    ),
    _counter("received_bytes", "Bytes that clients have sent.", lambda s: s.stats.received_bytes),
    _counter(
        "sent_bytes",
        "Bytes handed to the transports of clients.",
        lambda s: s.context.write_batch.sent_bytes,
    ),
    _gauge("queued_bytes", "Bytes that wait for clients that do not read.", _queued_bytes),
    _counters(
        "limits_reached",
        "How often each limit took effect, by its key.",
        "limit",
        lambda s: s.stats.limited,
    ),
    # Requests
    _counter(
        "requests",
        "Lines served: verbs, actions and what was refused.",
        lambda s: s.stats.requests,
    ),
    _counters("verbs", "Verbs served, by name.", "verb", lambda s: s.requests.verbs),
    Family(
        "actionhero_actions",
        COUNTER,
        "Actions that ended, by name and outcome.",
        _outcomes,
        ("action", "outcome"),
    ),
    Family(
        "actionhero_action_duration_seconds",
        HISTOGRAM,
        "Seconds from the arrival of a request to the end of its action, by name.",
        _each(lambda s: s.requests.actions),
        ("action",),
    ),
    _gauge(
        "threads_busy",
        "Blocking actions that have a thread.",
        lambda s: s.context.api.threads.running,
    ),
    _gauge(
        "threads_waiting",
        "Blocking actions that wait for a thread.",
        lambda s: s.context.api.threads.waiting,
    ),
    # Rooms
    _gauge("rooms", "Rooms that have members with this process.", lambda s: len(s.context.rooms)),
    _gauge(
        "room_members",
        "Memberships of clients of this process in rooms.",
        lambda s: s.context.rooms.memberships_here,
    ),
    _counter(
        "room_broadcasts",
        "Messages to rooms that this process delivered.",
        lambda s: s.context.rooms.broadcasts,
    ),
    _counter(
        "room_deliveries",
        "Deliveries of those messages to members.",
        lambda s: s.context.rooms.deliveries,
    ),
    # The cache and Redis
    Family(
        "actionhero_cache_entries",
        GAUGE,
        "Entries of the cache of this process; none where the cache is in Redis.",
        _cache_entries,
    ),
    _counter(
        "cache_hits",
        "Loads from the cache that found an entry.",
        lambda s: s.context.api.cache.hits,
    ),
    _counter(
        "cache_misses",
        "Loads from the cache that found none.",
        lambda s: s.context.api.cache.misses,
    ),
    _gauge(
        "cluster_peers",
        "Other nodes of the cluster that are alive.",
        lambda s: len(s.context.api.cluster.peers),
    ),
    _gauge(
        "cluster_connected",
        "1 where the node is part of its cluster, or has none; 0 where it runs alone.",
        lambda s: float(not s.context.api.cluster.error),
    ),
    _counter(
        "redis_connects",
        "Times Redis became reachable, the first time included.",
        lambda s: s.stats.redis_connects,
    ),
    _histogram(
        "redis_latency_seconds",
        "Seconds that Redis took to answer a heartbeat, of which each node sends one in 2 s.",
        lambda s: s.stats.redis_latency,
    ),
    # The process
    _counter(
        "loop_blocked",
        "Times the event loop was blocked for longer than log.blockedSeconds.",
        lambda s: s.stats.blocked,
    ),
    _counter(
        "loop_blocked_seconds",
        "Seconds for which it was blocked in these times.",
        lambda s: s.stats.blocked_seconds,
    ),
    _histogram(
        "loop_lag_seconds",
        "Seconds by which the event loop was late; empty where log.blockedSeconds is 0.",
        lambda s: s.stats.loop_lag,
    ),
    _gauge("uptime_seconds", "Seconds since the server started.", lambda s: s.stats.uptime),
    _gauge(
        "process_resident_memory_bytes",
        "Resident memory of the process.",
        lambda s: s.stats.memory(),
    ),
    _counter(
        "process_cpu_seconds", "Processor time of the process.", lambda s: _processor_seconds()
    ),
    _gauge("process_threads", "Threads of the process.", lambda s: threading.active_count()),
)
"""Each metric of a server; docs/web.md has the same list."""

SUPERVISOR_FAMILIES: Final[tuple[Family[Workers], ...]] = (
    _gauge("workers", "Workers that take clients.", lambda w: w.ready),
    _gauge("workers_configured", "Workers that there should be.", lambda w: w.count),
    _counter(
        "worker_restarts", "Workers that took the place of one that ended.", lambda w: w.restarts
    ),
)
"""The supervisor's own counters; it reads all others from its workers."""
