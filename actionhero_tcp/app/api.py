"""`Api`, the server's face to actions."""

from __future__ import annotations

from collections.abc import Coroutine, Mapping
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Generic

from typing_extensions import TypeVar

from ..wire import json_lines
from .cluster import Cluster, NoCluster
from .room import Room

if TYPE_CHECKING:
    from ..config.sections import Config
    from ..config.settings import LiveSettings
    from ..connection.connected_client import ConnectedClient
    from ..connection.connection import Connection
    from ..connection.files import Files
    from ..connection.memory import MemoryBudget
    from ..stats import Stats
    from .actions import Action
    from .application import Application
    from .background import Background, BackgroundTask
    from .cache import Cache
    from .rooms import AppRooms
    from .thread_pool import FairThreadPool


State = TypeVar("State", default=Any)
"""The type of ``api.state``, as an action's annotation says it: ``api: Api[State]``."""


@dataclass(frozen=True, slots=True)
class Api(Generic[State]):
    """The server, as actions see it: a record of its parts.

    Attributes:
        live: Where the configuration comes from; the server's own.
        application: Where the actions come from; the server's own.
        cache: The cache; its methods are awaited.
        rooms: The rooms: who is in which, taking clients in and out, and speaking to all of one.
        files: The files that clients may fetch.
        stats: Counters of this process.
        connections: The connected clients by id; read only.
        reactor: Twisted's reactor, for timers and threads.
        threads: The threads of blocking actions.
        memory: The memory budget: ``api.memory.held`` is what clients hold, in bytes.
        cluster: This process as a node of a cluster; ``NoCluster`` where it is alone.
        tasks: The background tasks; `background` begins one.
        state: What the application keeps, such as a pool of connections to a database: a hook
            of `on_start` sets ``api.state.pool``, and actions read it. It is this process' own,
            and the server does nothing with it.
    """

    live: LiveSettings = field(repr=False)
    application: Application = field(repr=False)
    cache: Cache
    rooms: AppRooms
    files: Files
    stats: Stats
    connections: Mapping[str, ConnectedClient]
    reactor: Any
    threads: FairThreadPool
    memory: MemoryBudget
    tasks: Background
    cluster: Cluster = field(default_factory=NoCluster)
    state: State = field(default_factory=SimpleNamespace)  # type: ignore[assignment]

    @property
    def config(self) -> Config:
        """The configuration the server runs with."""
        return self.live.config

    @property
    def actions(self) -> Mapping[str, Action]:
        """All actions by name."""
        return self.application.actions

    def room(self, name: str) -> Room:
        """A room: its members, and a way to speak to them."""
        return Room(self.rooms, name)

    def background(self, coroutine: Coroutine[Any, Any, Any]) -> BackgroundTask:
        """Run a coroutine for which no request waits.

        It begins in the reactor's next pass, or after the startup where that is still under way.
        Its exceptions are logged. A shutdown cancels it after the last client is drained.

        Args:
            coroutine: The coroutine, as in ``api.background(refresh(api))``.

        Returns:
            The task, which can be cancelled.

        Raises:
            actionhero_tcp.errors.LimitError: ``limits.maxBackgroundTasks`` tasks run already.
            RuntimeError: The server stops.
            TypeError: It is no coroutine.
        """
        return self.tasks.run(coroutine)

    def send_socket_message(
        self, connection: ConnectedClient | Connection | str, message: Mapping[str, object]
    ) -> bool:
        """Sends a message to one client, beside any response.

        Args:
            connection: The client: an action's ``connection``, or its id.
            message: A JSON object; ``"context":"api"`` is added where it names none.

        Returns:
            Whether the client is connected. With Redis, a message for a client that is not
            with this process is handed on to the one that has it; whether there is one is not
            known then, and this is True.

        Raises:
            UnserializableError: The message is no JSON object.
        """
        found = self.connections.get(connection if isinstance(connection, str) else connection.id)
        if found is None:
            if not isinstance(connection, str):
                return False
            return self.cluster.send(connection, json_lines.message_line(message))
        found.send(message)
        return True
