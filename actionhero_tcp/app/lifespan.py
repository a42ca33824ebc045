"""Runs the hooks of the start and the stop: an application opens what it needs, and closes it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from inspect import isawaitable
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred, maybeDeferred, succeed
from twisted.logger import Logger
from twisted.python.failure import Failure

from ..clock import Clock, stop
from ..errors import ClientError, StartError, printable
from ..logs.failures import log_failure
from . import coroutines
from .coroutines import CANCELLATIONS
from .hooks import ON_START, ON_STOP, Hook

if TYPE_CHECKING:
    from .api import Api

_log = Logger()


class Course:
    """Hooks that run one after the other, with one time limit for all of them.

    Args:
        clock: Calls later.
        seconds: The time limit.

    Attributes:
        is_over: Whether the time is up, or nobody waits any more; a hook that has to wait for
            something is cancelled then.
    """

    def __init__(self, clock: Clock, seconds: float) -> None:
        self.is_over = False
        self._timer = clock.callLater(seconds, self.end)
        self._current: Deferred[None] | None = None

    def run(self, hook: Hook, api: Api) -> Deferred[None]:
        """Runs a hook.

        Returns:
            A Deferred that fires when the hook has ended, or was cancelled. One that goes on
            all the same keeps nobody waiting.
        """
        work = maybeDeferred(coroutines.start, _called(hook, api))
        ended: Deferred[None] = Deferred(lambda _: work.cancel())
        work.addBoth(_hand_on, hook, ended)
        self._current = ended
        if self.is_over:
            ended.cancel()
        return ended

    def end(self) -> None:
        """Cancels the hook that runs, and each later one that has to wait."""
        self.is_over = True
        stop(self._timer)
        if self._current is not None:
            self._current.cancel()


class Lifecycle:
    """The hooks of the start and the stop of a process that serves; each runs once.

    Args:
        hooks: The hooks, as their files and lines are in order; others are left out. They
            stay those with which the process has started.
        api: The server's face to hooks.
    """

    def __init__(self, hooks: Iterable[Hook], api: Api) -> None:
        ordered = sorted(hooks, key=lambda hook: hook.order)
        self._to_start = [hook for hook in ordered if hook.kind == ON_START]
        self._to_stop = [hook for hook in ordered if hook.kind == ON_STOP][::-1]
        self._api = api
        self._course: Course | None = None
        self._given_up = False

    @property
    def starts(self) -> bool:
        """Whether there are hooks of the start that have not ended well."""
        return bool(self._to_start)

    def start(self) -> Deferred[None]:
        """Runs the hooks of the start, for as long as ``limits.actionTimeout``.

        Returns:
            A Deferred that fires when all have ended. It fails with a StartError that names
            the hook which keeps the server from starting, and says why.
        """
        seconds = self._api.config.limits.action_timeout
        self._course = course = Course(self._api.reactor, seconds)
        started = Deferred.fromCoroutine(self._start(course, seconds))
        return started.addBoth(_ended, course)

    async def _start(self, course: Course, seconds: float) -> None:
        while self._to_start:
            hook = self._to_start[0]
            try:
                await course.run(hook, self._api)
            except (Exception, SystemExit, asyncio.CancelledError) as error:
                if not course.is_over:
                    raise _refusal(hook, error) from None
            if course.is_over:
                raise StartError(
                    f"{_named(hook)} has not ended in {seconds:g} s (limits.actionTimeout)"
                )
            del self._to_start[0]

    def stop(self) -> Deferred[None]:
        """Runs the hooks of the stop, for as long as ``limits.closeTimeout``.

        A start that is still under way is ended. Left out are hooks of files in which one of
        the start has not ended well: what they would close is not there.

        Returns:
            A Deferred that fires when they have ended; it never fails.
        """
        if self._course is not None:
            self._course.end()
        unopened = {hook.file for hook in self._to_start}
        hooks = [hook for hook in self._to_stop if hook.file not in unopened]
        self._to_stop.clear()
        if not hooks:
            return succeed(None)
        seconds = self._api.config.limits.close_timeout
        self._course = course = Course(self._api.reactor, seconds)
        if self._given_up:
            course.end()
        return Deferred.fromCoroutine(self._stop(course, hooks)).addBoth(_ended, course)

    async def _stop(self, course: Course, hooks: Iterable[Hook]) -> None:
        for hook in hooks:
            try:
                await course.run(hook, self._api)
            except (Exception, SystemExit, asyncio.CancelledError) as error:
                if course.is_over and isinstance(error, CANCELLATIONS):
                    _log.warn("{hook} was cancelled: its time is up", hook=_named(hook))
                else:
                    _tell(hook, Failure())

    def give_up(self) -> None:
        """Cancels the hook that runs, and waits for no later one."""
        self._given_up = True
        if self._course is not None:
            self._course.end()


async def _called(hook: Hook, api: Api) -> None:
    outcome = hook.function(api)
    if isawaitable(outcome):
        await outcome


def _hand_on(outcome: Any, hook: Hook, ended: Deferred[None]) -> None:
    """The result of a hook goes to its caller, or to the log without one."""
    if not isinstance(outcome, Failure):
        if not ended.called:
            ended.callback(None)
    elif not ended.called:
        ended.errback(outcome)
    elif not outcome.check(*CANCELLATIONS):
        _tell(hook, outcome)


def _ended(outcome: Any, course: Course) -> Any:
    course.end()
    return outcome


def _refusal(hook: Hook, error: BaseException) -> StartError:
    """Why the server does not start; an error that is no refusal, and is handled, is logged."""
    if isinstance(error, ClientError):
        return StartError(
            f"{_named(hook)} refuses the start: {printable(str(error.text or error))}"
        )
    if isinstance(error, StartError):
        return StartError(f"{_named(hook)} refuses the start: {printable(str(error))}")
    _tell(hook, Failure())
    kind = type(error).__name__
    return StartError(f"{_named(hook)} failed: {kind}: {printable(str(error))}")


def _tell(hook: Hook, failure: Failure) -> None:
    """Logs what a hook has raised."""
    log_failure(_log, "{hook} failed", failure, hook=_named(hook))


def _named(hook: Hook) -> str:
    return f"{hook.place}: the hook {hook.name!r} (@{hook.kind})"
