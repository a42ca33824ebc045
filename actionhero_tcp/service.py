"""The daemon as a Twisted service: it listens, and stops in order."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from twisted.application.service import Service
from twisted.internet.address import UNIXAddress
from twisted.internet.defer import Deferred, DeferredList, maybeDeferred
from twisted.internet.error import CannotListenError
from twisted.logger import ILogObserver, Logger
from twisted.python.components import Componentized
from twisted.python.failure import Failure

from .exhaustion import pause_when_exhausted
from .factory import ActionHeroFactory
from .transport import write_at_once

if TYPE_CHECKING:
    from .cache import LocalCache
    from .cluster import Cluster
    from .logs import Logs
    from .rediscache import RedisCache
    from .systemd import Notifier
    from .watch import Watch

STOP_RESERVE_SECONDS: Final = 5.0
"""What stopping may take beyond its time limits before systemd ends it by force."""

_log = Logger()


@dataclass(frozen=True, slots=True)
class Listener:
    """One place to listen on.

    Attributes:
        endpoint: A Twisted server endpoint.
        description: What it is, for people, such as ``0.0.0.0:5000 (TLS)``.
    """

    endpoint: Any
    description: str


class ActionHeroService(Service):
    """Listens with the factory, and on stopping lets what runs finish.

    Args:
        name: The server's name, for the log.
        factory: Serves the clients.
        listeners: Where to listen.
        fail: Called with a line of text where it cannot listen; ends the process.
        notifier: Is told when it serves, reloads and stops.
        cache: Is closed when all clients are gone.
        logs: Both logs; the request log is closed then, too.
        stopped: Called at the very end.
        watch: Watches the reactor from the start until then.
        cluster: This process as a node of a cluster, which it leaves before that.

    Attributes:
        notifier: See above.
        logs: Both logs.
        ports: The ports that listen.
        read_anew: Reads the configuration and the certificates anew; set by who wires.
    """

    def __init__(
        self,
        name: str,
        factory: ActionHeroFactory,
        listeners: Sequence[Listener],
        fail: Callable[[str], object],
        notifier: Notifier,
        cache: LocalCache | RedisCache,
        logs: Logs,
        stopped: Callable[[], object] = lambda: None,
        watch: Watch | None = None,
        cluster: Cluster | None = None,
    ) -> None:
        self.name = name
        self.factory = factory
        self.notifier = notifier
        self.logs = logs
        self.ports: list[Any] = []
        self.read_anew: Callable[[], bool] = lambda: True
        self._listeners = listeners
        self._fail = fail
        self._cache = cache
        self._call_stopped = stopped
        self._watch = watch
        self._cluster = cluster
        self._privileged = False
        self._error: str | None = None

    def setServiceParent(self, parent: Any) -> None:
        """Becomes part of an application, which `twistd` then asks for the observer of its log."""
        super().setServiceParent(parent)  # type: ignore[no-untyped-call]
        if self.logs.server is not None and isinstance(parent, Componentized):
            parent.setComponent(ILogObserver, self.logs.server)

    def privilegedStartService(self) -> None:
        """Listens, before the process gives up its privileges."""
        super().privilegedStartService()  # type: ignore[no-untyped-call]
        for listener in self._listeners:
            listening = maybeDeferred(listener.endpoint.listen, self.factory)
            listening.addCallback(self._listening, listener)
            listening.addErrback(self._cannot_listen, listener)
        self._privileged = True
        if self._error is not None:
            self._fail(self._error)

    def startService(self) -> None:
        """Says that the service runs."""
        super().startService()  # type: ignore[no-untyped-call]
        if self.logs.goes_nowhere:
            _log.warn("requests are not logged: standard output is /dev/null; set log.requestFile")
        if self._watch is not None:
            self._watch.start()
        if self._cluster is not None:
            self._cluster.start()
        _log.info("{name} has started", name=self.name)
        self._tell_if_ready()

    def reload(self) -> bool:
        """Reads the configuration and the certificates anew, and opens the logs anew.

        Returns:
            Whether the configuration and the certificates were well.
        """
        self.notifier.reloading()
        try:
            self._reopen_logs()
            return self.read_anew()
        finally:
            self._tell_if_ready()

    def stopService(self) -> Deferred[None]:
        """Stops accepting, says goodbye, lets what runs finish, flushes and closes.

        Returns:
            A Deferred that fires when no client is left.
        """
        super().stopService()  # type: ignore[no-untyped-call]
        count = self.factory.clients
        _log.info("{name} is stopping, with {count} clients connected", name=self.name, count=count)
        limits = self.factory.limits
        # Twice the second one: blocking actions that do not return get as long again.
        seconds = limits.drain_timeout + 2 * limits.close_timeout + STOP_RESERVE_SECONDS
        self.notifier.stopping(f"stopping, with {count} clients connected", seconds)
        closing = [maybeDeferred(port.stopListening) for port in self.ports]
        self.ports.clear()
        stopped: Deferred[Any] = DeferredList(closing, consumeErrors=True)
        stopped.addCallback(lambda _: self.factory.drain())
        if self._cluster is not None:
            stopped.addCallback(lambda _, cluster: cluster.leave(), self._cluster)
        stopped.addCallback(self._stopped)
        return stopped

    def _stopped(self, _: object) -> None:
        self._cache.close()
        self.logs.close()
        self.notifier.close()
        if self._watch is not None:
            self._watch.close()
        _log.info("{name} has stopped", name=self.name)
        self._call_stopped()

    def reopen_logs(self) -> None:
        """Opens the files of both logs anew, after they were moved away, and says so."""
        if self._reopen_logs():
            _log.info("opened the logs anew")

    def _reopen_logs(self) -> bool:
        errors = self.logs.reopen()
        for error in errors:
            _log.error("{error}; the old file is written on", error=error)
        return not errors

    def cut_short(self) -> None:
        """Ends a stop that is under way: what still runs is cancelled, and connections dropped."""
        _log.warn("{name} is told to stop again, and ends at once", name=self.name)
        self.factory.cut_short()

    def _listening(self, port: Any, listener: Listener) -> None:
        write_at_once(port)
        pause_when_exhausted(port, self.factory.clock, self.factory.stats)
        self.ports.append(port)
        _log.info(
            "listening on {address} ({description})",
            address=address_text(port.getHost()),
            description=listener.description,
        )
        self._tell_if_ready()

    def _tell_if_ready(self) -> None:
        """Tells that it serves, once it has started and listens everywhere."""
        if self.running and len(self.ports) == len(self._listeners):
            places = ", ".join(address_text(port.getHost()) for port in self.ports)
            self.notifier.ready(f"listening on {places}")

    def _cannot_listen(self, failure: Failure, listener: Listener) -> None:
        error = failure.value
        if isinstance(error, CannotListenError):
            error = error.socketError
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        self._error = f"cannot listen on {listener.description}: {reason}"
        # An endpoint that fails at once is reported when all have been tried: what is
        # raised in here would stay in the Deferred.
        if self._privileged:
            self._fail(self._error)


def address_text(host: Any) -> str:
    """A bound address as people write it."""
    if isinstance(host, UNIXAddress):
        return f"unix:{os.fsdecode(host.name or b'')}"
    if getattr(host, "host", None) is None:
        return str(host)
    return f"[{host.host}]:{host.port}" if ":" in host.host else f"{host.host}:{host.port}"
