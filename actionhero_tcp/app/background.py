"""Work that no request waits for: coroutines in the background."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from inspect import iscoroutine
from typing import TYPE_CHECKING, Any, Final

from twisted.internet.defer import Deferred, succeed
from twisted.logger import Logger
from twisted.python.failure import Failure

from ..clock import Clock, Timer, stop
from ..errors import LimitError, printable
from ..logs.failures import log_failure
from . import coroutines
from .coroutines import CANCELLATIONS

if TYPE_CHECKING:
    from ..config.settings import LiveSettings

MAX_NAMED: Final = 10
"""As many tasks one line of the log names."""

_log = Logger()


class BackgroundTask:
    """A coroutine that runs in the background.

    Args:
        coroutine: The coroutine.
        name: The name in the log.
        done: Called when it has ended.

    Attributes:
        name: See above.
        is_done: Whether it has ended.
    """

    __slots__ = ("_coroutine", "_done", "_outcome", "_timer", "is_done", "name")

    def __init__(
        self,
        coroutine: Coroutine[Any, Any, Any],
        name: str,
        done: Callable[[BackgroundTask], object],
    ) -> None:
        self._coroutine: Coroutine[Any, Any, Any] | None = coroutine
        self._done = done
        self._timer: Timer | None = None
        self._outcome: Any = None
        self.name = name
        self.is_done = False

    def __repr__(self) -> str:
        return f"<BackgroundTask {self.name}{' (done)' if self.is_done else ''}>"

    def cancel(self) -> None:
        """Cancel it; one that has not begun never does."""
        if self._coroutine is not None:
            stop(self._timer)
            self._coroutine.close()
            self._end()
        elif isinstance(self._outcome, Deferred) and not self.is_done:
            self._outcome.cancel()

    def _begin_later(self, clock: Clock) -> None:
        self._timer = clock.callLater(0, self._begin)

    def _begin(self) -> None:
        coroutine, self._coroutine = self._coroutine, None
        assert coroutine is not None
        self._outcome = coroutines.start(self._run(coroutine))
        if isinstance(self._outcome, Deferred):
            self._outcome.addErrback(lambda failure: None)

    async def _run(self, coroutine: Coroutine[Any, Any, Any]) -> None:
        # A Deferred that is cancelled fires before its coroutine has ended; this is its end.
        try:
            await coroutine
        except CANCELLATIONS:
            pass
        except (Exception, SystemExit):
            log_failure(_log, "the background task {name} failed", Failure(), name=self.name)
        finally:
            self._end()

    def _end(self) -> None:
        self._coroutine = None
        self.is_done = True
        self._done(self)


class Background:
    """The background tasks of a process: they begin after its startup, and end with its stop.

    Args:
        live: How many tasks may run, and how long they have to end.
        clock: Calls later.
    """

    def __init__(self, live: LiveSettings, clock: Clock) -> None:
        self._live = live
        self._clock = clock
        self._tasks: dict[BackgroundTask, None] = {}
        self._has_started = False
        self._is_over = False
        self._timer: Timer | None = None
        self._stopped: Deferred[None] | None = None

    def __len__(self) -> int:
        return len(self._tasks)

    def run(self, coroutine: Coroutine[Any, Any, Any], name: str = "") -> BackgroundTask:
        """Run a coroutine from the reactor's next pass on, or from the startup on.

        Args:
            coroutine: The coroutine.
            name: The name in the log; empty for that of its function.

        Raises:
            LimitError: As many tasks run as may.
            RuntimeError: The server stops.
            TypeError: It is no coroutine.
        """
        if not iscoroutine(coroutine):
            kind = type(coroutine).__name__
            raise TypeError(f"a background task is a coroutine, as in refresh(api), not {kind}")
        most = self._live.limits.max_background_tasks
        if self._is_over or len(self._tasks) >= most:
            coroutine.close()
            if self._is_over:
                raise RuntimeError("the server stops: no background task can begin")
            raise LimitError("maxBackgroundTasks", f"at most {most} background tasks can run")
        task = BackgroundTask(coroutine, name or coroutine.__qualname__, self._ended)
        self._tasks[task] = None
        if self._has_started:
            task._begin_later(self._clock)
        return task

    def start(self) -> None:
        """Begin the tasks that were given before the startup, and later ones at once."""
        self._has_started = True
        for task in self._tasks:
            task._begin_later(self._clock)

    def stop(self) -> Deferred[None]:
        """Cancel all tasks, and wait for them to end, for as long as ``limits.closeTimeout``.

        Returns:
            A Deferred that fires when none runs any more.
        """
        self._is_over = True
        for task in tuple(self._tasks):
            task.cancel()
        if not self._tasks:
            return succeed(None)
        self._stopped = Deferred()
        self._timer = self._clock.callLater(self._live.limits.close_timeout, self.give_up)
        return self._stopped

    def give_up(self) -> None:
        """Wait no longer for tasks that go on although they were cancelled."""
        if self._stopped is not None:
            names = sorted({printable(task.name) for task in self._tasks})
            _log.warn(
                "{count} background tasks were cancelled and have not ended: {names}",
                count=len(self._tasks),
                names=", ".join(names[:MAX_NAMED]),
            )
        self._fire()

    def _ended(self, task: BackgroundTask) -> None:
        del self._tasks[task]
        if not self._tasks:
            self._fire()

    def _fire(self) -> None:
        stop(self._timer)
        stopped, self._stopped = self._stopped, None
        if stopped is not None:
            stopped.callback(None)
