"""Stand-ins for what a service that listens is made of."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred, succeed
from twisted.logger import LogEvent, formatEvent, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp.logs.server_log import ServerLog


class FakePort:
    """A listening port that remembers when it stopped."""

    def __init__(self, order: list[str], stopped: Deferred[None] | None = None) -> None:
        self.order = order
        self.stopped = stopped

    def getHost(self) -> IPv4Address:
        return IPv4Address("TCP", "127.0.0.1", 4000)

    def stopListening(self) -> Deferred[None] | None:
        self.order.append("stopListening")
        return self.stopped


class FakeEndpoint:
    """An endpoint with a given outcome."""

    def __init__(self, outcome: Any) -> None:
        self.outcome = outcome
        self.factories: list[Any] = []

    def listen(self, factory: Any) -> Any:
        self.factories.append(factory)
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return self.outcome


class FakeCloser:
    """A cache or a watch, which tell when they start and are closed."""

    def __init__(self, order: list[str], name: str) -> None:
        self.order = order
        self.name = name

    def start(self) -> None:
        self.order.append(f"start {self.name}")

    def close(self) -> None:
        self.order.append(f"close {self.name}")


class FakeLogs:
    """The logs, which tell when they are closed."""

    def __init__(self, order: list[str]) -> None:
        self.order = order
        self.goes_nowhere = False
        self.started = 0
        self.server: ServerLog | None = None
        self.errors: list[str] = []
        self.closed: Deferred[None] = succeed(None)

    def start(self) -> None:
        self.started += 1

    def close(self) -> Deferred[None]:
        self.order.append("close logs")
        return self.closed

    def reopen(self, reopened: Callable[[list[str]], object]) -> None:
        reopened(self.errors)


class FakeNotifier:
    """A notifier that remembers what it was told."""

    watchdog = 0.0

    def __init__(self) -> None:
        self.told: list[tuple[Any, ...]] = []

    def ready(self, status: str) -> None:
        self.told.append(("ready", status))

    def reloading(self) -> None:
        self.told.append(("reloading",))

    def stopping(self, status: str, seconds: float) -> None:
        self.told.append(("stopping", status, seconds))

    def close(self) -> None:
        self.told.append(("close",))


class ServingTestCase(SynchronousTestCase):
    """Has what services are made of, and keeps what is logged."""

    def setUp(self) -> None:
        self.order: list[str] = []
        self.failures: list[str] = []
        self.notifier = FakeNotifier()
        self.logs = FakeLogs(self.order)
        self.events: list[LogEvent] = []
        globalLogPublisher.addObserver(self.events.append)
        self.addCleanup(globalLogPublisher.removeObserver, self.events.append)

    @property
    def log(self) -> list[str]:
        """What was logged."""
        return [formatEvent(event) for event in self.events]
