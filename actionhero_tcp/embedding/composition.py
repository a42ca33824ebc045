"""The composition root: makes all parts of a server and joins them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from twisted.internet.defer import Deferred

from ..app import loader
from ..app.api import Api
from ..app.application import Application
from ..app.background import Background
from ..app.cluster import NoCluster
from ..app.hook_runner import Hooks
from ..app.lifespan import Lifecycle
from ..app.loader import Loaded
from ..app.rooms import AppRooms
from ..app.schedule import Schedule
from ..app.thread_pool import FairThreadPool, Threads
from ..config.sections import Config
from ..connection.digests import Digests
from ..connection.fair_queue import FairQueue
from ..connection.files import Files
from ..development.changes import Development, Subscribers
from ..development.diagnostics import DiagnosticDialect
from ..development.module_cache import ModuleCache
from ..dispatch.commands import Commands
from ..dispatch.dialect import Dialect
from ..dispatch.generations import GENERATIONS
from ..dispatch.router import Router
from ..dispatch.runner import Runner
from ..logs.loggers import Loggers
from ..logs.request_counter import RequestCounter, RequestObserver
from ..logs.request_log import RequestLog
from ..logs.server_log import ServerLog
from ..rooms.rooms import Rooms
from ..server.admission import Admission, raise_descriptor_limit
from ..server.clients import Clients
from ..server.context import ServerContext
from ..server.factory import ActionHeroFactory
from ..server.listeners import certificates_of, listeners_of
from ..server.platform import Platform
from ..server.reload import Reload
from ..server.resource import Resource
from ..server.service import ActionHeroService
from ..watchdog.monitor import Monitor
from ..web.families import Source
from ..workers import handover, worker
from ..workers.worker import WorkerSpec
from .core import Core
from .dialects import context_of, dialects_of
from .stores import Stores, request_log_of, stores_of
from .threads import BlockingThreads, blocking_threads
from .web import web_of_server

if TYPE_CHECKING:
    from ..redis.cluster import Cluster

BUILTIN_ACTIONS: Final = str(Path(__file__).parent.parent / "builtin")
"""The folder of the actions that come with the server."""


@dataclass(frozen=True, slots=True)
class Launch:
    """The inputs of a start beside its configuration.

    Attributes:
        read: Reads the configuration for a reload; None where it never changes.
        config_file: The file that it reads, which development mode watches; "" for none.
        server_log: The server's own log; None where that goes elsewhere.
        worker: The role of this process as a worker; None if it is none.
        own: The application's actions and hooks; None to load them from the actions folder.
    """

    read: Callable[[], Config] | None = None
    config_file: str = ""
    server_log: ServerLog | None = None
    worker: WorkerSpec | None = None
    own: Loaded | None = None


@dataclass(frozen=True, slots=True)
class Composition:
    """The parts of a server, joined and ready to be started.

    Attributes:
        service: Listens and stops.
        context: The context of its connections.
        lifecycle: Runs the hooks of the start and the stop.
        reload: Reloads the configuration; returns whether all was well.
        monitor: Watches what blocks the event loop; None where nobody wants to know.
        development: Loads what changes; None outside of development mode.
    """

    service: ActionHeroService
    context: ServerContext
    lifecycle: Lifecycle
    reload: Reload
    monitor: Monitor | None
    development: Development | None

    @property
    def api(self) -> Api:
        """The server's face to actions."""
        return self.context.api


def build(config: Config, platform: Platform, launch: Launch | None = None) -> Composition:
    """Makes a server of a configuration.

    Args:
        config: The configuration.
        platform: The process around it.
        launch: The other inputs of the start.

    Raises:
        StartError: An action, a certificate, an endpoint or a log is not right.
    """
    launch = launch or Launch()
    core = Core.of(config, platform.reactor)
    rooms = Rooms(core.write_batch, core.live)
    hooks = Hooks(core.filter, core.live, core.reactor)
    generation = GENERATIONS[config.tcp_server.compatibility]
    commands = Commands(rooms, core.live, hooks, core.write_batch, generation)
    modules, loaded = _load(config, commands, launch.own)
    application = Application(loaded, hooks)
    stores = stores_of(core, rooms)
    threads = blocking_threads(core.reactor)
    api = _api(core, application, rooms, stores, threads)
    log = request_log_of(core, launch.worker)
    dialects = dialects_of(core, rooms, hooks, commands, application)
    diagnostics: dict[str, DiagnosticDialect] = {}
    if modules is not None:
        diagnostics = {
            name: DiagnosticDialect(dialect, application) for name, dialect in dialects.items()
        }
    dialects |= diagnostics
    counter = RequestCounter(lambda: api.actions, log) if config.web.port else None
    observer = counter or log
    context = _context(core, api, rooms, hooks, dialects[config.tcp_server.dialect], log, observer)
    contexts = {
        name: context_of(context, dialect, core, observer) for name, dialect in dialects.items()
    }
    certificates = certificates_of(core.live)
    reload = Reload(core.live, launch.read or (lambda: config), context.admission.check)
    monitor = _monitor(core, loaded)
    schedule = Schedule(loaded.hooks, api)
    development = None
    if modules is not None:
        development = Development(
            modules,
            Subscribers(application, tuple(diagnostics.values()), monitor, schedule),
            launch.config_file,
            lambda: service.reload(),
            core.reactor,
        )
    lifecycle = Lifecycle(loaded.hooks, api)
    clients = Clients(context)
    factory = ActionHeroFactory(context, clients, contexts)
    logs = Loggers(core.reactor, launch.server_log, log, config.limits.close_timeout)
    resources = [
        *([Resource(monitor.start, monitor.close)] if monitor is not None else []),
        *(
            web_of_server(
                Source(context, counter, certificates),
                lambda: service.not_ready(),
                factory.buildProtocol,
                launch.worker,
            )
            if counter is not None
            else []
        ),
        Resource(stop=logs.close),
        Resource(stop=stores.cache.close),
        *([Resource(stop=threads.close)] if isinstance(threads, BlockingThreads) else []),
        Resource(stop=context.runner.close),
        *_cluster_resources(stores.cluster),
        _hooks_of_start_and_stop(lifecycle, stores.cluster),
        Resource(api.tasks.start, api.tasks.stop, api.tasks.give_up),
        Resource(stop=clients.drain, cut_short=clients.cut_short),
        Resource(schedule.start, schedule.stop),
        *([Resource(development.start, development.stop)] if development is not None else []),
    ]
    sockets = launch.worker.sockets if launch.worker is not None else ()
    handed = handover.endpoints(sockets, worker.FIRST_CHANNEL, core.reactor) if sockets else []
    listeners = listeners_of(config, certificates, core.reactor, handed)
    service = ActionHeroService(factory, listeners, platform, logs, resources, reload)
    return Composition(service, context, lifecycle, reload, monitor, development)


def _load(
    config: Config, commands: Commands, own: Loaded | None
) -> tuple[ModuleCache | None, Loaded]:
    """Loads the actions; in development mode by what loads them again when they change."""
    builtin = loader.load_builtin(BUILTIN_ACTIONS, config.general.builtin_actions)
    words = [word.decode() for word in commands.table]
    strict = config.general.strict_params
    completed = partial(loader.complete, builtin, words, strict=strict)
    folder = config.general.actions_directory
    if own is not None:
        return None, completed(own)
    if config.general.development_mode:
        modules = ModuleCache(folder, completed)
        loader.report(modules.own, folder)
        return modules, modules.loaded
    return None, completed(loader.load_folder(folder))


def _api(
    core: Core, application: Application, rooms: Rooms, stores: Stores, threads: Threads
) -> Api:
    general = core.config.general
    cluster = stores.cluster or NoCluster()
    return Api(
        live=core.live,
        application=application,
        cache=stores.cache,
        rooms=AppRooms(rooms, core.live, core.connections, cluster),
        files=Files(general.flat_file_directory, general.directory_file_type, Digests()),
        stats=core.stats,
        connections=MappingProxyType(core.connections),
        reactor=core.reactor,
        threads=FairThreadPool(threads, core.reactor, core.live),
        memory=core.memory,
        tasks=Background(core.live, core.reactor),
        cluster=cluster,
    )


def _context(
    core: Core,
    api: Api,
    rooms: Rooms,
    hooks: Hooks,
    dialect: Dialect,
    log: RequestLog | None,
    observer: RequestObserver | None,
) -> ServerContext:
    """Joins what connections share.

    Takes many parameters: one for each part that was made before.
    """
    runner = Runner(dialect, api, core.write_batch, core.filter, observer)
    return ServerContext(
        dialect=dialect,
        router=Router(dialect, runner, core.stats, observer),
        runner=runner,
        api=api,
        rooms=rooms,
        hooks=hooks,
        stats=core.stats,
        write_batch=core.write_batch,
        queue=FairQueue(core.write_batch.later, core.reactor.seconds),
        memory=core.memory,
        admission=Admission(
            core.live, raise_descriptor_limit(), core.reactor, core.stats, core.memory
        ),
        clock=core.reactor,
        connections=core.connections,
        live=core.live,
        log=log,
    )


def _monitor(core: Core, loaded: Loaded) -> Monitor | None:
    seconds = core.config.log.blocked_seconds
    if not seconds:
        return None
    return Monitor(core.reactor, seconds, loaded.actions.values(), loaded.hooks, core.stats)


def _cluster_resources(cluster: Cluster | None) -> list[Resource]:
    return [] if cluster is None else [Resource(cluster.start, cluster.leave)]


def _hooks_of_start_and_stop(lifecycle: Lifecycle, cluster: Cluster | None) -> Resource:
    """The application's hooks; those of the start may use the cache, so Redis is waited for."""

    def start() -> Deferred[None]:
        if cluster is None:
            return lifecycle.start()
        return cluster.reached().addCallback(lambda _: lifecycle.start())

    if not lifecycle.starts:
        return Resource(stop=lifecycle.stop, cut_short=lifecycle.give_up)
    return Resource(start, lifecycle.stop, lifecycle.give_up, opens_port=True)
