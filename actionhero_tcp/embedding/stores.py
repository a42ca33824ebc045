"""What a server keeps in its process, or shares over Redis: the cache, the rooms, the nodes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..app.cache import LocalCache
from ..logs.file import LogFile
from ..logs.lines import FORMS
from ..logs.request_log import RequestLog
from ..logs.selection import selection
from ..logs.writer import LogWriter
from ..redis.address import RedisAddress
from ..redis.broker import RedisBus
from ..redis.cache import RedisCache
from ..redis.cluster import Cluster
from ..redis.endpoint import TlsFiles
from ..redis.in_flight import InFlight
from ..redis.keys import Keys
from ..redis.link import RedisLink
from ..redis.local_clients import LocalClients
from ..redis.rights import Rights

if TYPE_CHECKING:
    from ..config.sections import Config
    from ..rooms.rooms import Rooms
    from ..workers.worker import WorkerSpec
    from .core import Core


@dataclass(frozen=True, slots=True)
class Stores:
    """The local or the Redis form of what is replaceable.

    Attributes:
        cache: The cache.
        cluster: This process as a node; None where it is alone.
    """

    cache: LocalCache | RedisCache
    cluster: Cluster | None = None


def stores_of(core: Core, rooms: Rooms) -> Stores:
    """Makes the local form, or with Redis that form, which carries what is said in rooms.

    Raises:
        StartError: The address of Redis is wrong, or the extra is not installed.
    """
    redis, reactor = core.config.redis, core.reactor
    if not redis.is_on:
        return Stores(LocalCache(reactor, core.memory.account(), core.live))
    connections, write_batch = core.connections, core.write_batch
    keys, address = Keys(redis.prefix), _address(core.config)
    files = TlsFiles(redis.ca_file, redis.cert_file, redis.key_file, redis.server_name)
    link = RedisLink(address, reactor, Rights(keys, address.username), write_batch, files)
    in_flight = _in_flight(core)
    broker = RedisBus(link, keys, write_batch, rooms, lambda: list(connections), in_flight)
    rooms.join_cluster(broker)
    clients = LocalClients(connections)
    cluster = Cluster(link, keys, broker, reactor, core.stats, clients)
    link.report_to(cluster.on_connected, cluster.on_disconnected, cluster.on_message)
    cache = RedisCache(link, keys, core.memory.account(), core.live)
    return Stores(cache, cluster)


def _address(config: Config) -> RedisAddress:
    redis = config.redis
    if redis.url:
        return RedisAddress.parse(redis.url)
    return RedisAddress(
        host=redis.host,
        port=redis.port,
        username=redis.username,
        password=redis.password,
        database=redis.database,
        is_secure=redis.secure,
    )


def _in_flight(core: Core) -> InFlight:
    """Holds the reading of clients whose commands Redis has not answered."""
    stats, connections = core.stats, core.connections

    def hold(client: str) -> None:
        if client in connections:
            stats.limited["redisShare"] += 1
            connections[client].owner.hold_for_cluster()

    def release(client: str) -> None:
        if client in connections:
            connections[client].owner.release_for_cluster()

    return InFlight(core.config.redis.max_pending_bytes, core.memory.account(), hold, release)


def request_log_of(core: Core, place: WorkerSpec | None) -> RequestLog | None:
    """Opens the request log, where requests are logged.

    Raises:
        StartError: Its file cannot be opened.
    """
    settings, stats, live = core.config.log, core.stats, core.live
    if not settings.requests:
        return None

    def dropped(lines: int) -> None:
        stats.limited["maxQueuedBytes"] += lines

    file = LogFile(settings.request_file, "the request log")
    writer = LogWriter(file, settings.max_queued_bytes, dropped)
    form = FORMS[settings.format](place.number if place is not None else 0)
    log = RequestLog(core.reactor, writer, settings.params, form, core.filter)

    def select() -> None:
        log.selection = selection(live.config.log.requests, live.config.log.slow_seconds)

    select()
    live.on_change(select)
    return log
