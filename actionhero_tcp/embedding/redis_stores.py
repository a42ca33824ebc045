"""The state that several nodes share over Redis: the cache, the rooms, the list of nodes.

Only a server with Redis imports this module, so that the others start faster.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..redis.address import RedisAddress
from ..redis.broker import RedisBus
from ..redis.cache import RedisCache
from ..redis.cluster import Cluster
from ..redis.endpoint import TlsFiles
from ..redis.in_flight import InFlight
from ..redis.keys import Keys
from ..redis.link import Link, RedisLink
from ..redis.local_clients import LocalClients
from ..redis.rights import Rights
from ..redis.sharded_link import ShardedLink
from ..redis.slots import spread_tags

if TYPE_CHECKING:
    from ..config.sections import Config
    from ..rooms.rooms import Rooms
    from .core import Core


def redis_stores(core: Core, rooms: Rooms) -> tuple[RedisCache, Cluster]:
    """Make the cache in Redis, and this process a node.

    Raises:
        StartError: The address of Redis is wrong, or the extra is not installed.
    """
    redis, reactor = core.config.redis, core.reactor
    connections, write_batch = core.connections, core.write_batch
    address = _address(core.config)
    keys = Keys(redis.prefix, spread_tags() if address.is_cluster else ())
    link = _link(core, address, keys)
    in_flight = _in_flight(core)
    broker = RedisBus(link, keys, write_batch, rooms, lambda: list(connections), in_flight)
    rooms.join_cluster(broker)
    clients = LocalClients(connections)
    cluster = Cluster(link, keys, broker, reactor, core.stats, clients)
    link.report_to(cluster.on_connected, cluster.on_disconnected, cluster.on_message)
    cache = RedisCache(link, keys, core.memory.account(), core.live)
    return cache, cluster


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


def _link(core: Core, address: RedisAddress, keys: Keys) -> Link:
    redis, reactor, write_batch = core.config.redis, core.reactor, core.write_batch
    files = TlsFiles(redis.ca_file, redis.cert_file, redis.key_file, redis.server_name)
    if address.is_cluster:
        return ShardedLink(address, keys, reactor, write_batch, files)
    return RedisLink(address, reactor, Rights(keys, address.username), write_batch, files)


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
