"""Watches the reactor from a thread, which sees what blocks it.

All clients share the reactor's thread. While an action sleeps or computes there, nobody
else is served, and nothing in that thread can say so. So the reactor leaves a beat at
regular times, and another thread checks whether the last one is too old, and reads the
reactor's stack then. This costs nothing unless something blocks.
"""

from __future__ import annotations

import inspect
import sys
import time
from collections.abc import Iterable, Iterator
from threading import Event, Thread, get_ident
from traceback import FrameSummary, StackSummary
from types import CodeType, FrameType
from typing import TYPE_CHECKING, Any, Final

from twisted.logger import Logger

from ..clock import Timer, stop
from .block_detector import BlockDetector

if TYPE_CHECKING:
    from ..app.actions import Action
    from ..app.hooks import Hook
    from ..stats import Stats

SHORTEST: Final = 0.05
"""Less than these seconds cannot be asked for: looks cost something, and are not exact."""

MAX_CALLS: Final = 50
"""As many calls of a stack are kept, the innermost."""

STOP_SECONDS: Final = 5.0
"""As long the thread may take to end."""

_log = Logger()


class Stacks:
    """Reads a thread's stack, and finds actions and hooks in it.

    Args:
        actions: All actions. They are known by the code of their functions, inside of
            decorators that use `functools.wraps`, and of the functions within these.
        hooks: All hooks, known in the same way.
    """

    def __init__(self, actions: Iterable[Action], hooks: Iterable[Hook] = ()) -> None:
        self._names: dict[CodeType, str] = {}
        for action in actions:
            self._know(action.function, f"action {action.name}")
        for hook in hooks:
            self._know(hook.function, f"hook {hook.name}")

    def _know(self, function: Any, name: str) -> None:
        for code in _codes(getattr(inspect.unwrap(function), "__code__", None)):
            known = self._names.get(code, name)
            self._names[code] = name if known == name else f"{known} or {name}"

    def read(
        self, frame: FrameType | None, outside: frozenset[CodeType]
    ) -> tuple[str, StackSummary]:
        """The action or hook in a stack, and the stack from there on.

        Args:
            frame: The innermost call.
            outside: The code of calls at which the stack begins, which are not of interest.

        Returns:
            The outermost one, as in ``action find``, or an empty string and the whole stack.
        """
        calls: list[FrameSummary] = []
        name, depth = "", None
        while frame is not None and frame.f_code not in outside:
            code = frame.f_code
            # The lines themselves are read when they are needed: while a frame is held
            # here, its contents may be freed here as well.
            calls.append(
                FrameSummary(code.co_filename, frame.f_lineno, code.co_name, lookup_line=False)
            )
            if code in self._names:
                name, depth = self._names[code], len(calls)
            frame = frame.f_back
        return name, StackSummary.from_list(calls[:depth][:MAX_CALLS][::-1])


def _codes(code: object) -> Iterator[CodeType]:
    """A function's code, and that of the functions within it."""
    if isinstance(code, CodeType):
        yield code
        for constant in code.co_consts:
            yield from _codes(constant)


class Monitor:
    """Logs what blocks the reactor.

    Args:
        reactor: The reactor.
        seconds: How long it may be blocked.
        actions: The actions that may do it.
        hooks: The hooks that may.
        stats: Counts how often it is.
    """

    def __init__(
        self,
        reactor: Any,
        seconds: float,
        actions: Iterable[Action],
        hooks: Iterable[Hook],
        stats: Stats,
    ) -> None:
        self._reactor = reactor
        self._seconds = max(seconds, SHORTEST)
        self.set_actions(actions, hooks)
        self._stats = stats
        self._timer: Timer | None = None
        self._thread: Thread | None = None
        self._stopping = Event()

    def set_actions(self, actions: Iterable[Action], hooks: Iterable[Hook]) -> None:
        """Takes these actions and hooks in place of all others."""
        self._stacks = Stacks(actions, hooks)

    def start(self) -> None:
        """Watches from the reactor's next pass on; starts a thread in it."""
        self._timer = self._reactor.callLater(0, self._begin)

    def close(self) -> None:
        """Ends the thread, once it has logged what there was."""
        stop(self._timer)
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(STOP_SECONDS)

    def _begin(self) -> None:
        # The calls around this one are the reactor's own.
        outside = frozenset(_callers(sys._getframe(1)))
        own = get_ident()

        def read() -> tuple[str, StackSummary]:
            return self._stacks.read(sys._current_frames().get(own), outside)

        clock = time.pthread_getcpuclockid(own)
        stalls = BlockDetector(
            self._seconds, read, self._stats, time.monotonic(), time.clock_gettime(clock)
        )
        self._thread = Thread(target=self._look, args=(stalls, clock), name="watch", daemon=True)
        self._thread.start()
        self._beat(stalls, time.monotonic())

    def _beat(self, stalls: BlockDetector, due: float) -> None:
        now = time.monotonic()
        self._stats.loop_lag.observe(max(0.0, now - due))
        stalls.beat(now)
        due = now + stalls.interval
        self._timer = self._reactor.callLater(stalls.interval, self._beat, stalls, due)

    def _look(self, stalls: BlockDetector, cpu_clock: int) -> None:
        """The body of the thread."""
        try:
            stopping, now = False, time.monotonic()
            while not stopping:
                # At once where the last look took that long, by what it logged.
                stopping = self._stopping.wait(now + stalls.interval - time.monotonic())
                now = time.monotonic()
                if stalls.look(now, time.clock_gettime(cpu_clock)):
                    self._reactor.callFromThread(lambda: stalls.beat(time.monotonic()))
        except Exception:
            _log.failure("what blocks the reactor is no longer watched")


def _callers(frame: FrameType | None) -> Iterator[CodeType]:
    while frame is not None:
        yield frame.f_code
        frame = frame.f_back
