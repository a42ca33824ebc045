"""Runs what `@every` has marked, again and again while the server runs."""

from __future__ import annotations

from collections.abc import Iterable
from math import floor
from typing import TYPE_CHECKING

from twisted.logger import Logger

from ..clock import Timer, stop
from ..errors import LimitError
from .hooked_action import result
from .hooks import EVERY, Hook

if TYPE_CHECKING:
    from .api import Api
    from .background import BackgroundTask

_log = Logger()


class Schedule:
    """The functions that run every so often.

    Args:
        hooks: The hooks, as their files and lines are in order; others are left out.
        api: The server's face to them.
    """

    def __init__(self, hooks: Iterable[Hook], api: Api) -> None:
        self._api = api
        self._has_started = False
        self._repeated: dict[Hook, _Repeated] = {}
        self.set_hooks(hooks)

    def set_hooks(self, hooks: Iterable[Hook]) -> None:
        """Take these hooks in place of the others; those that stay keep their time."""
        repeated = [hook for hook in hooks if hook.kind == EVERY]
        before, self._repeated = self._repeated, {}
        for hook in sorted(repeated, key=lambda hook: hook.order):
            self._repeated[hook] = before.get(hook) or _Repeated(hook, self._api)
        for hook, each in before.items():
            if hook not in self._repeated:
                each.stop()
        if self._has_started:
            self.start()

    def start(self) -> None:
        """Have each run, for the first time after its interval."""
        self._has_started = True
        for each in self._repeated.values():
            each.start()

    def stop(self) -> None:
        """Begin no further run; one that is under way is a background task."""
        self._has_started = False
        for each in self._repeated.values():
            each.stop()


class _Repeated:
    """One function that runs every so often.

    Args:
        hook: The function and its interval.
        api: The server's face to it.
    """

    def __init__(self, hook: Hook, api: Api) -> None:
        self._hook = hook
        self._api = api
        self._due = 0.0
        self._timer: Timer | None = None
        self._task: BackgroundTask | None = None

    def start(self) -> None:
        """Begin to wait for the first run, unless that was done already."""
        if self._timer is None:
            seconds = self._hook.seconds
            self._due = self._api.reactor.seconds() + seconds
            self._timer = self._api.reactor.callLater(seconds, self._run)

    def stop(self) -> None:
        """Wait for no further run."""
        stop(self._timer)
        self._timer = None

    def _run(self) -> None:
        # The runs that a late one has delayed are left out.
        clock, seconds = self._api.reactor, self._hook.seconds
        self._due += seconds * (1 + floor((clock.seconds() - self._due) / seconds))
        self._timer = clock.callLater(max(0.0, self._due - clock.seconds()), self._run)
        if self._task is not None and not self._task.is_done:
            return
        name = f"{self._hook.name} ({self._hook.place}, @every)"
        try:
            self._task = self._api.tasks.run(self._call(), name)
        except LimitError as error:
            _log.error("{name} was left out: {reason}", name=name, reason=str(error))

    async def _call(self) -> None:
        await result(self._hook.function(self._api))
