"""Coroutines as asyncio tasks, which may await Deferreds as well.

A coroutine takes its first step within a task, since ``asyncio.timeout`` and ``TaskGroup`` ask for
the current one before anything waits. Where that was its last step the task serves the next one.
"""

from __future__ import annotations

import asyncio
from asyncio import AbstractEventLoop, Future, Task
from collections.abc import Callable, Coroutine, Generator
from contextvars import Context, copy_context
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.python.failure import Failure

from ..net import current_task


class Bridged(Coroutine[Any, Any, Any]):
    """A coroutine as an asyncio task can run it: a Deferred that it awaits becomes a future.

    Args:
        coroutine: The coroutine.
        loop: The event loop.
    """

    __slots__ = ("_coroutine", "_deferred", "_loop")

    def __init__(self, coroutine: Coroutine[Any, Any, Any], loop: AbstractEventLoop) -> None:
        self._coroutine = coroutine
        self._loop = loop
        self._deferred: Deferred[Any] | None = None

    def __getattr__(self, name: str) -> Any:
        # Attributes of a task's coroutine for debuggers and anyio, such as `cr_running`.
        return getattr(self._coroutine, name)

    def __await__(self) -> Generator[Any, Any, Any]:
        """Nobody awaits it but a task, which uses `send`."""
        raise NotImplementedError

    def send(self, value: Any) -> Any:
        """Run it up to the next thing it has to wait for, and return what a task can await."""
        return self.awaitable(self._coroutine.send(None))

    def throw(self, error: Any, *rest: Any) -> Any:
        """Raise an error in it; a Deferred that it awaits is cancelled."""
        deferred, self._deferred = self._deferred, None
        if deferred is not None and not deferred.called:
            deferred.addErrback(lambda failure: failure.trap(CancelledError) and None)
            deferred.cancel()
        return self.awaitable(self._coroutine.throw(error))

    def close(self) -> None:
        """End it."""
        self._coroutine.close()

    def waits_for(self, deferred: Deferred[Any]) -> None:
        """Have an error that is raised in it cancel this Deferred, which it awaits."""
        self._deferred = deferred

    def awaitable(self, awaited: Any) -> Any:
        """Return what a task can wait for in place of what the coroutine awaits."""
        if not isinstance(awaited, Deferred):
            return awaited
        self._deferred = awaited
        future = self._loop.create_future()
        # Before it is done, as it may be in a moment: a timer may have fired the Deferred since
        # the coroutine awaited it, and a future that is done would end the task here.
        waiting = _yielded(future)

        def fired(outcome: Any) -> Any:
            if not future.done():
                future.set_result(None)
            # The coroutine takes it from the Deferred.
            return outcome

        awaited.addBoth(fired)
        return waiting


def _yielded(future: Future[Any]) -> Any:
    """Return the future in the state in which a coroutine hands it to its task."""
    return next(iter(future))


class _Run(Coroutine[Any, Any, None]):
    """Run in an asyncio task: nothing at first, then the rest of a coroutine.

    The task is there before the coroutine starts, so that it can be asyncio's current task
    during the first step. Where that was the last step the task serves the next coroutine.

    Args:
        loop: The event loop.

    Attributes:
        task: The task.
        coroutine: The coroutine; None while there is none.
    """

    __slots__ = ("_awaited", "_bridged", "_context", "_deferred", "_idle", "coroutine", "task")

    def __init__(self, loop: AbstractEventLoop) -> None:
        self.coroutine: Coroutine[Any, Any, Any] | None = None
        self._idle: Future[None] | None = None
        self._bridged: Bridged | None = None
        self._awaited: tuple[Any, ...] = ()
        self._deferred: Deferred[Any]
        self._context: Context
        self.task: Task[None] = Task(self, loop=loop)

    def __getattr__(self, name: str) -> Any:
        if name.startswith(("cr_", "__")) and self.coroutine is not None:
            return getattr(self.coroutine, name)
        raise AttributeError(name)

    def __await__(self) -> Generator[Any, Any, None]:
        """Nobody awaits it but its task, which uses `send`."""
        raise NotImplementedError

    def continue_with(self, awaited: Any, context: Context) -> Deferred[Any]:
        """Have the task run the rest of the coroutine.

        Args:
            awaited: The awaitable that the coroutine waits for.
            context: The context in which it runs.
        """
        assert self.coroutine is not None
        self._bridged = Bridged(self.coroutine, self.task.get_loop())
        self._awaited = (awaited,)
        self._context = context
        self._deferred = Deferred(self._cancel)
        if self._idle is not None:
            current_task.set_quiet(self.task, False)
            self._idle.set_result(None)
            self._idle = None
        return self._deferred

    def send(self, value: Any) -> Any:
        """See `Coroutine.send`; called by the task."""
        bridged = self._bridged
        if bridged is None:
            self._idle = self.task.get_loop().create_future()
            current_task.set_quiet(self.task, True)
            return _yielded(self._idle)
        if self._awaited:
            (awaited,) = self._awaited
            self._awaited = ()
            # A bare None asks for the loop's next pass, which this is.
            if awaited is not None:
                return bridged.awaitable(awaited)
        return self._step(bridged.send, None)

    def throw(self, error: Any, *rest: Any) -> Any:
        """See `Coroutine.throw`; called by the task."""
        bridged = self._bridged
        if bridged is None:
            raise error
        if self._awaited:
            (awaited,) = self._awaited
            self._awaited = ()
            if isinstance(awaited, Deferred):
                bridged.waits_for(awaited)
            elif isinstance(awaited, Future):
                awaited.cancel()
        return self._step(bridged.throw, error)

    def _step(self, step: Callable[[Any], Any], argument: Any) -> Any:
        """Take a step; the last one fires the Deferred at once, not in the loop's next pass."""
        outcome: Any
        try:
            return self._context.run(step, argument)
        except StopIteration as stop:
            outcome = stop.value
        except BaseException as error:
            outcome = Failure(error)
        # The task knows this object: without the circle both are freed at once.
        del self.task
        # One that was cancelled has fired already, and nobody waits for its cleanup.
        if not self._deferred.called:
            self._deferred.callback(outcome)
        if isinstance(outcome, Failure) and outcome.check(asyncio.CancelledError):
            outcome.raiseException()
        raise StopIteration

    def _cancel(self, _: Deferred[Any]) -> None:
        self.task.cancel()

    def close(self) -> None:
        """End the coroutine."""
        if self.coroutine is not None:
            self.coroutine.close()


class TaskStarter:
    """Starts coroutines on one event loop, whose tasks may await Deferreds from then on.

    Args:
        loop: The event loop.

    Attributes:
        loop: See above.
    """

    def __init__(self, loop: AbstractEventLoop) -> None:
        self.loop = loop
        self._spare: _Run | None = None
        if loop.get_task_factory() is None:
            loop.set_task_factory(_bridged_task)  # type: ignore[arg-type]

    def start(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        """See the function of this name."""
        enter, leave, loop = current_task.enter, current_task.leave, self.loop
        run = self._spare
        if run is None or run.task.cancelling() or run.task.done():
            run = _Run(loop)
        run.coroutine = coroutine
        context = copy_context()
        if enter is None or leave is None:
            self._spare = None
            return run.continue_with(None, context)
        # A coroutine that starts another one has its own spare task.
        self._spare = None
        task, outer = run.task, None
        try:
            enter(loop, task)
        except RuntimeError:
            outer = asyncio.current_task(loop)
            assert outer is not None
            leave(loop, outer)
            enter(loop, task)
        try:
            awaited = context.run(coroutine.send, None)
        except BaseException as error:
            run.coroutine = None
            self._spare = run
            if isinstance(error, StopIteration):
                return error.value
            raise
        finally:
            leave(loop, task)
            if outer is not None:
                enter(loop, outer)
        return run.continue_with(awaited, context)


def _bridged_task(
    loop: AbstractEventLoop, coroutine: Coroutine[Any, Any, Any], **keywords: Any
) -> Task[Any]:
    """Make a task that may await Deferreds."""
    return Task(Bridged(coroutine, loop), loop=loop, **keywords)


_latest: TaskStarter | None = None


def starter(loop: AbstractEventLoop) -> TaskStarter:
    """Starts coroutines on a loop; a process has one, and its tests one after the other."""
    global _latest
    starter = _latest
    if starter is None or starter.loop is not loop:
        starter = _latest = TaskStarter(loop)
    return starter
