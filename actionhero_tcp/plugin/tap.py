"""What `twistd actionhero` loads, and the only place that wires the parts together."""

from __future__ import annotations

import dataclasses
import os
import signal
import sys
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

from twisted.logger import Logger

from ..app import loader
from ..app.api import Api
from ..app.application import Application
from ..app.cache import LocalCache
from ..app.cluster import NoCluster
from ..app.hook_runner import Hooks
from ..app.lifespan import Lifecycle
from ..app.loader import Loaded
from ..app.thread_pool import FairThreadPool
from ..config import sections as configuration
from ..config.sections import Config
from ..config.settings import LiveSettings, Settings
from ..connection.connection import Connection
from ..connection.fair_queue import FairQueue
from ..connection.files import Files
from ..connection.memory import MemoryBudget
from ..connection.write_batch import WriteBatch
from ..daemon import systemd
from ..daemon.memory_limit import available
from ..daemon.parent_process import ParentProcess
from ..daemon.signals import Signals
from ..daemon.systemd import Notifier
from ..development.changes import Development, Subscribers
from ..development.diagnostics import DiagnosticDialect
from ..development.module_cache import ModuleCache
from ..dispatch.commands import Commands
from ..dispatch.dialect import Dialect
from ..dispatch.dialect_2012 import Dialect2012
from ..dispatch.router import Router
from ..dispatch.runner import Runner
from ..errors import StartError
from ..logs import server_log as server_logging
from ..logs.file import LogFile
from ..logs.lines import FORMS
from ..logs.loggers import Loggers
from ..logs.param_filter import ParamFilter
from ..logs.request_log import RequestLog
from ..logs.selection import selection
from ..logs.server_log import ServerLog
from ..logs.writer import LogWriter
from ..net import asyncio_loop, tls
from ..net.epoll_loop import poll_directly
from ..net.monotonic import use_monotonic_time
from ..redis.address import RedisAddress
from ..redis.broker import RedisBus
from ..redis.cache import RedisCache
from ..redis.cluster import Cluster
from ..redis.endpoint import TlsFiles
from ..redis.in_flight import InFlight
from ..redis.keys import Keys
from ..redis.link import RedisLink
from ..redis.rights import Rights
from ..rooms.rooms import Rooms
from ..server.admission import Admission, raise_descriptor_limit
from ..server.clients import Clients
from ..server.context import ServerContext
from ..server.factory import ActionHeroFactory
from ..server.listeners import certificates_of, listeners_of, shared_listeners
from ..server.listening import stop_seconds
from ..server.proxied import TrustedProxies
from ..server.reload import Parts, Reload
from ..server.service import ActionHeroService
from ..stats import Stats
from ..watchdog.monitor import Monitor
from ..workers import handover, worker
from ..workers.supervisor import Supervisor
from ..workers.worker import WorkerSpec
from .exit import blocking_threads, end_process, leave_threads
from .options import PROGRAM, Options
from .output import print_json

BUILTIN_ACTIONS = str(Path(__file__).parent.parent / "builtin")
"""The folder of the actions that come with the server."""

_log = Logger()


def makeService(options: Options) -> ActionHeroService | Supervisor:
    """Wires the daemon, or the supervisor of several.

    Args:
        options: The parsed command line.

    Raises:
        SystemExit: Something keeps it from starting: one line on standard error, exit status 1.
    """
    from twisted.internet import reactor

    if not use_monotonic_time(reactor):
        _log.warn("timers follow the wall clock: the reactor keeps a clock of its own")
    config = options.configuration
    try:
        if options["check-config"]:
            check(config, reactor)
            raise SystemExit(0)
        notifier = systemd.from_environment(os.environ, reactor)
        service = _service(options, reactor, notifier)
    except StartError as error:
        raise SystemExit(f"{PROGRAM}: {error}") from None
    poll_directly(reactor)
    asyncio_loop.prepare(reactor)
    calls: dict[int, Callable[[], object]] = {
        signal.SIGHUP: service.reload,
        signal.SIGUSR1: service.reopen_logs,
    }
    Signals(reactor, service.cut_short, calls, _starter(options.parent)).install()
    return service


def _starter(twistd: Mapping[str, Any] | None) -> int | None:
    """This process, where it only starts a daemon in the background."""
    # `twist` and `python -m twisted` know no daemon in the background.
    return None if twistd is None or twistd.get("nodaemon", True) else os.getpid()


def _service(options: Options, reactor: Any, notifier: Notifier) -> ActionHeroService | Supervisor:
    """What this process is: the whole daemon, a worker, or the supervisor of workers."""
    config, place = options.configuration, worker.place
    number = place.number if place is not None else 0
    twistd: Mapping[str, Any] = options.parent or {}
    settings = config.log
    server_log = server_logging.start(
        settings.file, settings.format, twistd, number, settings.max_queued_bytes
    )
    if place is None and config.general.workers > 1:
        return _supervisor(options, reactor, notifier, server_log)
    if place is not None and number != worker.REHEARSAL:
        notifier = Notifier(reactor, worker.Pipe(), place.watchdog)
    service = build(
        config,
        reactor,
        options.read,
        notifier,
        server_log,
        place,
        config_file=options["config"] or "",
        starter=_starter_of(options),
    )
    if place is not None:
        if number == worker.REHEARSAL:
            raise SystemExit(0)
        worker.watch_supervisor(lambda: stop_seconds(service.factory.context.live.limits))
    return service


def _starter_of(options: Options) -> ParentProcess:
    return ParentProcess({} if options.parent is None else options.parent)


def _supervisor(
    options: Options, reactor: Any, notifier: Notifier, server_log: ServerLog | None
) -> Supervisor:
    config = options.configuration
    twistd: Mapping[str, Any] = options.parent or {}
    listeners = shared_listeners(config, reactor)
    log_file = server_logging.destination(config.log.file, twistd) or ""
    command = partial(worker.command, twistd, options.arguments, log_file)
    worker.rehearse(command, config, len(listeners))
    return Supervisor(
        config.general.server_name,
        config,
        options.read,
        command,
        os.getcwd() if twistd.get("rundir", ".") != "." else None,
        listeners,
        partial(end_process, reactor, leave=_starter_of(options).leave),
        notifier,
        Loggers(reactor, server_log, seconds=config.limits.close_timeout),
        reactor,
    )


def check(config: Config, reactor: Any) -> None:
    """Checks all that a start would, but opens no log and no port; prints the configuration.

    Raises:
        StartError: Something is not right.
    """
    if config.general.workers > 1:
        shared_listeners(config, reactor)
    quiet = dataclasses.replace(config.log, requests=False)
    build(dataclasses.replace(config, log=quiet), reactor)
    server = config.tcp_server
    for warning in tls.warnings(server.cert_file, server.ca_file) if server.secure else ():
        print(f"{PROGRAM}: warning: {warning}", file=sys.stderr)
    print_json(configuration.as_json(config))


def build(
    config: Config,
    reactor: Any,
    read: Callable[[], Config] | None = None,
    notifier: Notifier | None = None,
    server_log: ServerLog | None = None,
    place: WorkerSpec | None = None,
    fail: Callable[[str], object] | None = None,
    stopped: Callable[[], object] | None = None,
    config_file: str = "",
    starter: ParentProcess | None = None,
    started: Callable[[], object] | None = None,
) -> ActionHeroService:
    """The daemon of a configuration, ready to be started.

    Args:
        config: The configuration.
        reactor: The reactor.
        read: Reads the configuration anew, for a reload.
        notifier: Is told how the daemon is; None where nobody wants to know.
        server_log: Its own log; None where that is not its business.
        place: Its place as a worker; None where it is none.
        fail: Called with a line of text where it cannot listen; None to end the process.
        stopped: Called when it has stopped; None to have the process end, too.
        config_file: The file that `read` reads, to be looked after in development mode.
        starter: The process that waits for the start; None where there is none.
        started: Called when it serves; None to tell that process.

    Raises:
        StartError: An action, a certificate, an endpoint or a log is not right.
    """
    general, limits = config.general, config.limits
    starter = starter or ParentProcess({})
    stats, write_batch = Stats(), _write_batch(reactor)
    live = LiveSettings(Settings(config))
    memory = MemoryBudget(live, available() // 2 // general.workers, reactor, stats)
    rooms = Rooms(write_batch, general.announce_limit)
    filter = ParamFilter(config.log.filter_params)
    hooks = Hooks(filter, live, reactor)
    commands = Commands(rooms, live, hooks, write_batch)
    completed = _completed(commands, general.strict_params)
    library = None
    if general.development_mode:
        library = ModuleCache(general.actions_directory, completed)
        loaded = library.loaded
    else:
        loaded = _load(general.actions_directory, completed)
    application = Application(loaded, hooks)
    connections: dict[str, Connection] = {}
    cache: LocalCache | RedisCache = LocalCache(
        reactor, memory.account(), limits.max_cache_entries, limits.max_cache_bytes
    )
    cluster = None
    if config.redis.is_on:
        keys = Keys(config.redis.prefix)
        link = _redis_link(config, keys, reactor, write_batch)
        cache = RedisCache(link, keys, limits.max_cache_entries)
        cluster = _cluster(
            link,
            keys,
            reactor,
            stats,
            write_batch,
            rooms,
            connections,
            config.redis.max_pending_bytes,
        )
    own_threads = blocking_threads(reactor)
    threads = FairThreadPool(own_threads, reactor, live)
    api = Api(
        live=live,
        application=application,
        cache=cache,
        rooms=rooms,
        files=Files(general.flat_file_directory, general.directory_file_type),
        stats=stats,
        connections=MappingProxyType(connections),
        reactor=reactor,
        threads=threads,
        cluster=cluster or NoCluster(),
    )
    certificates = certificates_of(config)
    proxies = TrustedProxies(config.tcp_server.trusted_proxies)
    handed = handover.endpoints(place.sockets, worker.FIRST_CHANNEL, reactor) if place else []
    listeners = listeners_of(config, proxies, certificates, reactor, handed)
    log = None
    if config.log.requests:
        form = FORMS[config.log.format](place.number if place else 0)
        log = RequestLog(
            reactor,
            _request_writer(config, stats),
            config.log.params,
            form,
            filter,
            selection(config.log.requests, config.log.slow_seconds),
        )
    dialect: Dialect = Dialect2012(commands.table, application, live)
    diagnostics = None if library is None else DiagnosticDialect(dialect)
    dialect = diagnostics or dialect
    runner = Runner(dialect, api, write_batch, filter, log)
    admission = Admission(live, raise_descriptor_limit(), reactor, stats, memory)
    context = ServerContext(
        dialect=dialect,
        router=Router(dialect, runner, stats, log),
        runner=runner,
        api=api,
        rooms=rooms,
        hooks=hooks,
        stats=stats,
        write_batch=write_batch,
        queue=FairQueue(write_batch.later, reactor.seconds),
        memory=memory,
        admission=admission,
        clock=reactor,
        connections=connections,
        live=live,
        log=log,
    )
    clients = Clients(context)
    parts = Parts(live, rooms, cache, admission, proxies, certificates)
    watch = None
    if config.log.blocked_seconds:
        watch = Monitor(
            reactor, config.log.blocked_seconds, loaded.actions.values(), loaded.hooks, stats
        )
    service = ActionHeroService(
        general.server_name,
        ActionHeroFactory(context, clients),
        listeners,
        fail or partial(end_process, reactor, leave=starter.leave),
        notifier or Notifier(reactor),
        cache,
        Loggers(reactor, server_log, log, limits.close_timeout),
        Lifecycle(loaded.hooks, api),
        stopped or partial(leave_threads, reactor, threads, limits.close_timeout),
        watch=watch,
        cluster=cluster,
        starting=starter.hold,
        started=started or starter.tell,
    )
    service.api = api
    service.read_anew = Reload(config, read or (lambda: config), parts.prepare)
    if library is not None and diagnostics is not None:
        users = Subscribers(application, diagnostics, watch)
        service.development = Development(library, users, config_file, service.reload, reactor)
    return service


def _redis_link(config: Config, keys: Keys, reactor: Any, write_batch: WriteBatch) -> RedisLink:
    redis, address = config.redis, _redis_address(config)
    files = TlsFiles(redis.ca_file, redis.cert_file, redis.key_file, redis.server_name)
    return RedisLink(address, reactor, Rights(keys, address.username), write_batch, files)


def _request_writer(config: Config, stats: Stats) -> LogWriter:
    """What writes the request log."""

    def dropped(lines: int) -> None:
        stats.limited["maxQueuedBytes"] += lines

    file = LogFile(config.log.request_file, "the request log")
    return LogWriter(file, config.log.max_queued_bytes, dropped)


def _write_batch(reactor: Any) -> WriteBatch:
    """The write batch of all connections."""
    loop = asyncio_loop.loop_of(reactor)
    if loop is None:
        return WriteBatch(lambda call: reactor.callLater(0, call))
    return WriteBatch(loop.call_soon, joins_late=True)


def _redis_address(config: Config) -> RedisAddress:
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


def _cluster(
    link: RedisLink,
    keys: Keys,
    reactor: Any,
    stats: Stats,
    write_batch: WriteBatch,
    rooms: Rooms,
    connections: Mapping[str, Connection],
    max_pending_bytes: int,
) -> Cluster:
    """This process as a node of a cluster."""

    def deliver(client: str, line: bytes) -> None:
        if client in connections:
            connections[client].outbox.say(line)

    def hold(client: str) -> None:
        if client in connections:
            stats.limited["redisShare"] += 1
            connections[client].owner.hold_for_cluster()

    def release(client: str) -> None:
        if client in connections:
            connections[client].owner.release_for_cluster()

    in_flight = InFlight(max_pending_bytes, hold, release)
    bus = RedisBus(link, keys, write_batch, rooms, lambda: list(connections), in_flight)
    cluster = Cluster(stats.id, link, keys, bus, reactor, stats, deliver)
    link.report_to(cluster.on_connected, cluster.on_disconnected, cluster.on_message)
    rooms.bus = bus
    return cluster


def _completed(commands: Commands, strict: bool) -> Callable[[Loaded], Loaded]:
    """Puts what a user's files define together with what comes with the server."""
    builtin = loader.load(BUILTIN_ACTIONS, "actionhero_builtin")
    verbs = [word.decode() for word in commands.table]
    return partial(loader.complete, builtin, verbs, strict=strict)


def _load(folder: str, completed: Callable[[Loaded], Loaded]) -> Loaded:
    return completed(loader.load_folder(folder))
