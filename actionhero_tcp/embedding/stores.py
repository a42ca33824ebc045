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

if TYPE_CHECKING:
    from ..redis.cache import RedisCache
    from ..redis.cluster import Cluster
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
    if core.config.redis.is_on:
        from .redis_stores import redis_stores

        return Stores(*redis_stores(core, rooms))
    return Stores(LocalCache(core.reactor, core.memory.account(), core.live))


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
        log.select(selection(live.config.log.requests, live.config.log.slow_seconds))

    select()
    live.on_change(select)
    return log
