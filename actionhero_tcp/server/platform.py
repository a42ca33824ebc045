"""The process around a server: what it is told, and how it ends."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..app.thread_pool import FairThreadPool
    from ..daemon.systemd import Notifier

Call = Callable[[], object]


def _nothing(*_: object) -> None:
    """Stands for a call that nobody waits for."""


@dataclass(frozen=True, slots=True)
class Platform:
    """The process, as a service needs it.

    Attributes:
        reactor: The reactor.
        notifier: Is told when the server is ready, reloads and stops.
        fail: Called with one line of text when the server cannot start.
        hold: Called when the start takes longer than listening does; the parent process of a
            background start waits from then on.
        started: Called when the server serves.
        stopped: Called when it has stopped, with the threads in which actions may still run, and
            the seconds that they have.
        when_running: Calls a function once the reactor runs; None for the reactor's own way.
    """

    reactor: Any
    notifier: Notifier
    fail: Callable[[str], object]
    hold: Call = _nothing
    started: Call = _nothing
    stopped: Callable[[FairThreadPool, float], object] = _nothing
    when_running: Callable[[Call], object] | None = None

    def call_when_running(self, call: Call) -> None:
        """Calls a function once the reactor runs."""
        if self.when_running is not None:
            self.when_running(call)
        else:
            # On asyncio reactors the loop runs one pass later than that.
            self.reactor.callWhenRunning(self.reactor.callLater, 0, call)
