"""A server that has its process for itself, for `Server.run`."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from twisted.internet import asyncioreactor
from twisted.logger import Logger, globalLogBeginner, globalLogPublisher

from ..daemon import garbage, systemd
from ..daemon.signals import Signals
from ..errors import StartError
from ..logs.server_log import ServerLog
from ..net import asyncio_loop, current_task, embedded_reactor, twisted_log
from ..net.epoll_loop import poll_directly
from ..net.monotonic import use_monotonic_time
from ..server.platform import Platform
from .composition import Launch, build
from .threads import leave_threads

if TYPE_CHECKING:
    from ..server.service import ActionHeroService

_log = Logger()


def run(launch: Launch) -> None:
    """Serve until the process is told to stop, as `twistd` does in the foreground.

    Args:
        launch: The application, and what reads the configuration.

    Raises:
        StartError: The server cannot start; the text says why.
        RuntimeError: An event loop runs already, or this is not the main thread.
    """
    if threading.current_thread() is not threading.main_thread():
        raise RuntimeError(
            "run() takes the signals of the process, so it is for the main thread; in another "
            "thread await start() in an event loop"
        )
    if current_task.running_loop() is not None:
        raise RuntimeError("an event loop runs already: await start() in it, in place of run()")
    assert launch.read is not None
    config = launch.read()
    reactor = _reactor()
    use_monotonic_time(reactor)
    log: Any = ServerLog(
        config.log.file, config.log.format == "json", 0, config.log.max_queued_bytes
    )
    errors: list[str] = []

    def fail(error: str) -> None:
        _log.critical("{error}", error=error)
        errors.append(error)
        if reactor.running:
            reactor.stop()

    notifier = systemd.from_environment(os.environ, reactor)
    platform = Platform(reactor, notifier, fail=fail, stopped=partial(leave_threads, reactor))
    _observe(log)
    try:
        launch = Launch(read=launch.read, server_log=log, own=launch.own)
        _serve(build(config, platform, launch).service, reactor, errors)
    finally:
        globalLogPublisher.removeObserver(log)
    if errors:
        raise StartError(errors[0])


def take_signals(
    reactor: Any,
    service: Any,
    starter: int | None = None,
) -> None:
    """Have a process do on a signal what a daemon does.

    Args:
        reactor: The reactor, before it runs.
        service: Is cut short, reloads and opens its logs again.
        starter: See `Signals`.
    """
    calls: dict[int, Callable[[], object]] = {
        signal.SIGHUP: service.reload_later,
        signal.SIGUSR1: service.reopen_logs,
    }
    Signals(reactor, service.cut_short, calls, starter).install()


def _serve(service: ActionHeroService, reactor: Any, errors: list[str]) -> None:
    poll_directly(reactor)
    asyncio_loop.prepare(reactor)
    take_signals(reactor, service)
    garbage.settle()
    service.privilegedStartService()
    if errors:
        return
    service.startService()
    reactor.addSystemEventTrigger("before", "shutdown", service.stopService)
    reactor.run()


def _reactor() -> Any:
    """Return the reactor of the program; where it has none one of asyncio is installed."""
    if embedded_reactor.installed() is None:
        loop = _new_loop()
        # Libraries that ask for a loop before this one runs get it as well.
        asyncio.set_event_loop(loop)
        asyncioreactor.install(loop)
    from twisted.internet import reactor

    return reactor


def _new_loop() -> asyncio.AbstractEventLoop:
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()


def _observe(log: Any) -> None:
    """Have the log hear what Twisted's log hears."""
    if twisted_log.has_begun():
        globalLogPublisher.addObserver(log)
    else:
        globalLogBeginner.beginLoggingTo([log], redirectStandardIO=False)
