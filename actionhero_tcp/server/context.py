"""The parts that all connections of a server share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..app.api import Api
    from ..app.hook_runner import Hooks
    from ..clock import Clock
    from ..config.settings import LiveSettings
    from ..connection.connected_client import ConnectedClient
    from ..connection.fair_queue import FairQueue
    from ..connection.memory import MemoryBudget
    from ..connection.write_batch import WriteBatch
    from ..dispatch.dialect import Dialect
    from ..dispatch.router import Router
    from ..dispatch.runner import Runner
    from ..logs.request_log import RequestLog
    from ..rooms.rooms import Rooms
    from ..stats import Stats
    from .admission import Admission


@dataclass(slots=True)
class ServerContext:
    """The parts that all connections of a server share.

    Attributes:
        dialect: The dialect of the clients.
        router: Answers lines.
        runner: Runs actions.
        api: The server's face to actions and hooks.
        rooms: The rooms and their members.
        hooks: The application's hooks.
        stats: The counters.
        write_batch: The write batch of all outboxes.
        queue: The clients whose lines wait for their turn.
        memory: The memory of all clients.
        admission: Decides who may connect.
        clock: Calls later.
        connections: The connected clients by id.
        live: The current settings.
        log: The request log, or None.
    """

    dialect: Dialect
    router: Router
    runner: Runner
    api: Api
    rooms: Rooms
    hooks: Hooks
    stats: Stats
    write_batch: WriteBatch
    queue: FairQueue
    memory: MemoryBudget
    admission: Admission
    clock: Clock
    connections: dict[str, ConnectedClient]
    live: LiveSettings
    log: RequestLog | None
