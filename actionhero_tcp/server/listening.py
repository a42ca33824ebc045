"""What a service does that listens: alone for its clients, or as a supervisor for its workers."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from twisted.application.service import Service
from twisted.internet.address import UNIXAddress
from twisted.internet.defer import Deferred, DeferredList, maybeDeferred
from twisted.internet.error import CannotListenError
from twisted.logger import ILogObserver, Logger
from twisted.python.components import Componentized
from twisted.python.failure import Failure

from ..net.backlog import most_waiting, set_backlog

if TYPE_CHECKING:
    from ..config.sections import Limits
    from ..logs.loggers import Loggers
    from .platform import Platform

STOP_RESERVE_SECONDS: Final = 5.0
"""The time that stopping may take beyond its limits before systemd ends it by force."""

_log = Logger()


@dataclass(frozen=True, slots=True)
class Listener:
    """One place to listen on.

    Attributes:
        endpoint: A Twisted server endpoint.
        description: What it is, for people, such as ``0.0.0.0:5000 (TLS)``.
        backlog: How many connections may wait there; None for what the endpoint sets.
    """

    endpoint: Any
    description: str
    backlog: int | None = None


class ListeningService(Service):
    """Listens, or says why it cannot; and keeps the logs.

    Args:
        factory: Gets the connections.
        listeners: Where to listen.
        platform: The process around it.
        logs: The logs.

    Attributes:
        notifier: Is told when it serves, reloads and stops.
        logs: The logs.
        ports: The ports that listen.
    """

    def __init__(
        self,
        factory: Any,
        listeners: Sequence[Listener],
        platform: Platform,
        logs: Loggers,
    ) -> None:
        self.factory = factory
        self.notifier = platform.notifier
        self.logs = logs
        self.ports: list[Any] = []
        self._listeners = listeners
        self._platform = platform
        self._fail = platform.fail
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
        self._listen()

    def startService(self) -> None:
        """Starts the threads that write the logs."""
        super().startService()  # type: ignore[no-untyped-call]
        # Not sooner: a daemon has forked by now.
        self.logs.start()

    def reopen_logs(self) -> None:
        """Reopens the files of the logs, after they were moved away, and logs it."""
        self.logs.reopen(self._logs_reopened)

    @property
    def _listens_everywhere(self) -> bool:
        return len(self.ports) == len(self._listeners)

    @property
    def _places(self) -> str:
        """Where it listens, for people."""
        return ", ".join(address_text(port.getHost()) for port in self.ports)

    def _listen(self) -> None:
        for listener in self._listeners:
            listening = maybeDeferred(listener.endpoint.listen, self.factory)
            listening.addCallback(self._listening, listener)
            listening.addErrback(self._cannot_listen, listener)
        self._privileged = True
        if self._error is not None:
            self._fail(self._error)

    def _stop_listening(self) -> Deferred[Any]:
        """Closes the ports; the Deferred fires when they are closed."""
        closing = [maybeDeferred(port.stopListening) for port in self.ports]
        self.ports.clear()
        return DeferredList(closing, consumeErrors=True)

    def _logs_reopened(self, errors: list[str]) -> None:
        if not errors:
            _log.info("reopened the logs")
        self._report_unopened(errors)

    def _report_unopened(self, errors: list[str]) -> None:
        for error in errors:
            _log.error("{error}; the old file is written on", error=error)

    def _listening(self, port: Any, listener: Listener) -> None:
        """A port listens."""
        if listener.backlog is not None:
            set_backlog(port, listener.backlog)
        self.ports.append(port)
        _log.info(
            "listening on {address} ({description})",
            address=address_text(port.getHost()),
            description=listener.description,
        )
        most = most_waiting()
        if listener.backlog is not None and most is not None and most < listener.backlog:
            _log.warn(
                "backlog of {backlog} connections is capped at {most} by net.core.somaxconn "
                "({description})",
                backlog=listener.backlog,
                most=most,
                description=listener.description,
            )

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


def stop_seconds(limits: Limits) -> float:
    """How long a graceful shutdown may take."""
    # Six times the second one: hooks that still run, background tasks, hooks of the stop, the logs,
    # and blocking actions that do not return, each get as long again.
    return limits.drain_timeout + 6 * limits.close_timeout + STOP_RESERVE_SECONDS


def address_text(host: Any) -> str:
    """A bound address as people write it."""
    if isinstance(host, UNIXAddress):
        return f"unix:{os.fsdecode(host.name or b'')}"
    if getattr(host, "host", None) is None:
        return str(host)
    return f"[{host.host}]:{host.port}" if ":" in host.host else f"{host.host}:{host.port}"
