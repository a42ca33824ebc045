"""The daemon as a Twisted service: it listens, and stops in order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from ..errors import StartError
from ..net.descriptor_exhaustion import pause_when_exhausted
from ..net.transport import write_at_once
from .factory import ActionHeroFactory
from .listening import Listener, ListeningService, stop_seconds

if TYPE_CHECKING:
    from ..app.api import Api
    from ..app.cache import LocalCache
    from ..app.lifespan import Lifecycle
    from ..daemon.systemd import Notifier
    from ..logs.loggers import Loggers
    from ..redis.cache import RedisCache
    from ..redis.cluster import Cluster
    from ..watchdog.monitor import Monitor

_log = Logger()


class Resource(Protocol):
    """What runs beside the service: while it serves."""

    def start(self) -> None:
        """The server serves."""

    def stop(self) -> None:
        """The server stops."""


class ActionHeroService(ListeningService):
    """Listens with the factory, and on stopping lets what runs finish.

    Args:
        name: The server's name, for the log.
        factory: Serves the clients.
        listeners: Where to listen.
        fail: Called with a line of text where it cannot listen; ends the process.
        notifier: Is told when it serves, reloads and stops.
        cache: Is closed when all clients are gone.
        logs: Both logs; the request log is closed then, too.
        lifecycle: The application's hooks of the start and the stop.
        stopped: Called at the very end.
        watch: Watches the reactor from the start until then.
        cluster: This process as a node of a cluster, which it leaves before that.
        starting: Called where it cannot serve at once, since there are hooks of the start.
        started: Called when it serves.

    Attributes:
        read_anew: Reads the configuration and the certificates anew; set by who wires, as are
        api: the server's face to actions, and
        development: what loads what changes; None outside of development mode.
        lifecycle: See above.
        when_running: Calls a function once the reactor runs.
    """

    api: Api

    def __init__(
        self,
        name: str,
        factory: ActionHeroFactory,
        listeners: Sequence[Listener],
        fail: Callable[[str], object],
        notifier: Notifier,
        cache: LocalCache | RedisCache,
        logs: Loggers,
        lifecycle: Lifecycle,
        stopped: Callable[[], object] = lambda: None,
        watch: Monitor | None = None,
        cluster: Cluster | None = None,
        starting: Callable[[], object] = lambda: None,
        started: Callable[[], object] = lambda: None,
    ) -> None:
        super().__init__(name, factory, listeners, fail, notifier, logs)
        self.read_anew: Callable[[], bool] = lambda: True
        self.development: Resource | None = None
        self._cache = cache
        self._call_stopped = stopped
        self._watch = watch
        self._cluster = cluster
        self.lifecycle = lifecycle
        self.when_running: Callable[[Callable[[], object]], object] = lambda call: (
            # On asyncio reactors the loop runs one pass later than that.
            self.factory.context.clock.callWhenRunning(
                self.factory.context.clock.callLater, 0, call
            )
        )
        self._call_starting = starting
        self._call_started = started
        self._listens_later = False
        self._serves = False

    def privilegedStartService(self) -> None:
        """Listens, unless hooks of the start are to run before."""
        if self.lifecycle.starts:
            self._listens_later = True
        else:
            super().privilegedStartService()

    def startService(self) -> None:
        """Serves, once the hooks of the start have ended."""
        super().startService()
        if self.logs.goes_nowhere:
            _log.warn("requests are not logged: standard output is /dev/null; set log.requestFile")
        if self._watch is not None:
            self._watch.start()
        if self._cluster is not None:
            self._cluster.start()
        if self.lifecycle.starts:
            self._call_starting()
            # What they wait for needs a reactor that runs.
            self.when_running(self._prepare)
        else:
            self._serve()

    def reload(self) -> bool:
        """Reads the configuration and the certificates anew, and opens the logs anew.

        Returns:
            Whether the configuration and the certificates were well.
        """
        self.notifier.reloading()
        try:
            self.logs.reopen(self._report_unopened)
            return self.read_anew()
        finally:
            self._tell_if_ready()

    def stopService(self) -> Deferred[None]:
        """Stops accepting, says goodbye, lets what runs finish, flushes and closes.

        Returns:
            A Deferred that fires when no client is left.
        """
        super().stopService()  # type: ignore[no-untyped-call]
        if self.development is not None:
            self.development.stop()
        count = len(self.factory.clients)
        _log.info("{name} is stopping, with {count} clients connected", name=self.name, count=count)
        seconds = stop_seconds(self.factory.context.live.limits)
        self.notifier.stopping(f"stopping, with {count} clients connected", seconds)
        stopped = self._stop_listening()
        stopped.addCallback(lambda _: self.factory.clients.drain())
        stopped.addCallback(lambda _: self.lifecycle.stop())
        if self._cluster is not None:
            stopped.addCallback(lambda _, cluster: cluster.leave(), self._cluster)
        stopped.addCallback(lambda _: self._cache.close())
        stopped.addCallback(lambda _: self.logs.close())
        stopped.addCallback(self._stopped)
        return stopped

    def _stopped(self, _: object) -> None:
        self.notifier.close()
        if self._watch is not None:
            self._watch.close()
        _log.info("{name} has stopped", name=self.name)
        self._call_stopped()

    def cut_short(self) -> None:
        """Ends a stop that is under way: what still runs is cancelled, and connections dropped."""
        _log.warn("{name} is told to stop again, and ends at once", name=self.name)
        self.factory.clients.cut_short()
        self.lifecycle.give_up()

    def _prepare(self) -> None:
        """Has the hooks of the start run; they may use the cache, so Redis is waited for."""
        if self._cluster is None:
            self._start_hooks()
        else:
            self._cluster.reached().addCallback(self._start_hooks)

    def _start_hooks(self, _: object = None) -> None:
        # It may have been told to stop meanwhile.
        if self.running:
            started = self.lifecycle.start()
            started.addCallbacks(self._serve, self._cannot_start)
            started.addErrback(lambda f: _log.failure("the server cannot start", failure=f))

    def _cannot_start(self, failure: Failure) -> None:
        # One that has been told to stop has cancelled them.
        if self.running:
            failure.trap(StartError)
            self._fail(str(failure.value))

    def _serve(self, _: object = None) -> None:
        if self._listens_later:
            self._listen()
        if self._error is not None:
            return
        self._serves = True
        if self.development is not None:
            self.development.start()
        _log.info("{name} has started", name=self.name)
        self._tell_if_ready()
        self._call_started()

    def _listening(self, port: Any, listener: Listener) -> None:
        write_at_once(port)
        pause_when_exhausted(port, self.factory.context.clock, self.factory.context.stats)
        super()._listening(port, listener)
        self._tell_if_ready()

    def _tell_if_ready(self) -> None:
        """Tells that it serves, once it has started and listens everywhere."""
        if self._serves and self.running and self._listens_everywhere:
            self.notifier.ready(f"listening on {self._places}")
