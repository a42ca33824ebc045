"""The parts that nearly every part of a server needs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ..config.sections import Config
from ..config.settings import LiveSettings
from ..connection.connected_client import ConnectedClient
from ..connection.memory import MemoryBudget
from ..connection.write_batch import WriteBatch
from ..daemon.memory_limit import available
from ..logs.param_filter import ParamFilter
from ..net.asyncio_loop import loop_of
from ..server.listeners import settings_of
from ..stats import Stats


@dataclass(frozen=True, slots=True)
class Core:
    """The parts that nearly every part of one server needs.

    Attributes:
        config: The configuration at the start.
        reactor: The reactor.
        stats: The counters.
        write_batch: The write batch of all outboxes.
        live: The current settings.
        memory: The memory budget of the process.
        filter: Hides the values of some params.
        connections: The connected clients by id.
    """

    config: Config
    reactor: Any
    stats: Stats
    write_batch: WriteBatch
    live: LiveSettings
    memory: MemoryBudget
    filter: ParamFilter
    connections: dict[str, ConnectedClient] = field(default_factory=dict)

    @classmethod
    def of(cls, config: Config, reactor: Any) -> Core:
        """Makes them for a configuration.

        Raises:
            StartError: A certificate or a rule for proxies is wrong.
        """
        stats, live = Stats(), LiveSettings(settings_of(config))
        share = available() // 2 // config.general.workers
        return cls(
            config=config,
            reactor=reactor,
            stats=stats,
            write_batch=_write_batch(reactor),
            live=live,
            memory=MemoryBudget(live, share, reactor, stats),
            filter=ParamFilter(config.log.filter_params),
        )


def _write_batch(reactor: Any) -> WriteBatch:
    """Make the write batch of all connections."""
    loop = loop_of(reactor)
    if loop is None:
        return WriteBatch(lambda call: reactor.callLater(0, call))
    return WriteBatch(loop.call_soon, joins_late=True)
