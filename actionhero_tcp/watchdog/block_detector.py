"""Tells from beats and looks when the reactor is blocked, and logs it: rules without a clock."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from traceback import StackSummary
from typing import TYPE_CHECKING, Final

from twisted.logger import Logger

from ..errors import printable_lines, shorten

if TYPE_CHECKING:
    from ..stats import Stats

LOOKS: Final = 5
"""Beats, and looks, in the time that the reactor may be blocked: every 50 ms by default."""

REPEAT_SECONDS: Final = 10.0
"""As long no further stall of the same action is logged; those are counted."""

SEVERAL: Final = "several calls"
"""Stands for who is to blame; nobody is called so."""

MOST_SHOWN: Final = 80
"""As many characters of who is to blame are logged."""

MAX_ENDED: Final = 16
"""As many stalls that have ended wait for a look; past it the oldest are forgotten."""

_log = Logger()


@dataclass(slots=True)
class _Call:
    """The functions that samples find running.

    Attributes:
        key: The action or hook, or an empty string, and the number of requests so far. While
            no other request begins, it is the same call.
        began: The age of the stall when it did not run yet.
        stack: Where it was at the last look.
        seen: For how many seconds it was there.
        logged: Whether the log says that it blocks.
    """

    key: tuple[str, int]
    began: float
    stack: StackSummary = field(default_factory=StackSummary)
    seen: float = 0.0
    logged: bool = False


@dataclass(slots=True)
class _Stall:
    """The time since a beat, which is a stall where no other comes for long.

    Attributes:
        start: The beat.
        stopped: For how many of the seconds since then the process did not run.
        age: The other seconds, up to the last look.
        call: The functions that ran then.
        logged: Whether it is logged, or counted where that would be too often.
        lasts: Whether the log says that it has not ended.
    """

    start: float
    stopped: float = 0.0
    age: float = 0.0
    call: _Call = field(default_factory=lambda: _Call(("", -1), 0.0))
    logged: bool = False
    lasts: bool = False


class BlockDetector:
    """Logs each time that the reactor is blocked, and by what.

    All times are in seconds, on a clock that does not run while the machine sleeps.

    A late sample also says something. Where the reactor's thread used no CPU
    meanwhile, the process was stopped or the machine had no time for it. That is no
    action's fault, and does not count. Where it did, the thread was in C code that keeps
    the interpreter's lock (a regular expression, a sort), and that counts: on a busy machine
    the CPU time that it used, otherwise all of the time.

    Args:
        seconds: How long the reactor may be blocked.
        read: Gives the action or hook in the reactor's stack, as in ``action find``, or an empty
            string, and the stack.
        stats: Counts the stalls, and knows the number of requests.
        now: The first beat.
        cpu: The CPU time that the reactor's thread has used by then.

    Attributes:
        interval: From beat to beat, and from look to look.
    """

    def __init__(
        self,
        seconds: float,
        read: Callable[[], tuple[str, StackSummary]],
        stats: Stats,
        now: float,
        cpu: float,
    ) -> None:
        self.interval = seconds / LOOKS
        self._seconds = seconds
        self._read = read
        self._stats = stats
        self._beat = self._looked = now
        self._cpu = cpu
        self._requests = stats.requests
        self._rate = 0.0
        self._ended: deque[tuple[float, float]] = deque(maxlen=MAX_ENDED)
        self._stall = _Stall(now)
        self._logged: dict[str, float] = {}
        self._not_logged: Counter[str] = Counter()

    def beat(self, now: float) -> None:
        """Says that the reactor runs. This alone is called in its thread."""
        if now - self._beat >= self._seconds:
            self._ended.append((self._beat, now))
        self._beat = now

    def look(self, now: float, cpu: float) -> bool:
        """Logs what there is to log.

        Args:
            now: The time.
            cpu: The CPU time that the reactor's thread has used so far.

        Returns:
            Whether a beat has begun to be missing: then ask for one. A reactor that only
            waits, since the clock of its timers was set back, gives it at once.
        """
        ran, stopped = self._since_last_look(now, cpu)
        stall = self._stall = self._current(now, stopped)
        age = now - stall.start - stall.stopped
        if age <= 2 * self.interval:
            return False
        begins = not stall.age
        self._see(stall, age, ran, now)
        self._go_on(stall, now)
        return begins

    def _since_last_look(self, now: float, cpu: float) -> tuple[float, float]:
        """For how long what runs now did surely run, and the process did not run at all."""
        requests = self._stats.requests
        passed, used, begun = now - self._looked, cpu - self._cpu, requests - self._requests
        usual = self._rate * self.interval
        self._looked, self._cpu, self._requests = now, cpu, requests
        self._rate = begun / max(passed, self.interval)
        late = passed - self.interval
        if late <= self.interval:
            return passed, 0.0
        # Where requests went on beginning, it was the look that got no turn.
        is_one_call = begun <= 2 * usual + 1
        if used < late / 2:
            # Others had the machine; what the thread did use it ran nevertheless.
            ran = max(self.interval, used)
            return ran if is_one_call else self.interval, passed - ran
        return passed if is_one_call else self.interval, 0.0

    def _current(self, now: float, stopped: float) -> _Stall:
        """The time since the last beat. Logs the stalls that have ended."""
        beat = self._beat  # Read before those: one that comes in between is for the next look.
        stall = self._stall
        # No beat comes while the process is stopped.
        since_beat = stopped if now - beat >= stopped else 0.0
        while self._ended:
            start, end = self._ended.popleft()
            if start != stall.start:
                stall = _Stall(start)
            stall.stopped += stopped - since_beat
            self._end(stall, end)
            stall = _Stall(end)
        if beat > stall.start:
            stall = _Stall(beat)
        stall.stopped += since_beat
        return stall

    def _see(self, stall: _Stall, age: float, ran: float, now: float) -> None:
        """Notes what runs."""
        action, stack = self._read()
        if self._beat != stall.start:
            return
        if stall.call.key != (action, self._requests):
            self._end_call(stall, age, now)
            stall.call = _Call((action, self._requests), stall.age)
        stall.call.stack = stack
        stall.call.seen += min(ran, age)
        stall.age = age

    def _go_on(self, stall: _Stall, now: float) -> None:
        """Logs what has not ended."""
        call, age = stall.call, stall.age
        if self._blocks(call, age):
            if not call.logged and self._tell(call, age - call.began, now, lasts=True):
                call.logged = stall.logged = stall.lasts = True
        elif age >= 2 * self._seconds and not stall.logged:
            stall.logged = stall.lasts = self._tell(call, age, now, alone=False, lasts=True)

    def _end_call(self, stall: _Stall, age: float, now: float) -> None:
        call = stall.call
        if self._blocks(call, age) and not call.logged:
            self._tell(call, age - call.began, now)
            stall.logged = True

    def _end(self, stall: _Stall, end: float) -> None:
        age = end - stall.start - stall.stopped
        if age < self._seconds:
            return
        self._stats.blocked += 1
        self._stats.blocked_seconds += age
        self._end_call(stall, age, end)
        if not stall.logged:
            self._tell(stall.call, age, end, alone=False)
        elif stall.lasts:
            _log.warn("the reactor goes on after {seconds:.2f} s", seconds=age)

    def _blocks(self, call: _Call, age: float) -> bool:
        """Whether a call took so long, and was seen for so long that this is no chance."""
        return age - call.began >= self._seconds and call.seen >= self._seconds / 2

    def _tell(
        self, call: _Call, seconds: float, now: float, *, alone: bool = True, lasts: bool = False
    ) -> bool:
        """Logs what blocks, unless it also did just now.

        Args:
            call: The blocking function, or the last one seen.
            seconds: For how long it blocks, or several calls together.
            now: The time.
            alone: Whether it is this one call.
            lasts: Whether it has not ended.

        Returns:
            Whether it is logged.
        """
        action = call.key[0]
        culprit = action if alone else SEVERAL
        if now - self._logged.get(culprit, -REPEAT_SECONDS) < REPEAT_SECONDS:
            self._not_logged[culprit] += not lasts
            return False
        self._logged[culprit] = now
        more = self._not_logged.pop(culprit, 0)
        _log.warn(
            "the reactor {was} blocked for {seconds:.2f} s{so_far}{by}{more}{stack}",
            was="has been" if lasts else "was",
            seconds=seconds,
            so_far=" so far" if lasts else "",
            by=_by(call, alone),
            more=f" ({more} more since this was last logged)" if more else "",
            stack=_text(call.stack),
        )
        return True


def _by(call: _Call, alone: bool) -> str:
    """Who is to blame, as the log says it."""
    culprit = f"the {shorten(call.key[0], MOST_SHOWN)}" if call.key[0] else ""
    if alone or not call.stack:
        return culprit and f" by {culprit}"
    return " by several calls, such as this" + (culprit and f" of {culprit}")


def _text(stack: StackSummary) -> str:
    """A stack as it follows a line of the log, safe to show; nothing where there is none."""
    lines = "".join(stack.format()).rstrip("\n")
    return ":\n" + printable_lines(lines) if lines else ""
