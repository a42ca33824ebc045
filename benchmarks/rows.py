"""What is measured, and what is expected of it."""

from __future__ import annotations

import itertools
import resource
import statistics
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from typing import Any, Final

from . import load, servers, simulation
from .crowd import Crowd
from .load import Result
from .simulation import Costs

ROUNDS = 5
OUTSTANDING = (1, 16)

WORKS = {
    "paramAdd a=b": (1.4, 1.4),
    "detailsView": (1.35, 0.9),
    "randomNumber": (1.25, 0.7),
    '{"action":"randomNumber","params":{"a":1}}': (1.2, 0.65),
    "asyncNothing": (1.0, 0.45),
}
"""Each work's least ratio to the floor, with 1 and with 16 requests outstanding."""

DIALECT_WORKS = (
    "paramAdd a=b",
    "detailsView",
    "draw",
    '{"action":"draw","params":{"a":1}}',
    "asyncNothing",
)
"""Work that is the same in both dialects: the stock `randomNumber` answers more in that of 29."""
DIALECT_TARGET = 1.1
TLS_TARGETS = (1.0, 0.6)
ACROSS_TARGET = 0.5
SPEAKER_TARGET = 1.3
ACROSS_LISTENERS = (1, simulation.MANY)
ACROSS_ROUNDS = 9
"""More than elsewhere: three processes share a core, and what disturbs one disturbs all."""
WORKERS, WORKERS_WORK, WORKERS_TARGET = (1, 2), "randomNumber", 0.9
CROWD_ROOMS, CROWD_MEMBERS, CROWD_TIMES = 30, 10, 40
SIMULATION_TARGET = 1.3
CLIENT_TARGET, CLIENT_ROUNDS = 0.5, 7
LOG_TARGETS = dict(zip(OUTSTANDING, (0.92, 0.85), strict=True))
"""What each rate without the request log keeps with it, at least."""
IDLE = 10_000
MANY_IDLE = 50_000
RESERVED_DESCRIPTORS = 500
SAID_BYTES = 150
"""About as long as a line that tells what somebody said; Redis publishes as much."""


@dataclass(frozen=True)
class Row:
    """One line of the table.

    Attributes:
        group: What it belongs to.
        work: What was done.
        ratio: What the target is about; the median of the rounds.
        target: What was asked for, such as ``">= 1.4"``.
        met: Whether it was met.
        rate: Messages a second, the median.
        p50: Microseconds; half of the answers came within.
        p99: Microseconds; 99 of 100 answers came within.
        cpu: Microseconds of the server's processor time for each message.
        unit: What the ratio is, where it is none.
    """

    group: str
    work: str
    ratio: float
    target: str
    met: bool
    rate: float | None = None
    p50: float | None = None
    p99: float | None = None
    cpu: float | None = None
    unit: str = "x"

    def as_dict(self) -> dict[str, Any]:
        """For the JSON file."""
        return asdict(self)


def at_least(group: str, work: str, ratio: float, target: float, results: list[Result]) -> Row:
    """A row whose ratio must not be smaller."""
    return Row(group, work, ratio, f">= {target:g}", ratio >= target, *_medians(results))


def at_most(group: str, work: str, value: float, target: float, unit: str = "x") -> Row:
    """A row whose value must not be larger."""
    return Row(group, work, value, f"<= {target:g}", value <= target, unit=unit)


def _medians(results: list[Result]) -> tuple[float, float, float, float]:
    return (
        statistics.median(r.rate for r in results),
        statistics.median(r.p50 for r in results),
        statistics.median(r.p99 for r in results),
        statistics.median(r.cpu for r in results),
    )


def label_of(work: str, outstanding: int) -> str:
    return f"{work} · {outstanding} outstanding"


def requests() -> Iterator[Row]:
    """Requests a second to the floor, with the request log off and on."""
    quiet: dict[tuple[str, int], list[Result]] = {}
    logged: dict[tuple[str, int], list[Result]] = {}
    ratios: dict[tuple[str, int], list[float]] = {}
    lost: dict[tuple[str, int], list[float]] = {}
    with (
        servers.floor() as floor,
        servers.ours("--no-log-requests") as ours,
        servers.ours() as log,
    ):
        for _ in range(ROUNDS):
            for outstanding in OUTSTANDING:
                base = load.requests(floor.port, floor.pid, "x", outstanding, welcome=0)
                for work in WORKS:
                    key = (work, outstanding)
                    one = load.requests(ours.port, ours.pid, work, outstanding)
                    two = load.requests(log.port, log.pid, work, outstanding)
                    quiet.setdefault(key, []).append(one)
                    logged.setdefault(key, []).append(two)
                    ratios.setdefault(key, []).append(one.rate / base.rate)
                    lost.setdefault(key, []).append(two.rate / one.rate)
    for index, outstanding in enumerate(OUTSTANDING):
        for work, targets in WORKS.items():
            key = (work, outstanding)
            ratio = statistics.median(ratios[key])
            label = label_of(work, outstanding)
            yield at_least("to the floor", label, ratio, targets[index], quiet[key])
    for work, outstanding in logged:
        key = (work, outstanding)
        kept = statistics.median(lost[key])
        label = label_of(work, outstanding)
        target = LOG_TARGETS[outstanding]
        yield at_least("log on, to log off", label, kept, target, logged[key])


def tls() -> Iterator[Row]:
    """Requests a second over TLS, to the floor over TLS."""
    results: dict[tuple[str, int], list[Result]] = {}
    ratios: dict[tuple[str, int], list[float]] = {}
    with (
        servers.floor(tls=True) as floor,
        servers.ours("--no-log-requests", tls=True) as ours,
    ):
        for _ in range(ROUNDS):
            for outstanding in OUTSTANDING:
                base = load.requests(floor.port, floor.pid, "x", outstanding, tls=True, welcome=0)
                for work in WORKS:
                    key = (work, outstanding)
                    one = load.requests(ours.port, ours.pid, work, outstanding, tls=True)
                    results.setdefault(key, []).append(one)
                    ratios.setdefault(key, []).append(one.rate / base.rate)
    for index, outstanding in enumerate(OUTSTANDING):
        for work in WORKS:
            key = (work, outstanding)
            ratio = statistics.median(ratios[key])
            label = label_of(work, outstanding)
            yield at_least("TLS, to the floor", label, ratio, TLS_TARGETS[index], results[key])


def dialects() -> Iterator[Row]:
    """What a request costs in the dialect of actionHero 29, to the same in that of 2012."""
    results: dict[tuple[str, int], list[Result]] = {}
    ratios: dict[tuple[str, int], list[float]] = {}
    with (
        servers.ours("--no-log-requests") as first,
        servers.ours("--no-log-requests", "--dialect=29") as second,
    ):
        for _ in range(ROUNDS):
            for key in itertools.product(DIALECT_WORKS, OUTSTANDING):
                base = load.requests(first.port, first.pid, *key)
                one = load.requests(second.port, second.pid, *key)
                results.setdefault(key, []).append(one)
                ratios.setdefault(key, []).append(one.cpu / base.cpu)
    for key, each_round in ratios.items():
        ratio, label = statistics.median(each_round), label_of(*key)
        yield replace(
            at_least("CPU in dialect 29, to that of 2012", label, ratio, 0, results[key]),
            target=f"<= {DIALECT_TARGET:g}",
            met=ratio <= DIALECT_TARGET,
        )


def across_redis(redis: servers.Server, listeners: int, outstanding: int) -> Result:
    """One speaker to many listeners through a bare Redis."""
    line = f"PUBLISH room {'x' * SAID_BYTES}"
    arguments = (listeners, outstanding, load.SECONDS, 0, 7, "SUBSCRIBE room", line)
    return load.run(redis.pid, "across", redis.port, redis.port, *arguments)


def across_nodes(
    redis: servers.Server, nodes: list[servers.Server], listeners: int, outstanding: int
) -> Result:
    """One speaker on one node to many listeners on another; ``others`` are the nodes."""
    speakers, hearers = nodes[:2]
    ports = (speakers.port, hearers.port)
    arguments = (listeners, outstanding, load.SECONDS, 1, 1, "", "say " + "x" * 20)
    pids = [node.pid for node in nodes]
    return load.run(redis.pid, "across", *ports, *arguments, others=pids)


def across_nats(pair: list[servers.Server], listeners: int, outstanding: int) -> Result:
    """One speaker at one nats-server to many listeners at another of its cluster."""
    speakers, hearers = pair
    line = f"PUB room {SAID_BYTES}\r\n{'x' * SAID_BYTES}\r"
    # The reply to SUB is one line, and so is that to PUB, which the speaker drops.
    arguments = (listeners, outstanding, load.SECONDS, 1, 2, "SUB room 1", line)
    ports = (speakers.port, hearers.port)
    return load.run(speakers.pid, "across", *ports, *arguments, others=[hearers.pid])


def say_alone(server: servers.Server, outstanding: int) -> Result:
    """One speaker whom nobody hears, at a server without Redis."""
    arguments = (server.port, 0, 1, outstanding, load.SECONDS, 1, "say " + "x" * 20)
    return load.run(server.pid, "requests", *arguments)


def cluster() -> Iterator[Row]:
    """What is said on one node and heard on another, to Redis pub/sub and NATS."""
    pairs: dict[tuple[int, int], list[tuple[Result, Result]]] = {}
    others: dict[tuple[int, int], list[tuple[float, float]]] = {}
    with (
        servers.redis() as alone,
        servers.nats_pair() as pair,
        servers.ours("--no-log-requests", "--announce-limit=0") as single,
        servers.redis() as joining,
        servers.nodes(3, joining, "--announce-limit=0") as nodes,
    ):
        for _ in range(ACROSS_ROUNDS):
            for key in itertools.product(ACROSS_LISTENERS, OUTSTANDING):
                bare, joined = across_redis(alone, *key), across_nodes(joining, nodes, *key)
                pairs.setdefault(key, []).append((joined, bare))
                say = say_alone(single, key[1]).cpu
                to_nats = joined.rate / across_nats(pair, *key).rate
                others.setdefault(key, []).append((to_nats, (joined.others[0] - bare.cpu) / say))
        measured = [costs(pairs, outstanding) for outstanding in OUTSTANDING]
        simulated = list(simulate(joining, nodes, measured))
    for (listeners, outstanding), both in pairs.items():
        label = label_of(f"{listeners} listening", outstanding)
        ratio = statistics.median(one.rate / bare.rate for one, bare in both)
        ours = [one for one, _ in both]
        yield at_least("across nodes, to Redis", label, ratio, ACROSS_TARGET, ours)
        ratio = statistics.median(one.p50 / bare.p50 for one, bare in both)
        yield at_most("p50 across nodes, to Redis", label, ratio, 1 / ACROSS_TARGET)
        ratio = statistics.median(each for each, _ in others[listeners, outstanding])
        yield at_least("across nodes, to NATS", label, ratio, ACROSS_TARGET, ours)
        if listeners == 1:
            ratio = statistics.median(each for _, each in others[listeners, outstanding])
            name = f"CPU of the speaker's node without that of Redis: {label}"
            yield at_most("across nodes, to say alone", name, ratio, SPEAKER_TARGET)
        ratio = statistics.median(max(one.cpu, *one.others) / bare.cpu for one, bare in both)
        label = f"CPU of the busiest process: {label}"
        yield at_most("across nodes, to Redis", label, ratio, 1 / ACROSS_TARGET)
    yield from simulated


def workers() -> Iterator[Row]:
    """Requests for each second of processor time with workers, to a process of its own."""
    ratios: dict[tuple[int, int], list[float]] = {}
    with ExitStack() as stack:
        enter = stack.enter_context
        redis, alone = enter(servers.redis()), enter(servers.ours("--no-log-requests"))
        several = {count: enter(servers.workers(count, redis)) for count in WORKERS}
        for _ in range(ROUNDS):
            for outstanding in OUTSTANDING:
                base = load.requests(alone.port, alone.pid, WORKERS_WORK, outstanding)
                for count, server in several.items():
                    arguments = (server.port, server.pid, WORKERS_WORK, outstanding)
                    one = load.requests(*arguments, others=server.children())
                    each = base.cpu / (one.cpu + sum(one.others))
                    ratios.setdefault((count, outstanding), []).append(each)
    for (count, outstanding), each_round in ratios.items():
        label = label_of(f"{WORKERS_WORK}, {count} of them", outstanding)
        ratio = statistics.median(each_round)
        group = "workers, requests for each CPU second, to one alone"
        yield Row(group, label, ratio, f">= {WORKERS_TARGET:g}", ratio >= WORKERS_TARGET)


def costs(pairs: dict[tuple[int, int], list[tuple[Result, Result]]], outstanding: int) -> Costs:
    """What messages cost, from the rows of `cluster`, for the simulation."""
    few, many = (pairs[listeners, outstanding] for listeners in ACROSS_LISTENERS)
    each = simulation.costs(
        bare=(_median(r.cpu for _, r in few), _median(r.cpu for _, r in many)),
        redis=_median(r.cpu for r, _ in few),
        speakers=_median(r.others[0] for r, _ in few),
        hearers=(
            _median(r.others[1] for r, _ in few),
            _median(r.others[1] for r, _ in many),
        ),
    )
    print(f"{outstanding} outstanding: {each}", file=sys.stderr)
    return each


def simulate(
    redis: servers.Server, nodes: list[servers.Server], measured: Sequence[Costs]
) -> Iterator[Row]:
    """What a crowd takes of the processor, to what the simulation says."""
    placement = simulation.spread(CROWD_ROOMS, CROWD_MEMBERS, len(nodes))
    expected = simulation.traffic(placement, CROWD_TIMES)
    pids = [node.pid for node in nodes]
    with Crowd([node.port for node in nodes], placement) as crowd:
        before = [load.cpu_seconds(pid) for pid in (redis.pid, *pids)]
        crowd.talk(CROWD_TIMES)
        after = [load.cpu_seconds(pid) for pid in (redis.pid, *pids)]
    ours, *theirs = (end - begin for begin, end in zip(before, after, strict=True))
    alone, bursts = measured
    for who, took, most, least in (
        ("Redis", ours, alone.redis(expected), bursts.redis(expected)),
        ("the nodes", sum(theirs), alone.nodes(expected), bursts.nodes(expected)),
    ):
        label = f"CPU of {who} for {CROWD_ROOMS * CROWD_MEMBERS} clients, to the simulation's"
        ratio = took / most
        yield at_most("simulation", f"{label} one at a time", ratio, SIMULATION_TARGET)
        ratio, target = took / least, 1 / SIMULATION_TARGET
        met = ratio >= target
        yield Row("simulation", f"{label} in bursts", ratio, f">= {target:.2g}", met)


def _median(values: Iterable[float]) -> float:
    return statistics.median(list(values))


def memory() -> Iterator[Row]:
    """Memory in the process for each idle connection."""
    for secure, target in ((False, 2.0), (True, 20.0)):
        with servers.ours("--no-log-requests", "--announce-limit=0", tls=secure) as ours:
            before = load.memory(ours.pid)
            with load.Held(ours.port, IDLE, tls=secure):
                each = (load.memory(ours.pid) - before) / IDLE / 1024
        label = f"an idle {'TLS' if secure else 'TCP'} connection, at {IDLE:,}"
        yield at_most("memory", label, each, target, "KiB")
    yield _rooms_of_one()


def _rooms_of_one() -> Row:
    """Memory of a room with one member, beyond what the member takes in a common room."""
    sizes = []
    for room in ("common", "room#"):
        with (
            servers.ours("--no-log-requests", "--announce-limit=0") as ours,
            load.Held(ours.port, IDLE, line=f"roomChange {room}"),
        ):
            sizes.append(load.memory(ours.pid))
    each = (sizes[1] - sizes[0]) / IDLE / 1024
    return at_most("memory", f"a room of one client, at {IDLE:,}", each, 1.0, "KiB")


def idle() -> Iterator[Row]:
    """A busy client among many idle ones; and what is left when these have gone."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    count = min(MANY_IDLE, hard - RESERVED_DESCRIPTORS)
    peaks = []
    with servers.ours("--no-log-requests", "--announce-limit=0") as ours:
        alone = [load.requests(ours.port, ours.pid, "detailsView", 1) for _ in range(ROUNDS)]
        with load.Held(ours.port, count):
            peaks.append(load.memory(ours.pid))
            among = [load.requests(ours.port, ours.pid, "detailsView", 1) for _ in range(ROUNDS)]
        for _ in range(2):
            _wait_until_gone(ours)
            with load.Held(ours.port, count):
                peaks.append(load.memory(ours.pid))
        _wait_until_gone(ours)
    ratio = statistics.median(r.p99 for r in among) / statistics.median(r.p99 for r in alone)
    yield at_most(
        "many connections",
        f"p99 of busy clients with {count:,} idle, to none",
        ratio,
        2,
    )
    label = f"memory in the third wave of {count:,}, to the second"
    yield at_most("many connections", label, peaks[2] / peaks[1], 1.02)


def _wait_until_gone(server: servers.Server) -> None:
    """Asks until the server has noticed that all others have left."""
    for _ in range(10_000):
        clients = servers.status(server)["socketServer"]
        if clients["numberOfLocalActiveSocketClients"] == 1:
            return
    raise SystemExit("clients that have left are still counted")


def connecting() -> Iterator[Row]:
    """Connections a second, all into one room, whose members hear of one another."""
    with servers.ours("--no-log-requests") as ours:
        results = [
            load.run(ours.pid, "connect", ours.port, load.CONNECTIONS, load.SECONDS, 1)
            for _ in range(ROUNDS)
        ]
    rates = [r.rate for r in results]
    yield _connecting("50 at a time, that come and go, into one room", rates)
    rates = []
    for _ in range(ROUNDS):
        with (
            servers.ours("--no-log-requests") as ours,
            load.Held(ours.port, IDLE) as held,
        ):
            rates.append(held.rate)
    yield _connecting(f"{IDLE:,} 50 at a time, that stay, into one room", rates)


def _connecting(work: str, rates: list[float]) -> Row:
    rate = statistics.median(rates)
    return Row("connecting", work, rate, ">= 4000", rate >= 4000, unit="/s", rate=rate)


def growth() -> Iterator[Row]:
    """How the cost of a request grows with the connections and with its size."""
    with ExitStack() as stack:
        enter = stack.enter_context
        quiet = ("--no-log-requests", "--announce-limit=0")
        some, many = enter(servers.ours(*quiet)), enter(servers.ours(*quiet))
        enter(load.Held(many.port, IDLE))
        ratios = []
        sizes = []
        for _ in range(ROUNDS):
            small = load.requests(some.port, some.pid, "detailsView", 1)
            large = load.requests(many.port, many.pid, "detailsView", 1)
            ratios.append(large.cpu / small.cpu)
            long = load.requests(some.port, some.pid, _long_line(60_000), 1)
            half = load.requests(some.port, some.pid, _long_line(30_000), 1)
            sizes.append(long.cpu / half.cpu)
    label = f"CPU for each request with {IDLE:,} connections more, to none"
    yield at_most("growth", label, statistics.median(ratios), 1.5)
    label = "CPU for a request of 60 KB, to one of 30 KB"
    yield at_most("growth", label, statistics.median(sizes), 2.2)


def _long_line(size: int) -> str:
    return '{"action":"randomNumber","params":{"a":"' + "x" * (size - 43) + '"}}'


FLOODS: Final = (
    ("`detailsView`", "detailsView"),
    ("`cacheTest` in JSON", '{"action":"cacheTest","params":{"key":"k","value":"v"}}'),
    ("`roomView` in their room", "roomView"),
)
"""What one client sends without an end."""


def blocking() -> Iterator[Row]:
    """How long others wait while one client sends all that the server takes, 64 KiB at a time."""
    with servers.ours("--no-log-requests", "--announce-limit=0") as ours:
        results = _flooded(ours, "")
        worst = statistics.median(r.p99 for r in results) / 1000
        label = "p99 of others while one sends 64 KiB of line ends over and over"
        yield at_most("growth", label, worst, 10, "ms")
        for label, line in FLOODS:
            worst = statistics.median(r.most for r in _flooded(ours, line)) / 1000
            work = f"longest wait of others while one sends {label} over and over"
            yield at_most("growth", work, worst, 100, "ms")


def _flooded(ours: servers.Server, line: str) -> list[Result]:
    return [load.requests(ours.port, ours.pid, "detailsView", 1, flood=line) for _ in range(ROUNDS)]


def client() -> Iterator[Row]:
    """Requests a second of our own client, to what the floor does for the C load generator."""
    pairs: dict[tuple[str, int], list[tuple[Result, Result]]] = {}
    with servers.floor(greet=True) as floor:
        for _ in range(CLIENT_ROUNDS):
            for outstanding in OUTSTANDING:
                base = load.requests(floor.port, floor.pid, "x", outstanding, welcome=1)
                for how in ("callbacks", "await"):
                    one = load.asking(floor.port, floor.pid, outstanding, how)
                    pairs.setdefault((how, outstanding), []).append((one, base))
    for (how, outstanding), both in pairs.items():
        ours = [replace(one, cpu=one.others[-1]) for one, _ in both]
        ratio = _median(one.rate / base.rate for one, base in both)
        label = label_of(how, outstanding)
        yield at_least("client, requests to the floor", label, ratio, CLIENT_TARGET, ours)
        ratio = _median(one.others[-1] / base.cpu for one, base in both)
        yield at_most("client, its CPU to the floor's own", label, ratio, 1 / CLIENT_TARGET)


GROUPS: dict[str, Callable[[], Iterator[Row]]] = {
    "requests": requests,
    "tls": tls,
    "dialects": dialects,
    "cluster": cluster,
    "workers": workers,
    "memory": memory,
    "idle": idle,
    "connecting": connecting,
    "growth": growth,
    "blocking": blocking,
    "client": client,
}
"""Each group of rows, by its name."""
