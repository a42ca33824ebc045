"""What the process does on a signal."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Mapping
from types import FrameType
from typing import Any, Final

from twisted.logger import Logger

_log = Logger()

SAME_SIGNAL_SECONDS: Final = 0.25
"""What comes so soon after the first signal to stop is taken for the same one: a supervisor may
send it to the process and to its group."""

Handler = Callable[[int, FrameType | None], Any]


class Signals:
    """The handlers of a running daemon.

    The first SIGTERM or SIGINT is left to Twisted, which stops the reactor in good order. The
    second cuts that short. The third ends the process at once.

    Args:
        reactor: The reactor; everything is called in its thread.
        cut_short: Ends a stop in good order.
        calls: What to call for other signals, by their numbers.
    """

    def __init__(
        self,
        reactor: Any,
        cut_short: Callable[[], object],
        calls: Mapping[int, Callable[[], object]],
    ) -> None:
        self._reactor = reactor
        self._cut_short = cut_short
        self._calls = calls
        self._twisted: dict[int, Handler] = {}
        self._latest: float | None = None
        self._was_cut_short = False

    def install(self) -> None:
        """Takes over the signals; to be called when the reactor runs and has taken its own."""
        for number in (signal.SIGTERM, signal.SIGINT):
            handler = signal.getsignal(number)
            if callable(handler):
                self._twisted[number] = handler
                signal.signal(number, self._stop)
        for other in self._calls:
            signal.signal(other, self._call)

    def _call(self, number: int, frame: FrameType | None) -> None:
        self._reactor.callFromThread(self._calls[number])

    def _stop(self, number: int, frame: FrameType | None) -> None:
        now = time.monotonic()
        latest, self._latest = self._latest, now
        if latest is None:
            self._twisted[number](number, frame)
        elif now - latest < SAME_SIGNAL_SECONDS:
            self._latest = latest
        elif not self._was_cut_short:
            self._was_cut_short = True
            self._reactor.callFromThread(self._cut_short)
        else:
            end_process(number)


def end_process(number: int) -> None:
    """Ends the process by a signal, at once."""
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)


def end_process_after(seconds: float, number: int) -> None:
    """Ends the process by a signal should it still be there after some time.

    A thread that never returns would keep it for ever: Python waits for its threads.

    Args:
        seconds: The time.
        number: The signal; from now on it ends the process whenever it comes.
    """
    signal.signal(number, signal.SIG_DFL)
    timer = threading.Timer(seconds, os.kill, (os.getpid(), number))
    timer.daemon = True
    timer.start()
