"""What `twistd actionhero` loads: which process this is to be, and what surrounds it."""

from __future__ import annotations

import dataclasses
import os
import sys
from collections.abc import Mapping, MutableMapping
from functools import partial
from typing import Any

from twisted.logger import Logger

from ..config import configuration
from ..config.sections import Config
from ..config.settings import LiveSettings
from ..daemon import garbage, systemd
from ..daemon.parent_process import ParentProcess
from ..daemon.systemd import Notifier
from ..embedding.composition import Launch, build
from ..embedding.process import take_signals
from ..embedding.threads import leave_threads
from ..embedding.web import web_of_supervisor
from ..errors import StartError
from ..logs import server_log as server_logging
from ..logs.loggers import Loggers
from ..logs.server_log import ServerLog
from ..logs.standard_logging import StandardLogging
from ..net import asyncio_loop, tls
from ..net.epoll_loop import poll_directly
from ..net.monotonic import use_monotonic_time
from ..server.listeners import certificates_of, settings_of, shared_listeners
from ..server.listening import stop_seconds
from ..server.platform import Platform
from ..server.service import ActionHeroService
from ..workers import worker
from ..workers.supervisor import Supervisor, WorkerPlan
from .exit import end_process
from .options import PROGRAM, Options
from .output import print_json

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
        _log.warn("timers follow the wall clock: the reactor keeps another clock")
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
    take_signals(reactor, service, _starter(options.parent))
    garbage.settle()
    return service


def _starter(twistd: Mapping[str, Any] | None) -> int | None:
    """This process, where it only starts a daemon in the background."""
    # `twist` and `python -m twisted` know no daemon in the background.
    return None if twistd is None or twistd.get("nodaemon", True) else os.getpid()


def _service(options: Options, reactor: Any, notifier: Notifier) -> ActionHeroService | Supervisor:
    """What this process is: the whole daemon, a worker, or the supervisor of workers."""
    config, spec = options.configuration, worker.place
    number = spec.number if spec is not None else 0
    twistd: MutableMapping[str, Any] = {} if options.parent is None else options.parent
    log = config.log
    server_log = server_logging.start(log, twistd, number)
    StandardLogging(log.level).install()
    if spec is not None and number != worker.REHEARSAL:
        notifier = Notifier(reactor, worker.Pipe(), spec.watchdog)
    platform = _platform(reactor, notifier, twistd)
    if spec is None and config.general.workers > 1:
        return _supervisor(options, platform, server_log)
    launch = Launch(options.read, options["config"] or "", server_log, spec)
    server = build(config, platform, launch)
    if spec is not None:
        if number == worker.REHEARSAL:
            raise SystemExit(0)
        worker.watch_supervisor(lambda: stop_seconds(server.context.live.limits))
    return server.service


def _platform(reactor: Any, notifier: Notifier, twistd: MutableMapping[str, Any]) -> Platform:
    """This process, which twistd has started."""
    parent = ParentProcess(twistd)
    return Platform(
        reactor,
        notifier,
        fail=partial(end_process, reactor, leave=parent.leave),
        hold=parent.hold,
        started=parent.tell,
        stopped=partial(leave_threads, reactor),
    )


def _supervisor(options: Options, platform: Platform, server_log: ServerLog | None) -> Supervisor:
    config, reactor = options.configuration, platform.reactor
    twistd: Mapping[str, Any] = options.parent or {}
    listeners = shared_listeners(config, reactor)
    log_file = server_logging.destination(config.log.file, twistd) or ""
    command = partial(worker.command, twistd, options.arguments, log_file)
    worker.rehearse(command, config, len(listeners))
    folder = os.getcwd() if twistd.get("rundir", ".") != "." else None
    logs = Loggers(reactor, server_log, seconds=config.limits.close_timeout)
    certificates = certificates_of(LiveSettings(settings_of(config))) if config.web.secure else None
    web, reports = web_of_supervisor(config, lambda: supervisor, certificates, reactor)
    plan = WorkerPlan(config, options.read, command, folder, reports)
    supervisor = Supervisor(plan, listeners, platform, logs, web)
    return supervisor


def check(config: Config, reactor: Any) -> None:
    """Checks all that a start would, but opens no log and no port; prints the configuration.

    Raises:
        StartError: Something is not right.
    """
    if config.general.workers > 1:
        shared_listeners(config, reactor)
    quiet = dataclasses.replace(config.log, requests=False)
    nobody = Platform(reactor, Notifier(reactor), fail=lambda error: None)
    build(dataclasses.replace(config, log=quiet), nobody)
    server = config.tcp_server
    for warning in tls.warnings(server.cert_file, server.ca_file) if server.secure else ():
        print(f"{PROGRAM}: warning: {warning}", file=sys.stderr)
    print_json(configuration.as_json(config))
