"""The supervisor: it listens, starts the workers that serve, and replaces those that die.

It hands the connections over to workers that are ready. Signals go on to them, and systemd sees
one service: ready when all of them are, and so on.
"""

from __future__ import annotations

import signal
import socket
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from twisted.internet.defer import Deferred
from twisted.internet.error import ProcessDone
from twisted.logger import Logger
from twisted.python.failure import Failure

from ..clock import Timer, stop
from ..daemon.signals import SAME_SIGNAL_SECONDS
from ..server.file_reading import FileReading
from ..server.listening import ListeningService, stop_seconds
from ..server.reload import failed, merge
from .handover import Dispatcher, pair
from .process import CUT_SECONDS, FIRST_DELAY, STOPS_NOT, Backoff, Worker
from .worker import FIRST_CHANNEL, NOTIFY_DESCRIPTOR, WorkerSpec

if TYPE_CHECKING:
    from ..config.sections import Config
    from ..logs.loggers import Loggers
    from ..server.listening import Listener
    from ..server.platform import Platform
    from ..server.resource import Resource

_log = Logger()


class Reports(Protocol):
    """Asks workers, on a channel to each: a `WorkerReports`."""

    def add(self, number: int, end: socket.socket) -> None:
        """A worker was started; our end of its channel is to be closed here."""

    def remove(self, number: int) -> None:
        """It has ended."""


@dataclass(frozen=True, slots=True)
class WorkerPlan:
    """The description of the workers.

    Attributes:
        config: The configuration that they get.
        read: Reads the configuration for a reload.
        command: The command that starts one, by its number.
        folder: Their working folder; None for this process' own.
        reports: Asks them for their health and metrics; None where nobody does.
    """

    config: Config
    read: Callable[[], Config]
    command: Callable[[int], Sequence[str]]
    folder: str | None = None
    reports: Reports | None = None


class Supervisor(ListeningService):
    """Listens, and has workers serve.

    Args:
        plan: The description of the workers.
        listeners: Where to listen.
        platform: The process around it.
        logs: The server's own log.
        resources: Resources that start and stop with it.

    Attributes:
        count: How many workers there should be.
        restarts: How many took the place of one that ended.
    """

    def __init__(
        self,
        plan: WorkerPlan,
        listeners: Sequence[Listener],
        platform: Platform,
        logs: Loggers,
        resources: Sequence[Resource] = (),
    ) -> None:
        self._dispatcher = Dispatcher(platform.reactor)
        super().__init__(self._dispatcher, listeners, platform, logs)
        self.name = plan.config.general.server_name
        self._resources = resources
        self._config = plan.config
        self._plan = plan
        self._reactor = platform.reactor
        self.count = plan.config.general.workers
        self.restarts = 0
        self._numbers = range(1, self.count + 1)
        self._workers: dict[int, Worker] = {}
        self._backoffs = {number: Backoff() for number in self._numbers}
        self._starts: dict[int, Timer] = {}
        self._has_been_ready = self._has_failed = False
        self._stopped: Deferred[None] | None = None
        self._reading = FileReading(
            self._reactor, self._merged, self._reloaded, failed, lambda: None
        )

    def startService(self) -> None:
        """Starts the workers."""
        super().startService()
        for resource in self._resources:
            resource.start()
        _log.info("{name} starts {count} workers", name=self.name, count=self.count)
        for number in self._numbers:
            # The reactor has to run, to take notice of those that end.
            self._start_later(number, 0.0)

    @property
    def ready(self) -> int:
        """How many workers take clients."""
        return sum(worker.is_ready for worker in self._workers.values())

    def not_ready(self) -> list[str]:
        """Returns why no clients should be sent here; an empty list where they may come."""
        if self._stopped is not None:
            return ["draining"]
        if self.ready == self.count:
            return []
        return [f"{self.ready} of {self.count} workers are ready"]

    def stopService(self) -> Deferred[None]:
        """Stops accepting, and has the workers stop.

        Returns:
            A Deferred that fires when no worker is left.
        """
        super().stopService()  # type: ignore[no-untyped-call]
        _log.info("{name} is stopping, with its workers", name=self.name)
        self._stopped = Deferred()
        for resource in reversed(self._resources):
            self._stopped.addCallback(lambda _, stop: stop(), resource.stop)
        for timer in self._starts.values():
            stop(timer)
        seconds = stop_seconds(self._config.limits)
        self.notifier.stopping("stopping, with the workers", seconds)
        # Only then: what was accepted is to be handed over, and what was handed over served.
        self._stop_listening().addCallback(lambda _: self._stop_workers(seconds))
        return self._stopped

    def cut_short(self) -> None:
        """Ends a stop that is under way."""
        _log.warn("{name} is told to stop again, and ends at once", name=self.name)
        # Sooner, a worker would take it for the signal that it has got already.
        self._reactor.callLater(SAME_SIGNAL_SECONDS, self._stop_workers, CUT_SECONDS)

    def reload_later(self) -> None:
        """Has the workers reload the configuration and the certificates, and reopens the log.

        It waits for no disk: the files are read in a thread.
        """
        self.logs.reopen(self._report_unopened)
        self._reading.start()

    def _merged(self) -> Config:
        config, _, _ = merge(self._config, self._plan.read())
        return config

    def _reloaded(self, config: Config) -> None:
        self._config = config
        self.notifier.reloading()
        self._tell(signal.SIGHUP)
        self._workers_changed()

    def reopen_logs(self) -> None:
        """Reopens the logs, and has the workers do it."""
        super().reopen_logs()
        self._tell(signal.SIGUSR1)

    def _listening(self, port: Any, listener: Listener) -> None:
        super()._listening(port, listener)
        self._dispatcher.add_port(port)

    def _tell(self, number: int) -> None:
        for worker in self._workers.values():
            worker.tell(number)

    def _start_later(self, number: int, delay: float) -> None:
        self._starts[number] = self._reactor.callLater(delay, self._start, number)

    def _start(self, number: int) -> None:
        try:
            self._spawn(number)
        except OSError as error:
            if not self._has_been_ready:
                self._give_up(f"worker {number} cannot be started: {error.strerror}")
                return
            delay = self._backoffs[number].delay(0.0) or FIRST_DELAY
            _log.error(
                "worker {worker} cannot be started: {error}; it is tried again in {delay:g} s",
                worker=number,
                error=error.strerror,
                delay=delay,
            )
            self._start_later(number, delay)

    def _give_up(self, error: str) -> None:
        """The first start has failed: that ends the process, once."""
        if not self._has_failed:
            self._has_failed = True
            self._fail(error)

    def _spawn(self, number: int) -> None:
        """Starts a worker.

        Raises:
            OSError: The system has no process or descriptor left for it.
        """
        channels: list[tuple[socket.socket, socket.socket]] = []
        reports = self._plan.reports
        try:
            channels.extend(pair() for _ in self.ports)
            if reports is not None:
                channels.append(socket.socketpair())
            sockets = [(port.addressFamily, port.socket.getsockname()) for port in self.ports]
            place = WorkerSpec(number, self._config, sockets, self.notifier.watchdog)
            ends = [ours for ours, _ in channels[: len(self.ports)]]
            worker = Worker(place, ends, self._reactor, self._changed, self._ended)
            descriptors: dict[int, str | int] = {0: "w", 1: 1, 2: 2, NOTIFY_DESCRIPTOR: "r"}
            for place_number, (_, theirs) in enumerate(channels, FIRST_CHANNEL):
                descriptors[place_number] = theirs.fileno()
            self._reactor.spawnProcess(
                worker,
                sys.executable,
                list(self._plan.command(number)),
                env=None,
                path=self._plan.folder,
                childFDs=descriptors,
            )
        except OSError:
            for ours, _ in channels:
                ours.close()
            raise
        finally:
            for _, theirs in channels:
                theirs.close()
        self._workers[number] = worker
        if reports is not None:
            reports.add(number, channels[-1][0])

    def _changed(self, worker: Worker) -> None:
        """A worker is ready, or is not any more."""
        if worker.is_ready:
            self._dispatcher.add(worker)
        else:
            self._dispatcher.remove(worker)
        self._workers_changed()

    def _workers_changed(self) -> None:
        """Tells systemd how they are, once all are ready."""
        if self._stopped is not None or any(w.is_reloading for w in self._workers.values()):
            return
        ready, count = self.ready, self.count
        if ready == count and not self._has_been_ready:
            self._has_been_ready = True
            _log.info("{name} has started, with {count} workers", name=self.name, count=count)
        if self._has_been_ready:
            status = f"{ready} of {count} workers are ready, listening on {self._places}"
            self.notifier.ready(status)

    def _ended(self, worker: Worker, reason: Failure) -> None:
        """A worker has ended."""
        number = worker.number
        del self._workers[number]
        if self._plan.reports is not None:
            self._plan.reports.remove(number)
        self._dispatcher.remove(worker)
        if self._stopped is not None:
            self._finish_if_alone()
            return
        if not self._has_been_ready and getattr(reason.value, "exitCode", None) == 1:
            # It has said why, on standard error.
            self._give_up(f"worker {number} could not start")
            return
        delay = self._backoffs[number].delay(self._reactor.seconds() - worker.started)
        _log.error(
            "worker {worker} (PID {pid}) {end}; another takes its place in {delay:g} s",
            worker=number,
            pid=worker.pid,
            end=_end(reason),
            delay=delay,
        )
        self.restarts += 1
        self._start_later(number, delay)
        self._workers_changed()

    def _stop_workers(self, seconds: float) -> None:
        self._dispatcher.close()
        for worker in self._workers.values():
            worker.send(signal.SIGTERM)
            worker.kill_after(seconds, signal.SIGKILL, STOPS_NOT)
        self._finish_if_alone()

    def _finish_if_alone(self) -> None:
        if self._stopped is not None and not self._stopped.called and not self._workers:
            self.notifier.close()
            _log.info("{name} has stopped", name=self.name)
            self._stopped.callback(None)


def _end(reason: Failure) -> str:
    """How a process has ended."""
    error: Any = reason.value
    if isinstance(error, ProcessDone):
        return "has ended"
    if error.signal:
        return f"was ended by {signal.Signals(error.signal).name}"
    return f"has ended with status {error.exitCode}"
